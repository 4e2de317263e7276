"""The model registry of Vertex AI, as data: ids, prices and end-of-life dates, with their sources."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple

READ_ON: Final = date(2026, 11, 24)
"""When the rows below were last compared with their sources."""

GLOBAL: Final = "global"
"""The endpoint that sends a prompt to wherever Google has room; Gemini 3 and later are sure to be served
here. Which regions serve a model as well is on the model's own page."""

_LIST: Final = f"Vertex AI price and lifecycle pages through litellm 1.109.1; read {READ_ON}"


_EMBEDDINGS: Final = (
    "price as litellm 1.109.1 has it, end of life (no sooner) as the page Model versions and lifecycle, "
    "docs.cloud.google.com; read 2026-11-27"
)
_REMEMBERED: Final = (
    "price from memory (Vertex AI charges by the character; about four are a token), end of life as the page "
    "Model versions and lifecycle, docs.cloud.google.com; read 2026-11-27"
)
REGION: Final = "us-central1"
"""Where models are called that the global endpoint does not serve, unless a location is given."""


class Row(NamedTuple):
    name: str
    input_usd: float
    """USD per million tokens of text."""
    output_usd: float
    end_of_life: str | None = None
    source: str = _LIST
    location: str = GLOBAL
    """Where it is called if nobody says where."""


ROWS: Final[Mapping[str, Row]] = {
    "gemini-3.1-flash-lite": Row("Gemini 3.1 Flash-Lite", 0.25, 1.5, "2027-05-07"),
    "gemini-3.5-flash-lite": Row("Gemini 3.5 Flash-Lite", 0.3, 2.5, "2027-07-21"),
    "gemini-3.5-flash": Row("Gemini 3.5 Flash", 1.5, 9.0, "2027-05-19"),
    "gemini-3.6-flash": Row("Gemini 3.6 Flash", 0.75, 3.75, "2026-11-19"),
    "gemini-3.7-flash": Row("Gemini 3.7 Flash", 0.75, 3.75, "2027-01-28"),
    "gemini-3.8-flash": Row("Gemini 3.8 Flash", 0.75, 3.75),
    "gemini-4-argon": Row("Gemini 4 Argon", 2.0, 10.0),
    "gemini-2.5-flash-lite": Row("Gemini 2.5 Flash-Lite", 0.1, 0.4, "2026-10-20"),
    "gemini-2.5-flash": Row("Gemini 2.5 Flash", 0.3, 2.5, "2026-10-20"),
    "gemini-2.5-pro": Row("Gemini 2.5 Pro", 1.25, 10.0, "2026-10-20"),
    "gemini-embedding-001": Row("Gemini Embedding", 0.15, 0.0, "2028-05-20", _EMBEDDINGS),
    "text-embedding-005": Row("Text Embedding 005", 0.1, 0.0, "2027-04-01", _REMEMBERED, REGION),
    "text-multilingual-embedding-002": Row(
        "Text Multilingual Embedding 002", 0.1, 0.0, "2027-04-01", _REMEMBERED, REGION
    ),
}

DIMENSIONS: Final[Mapping[str, int]] = {
    "gemini-embedding-001": 768,
    "text-embedding-005": 768,
    "text-multilingual-embedding-002": 768,
}
"""Of the vectors of each embedding model, unless somebody says otherwise. Google recommends 768, 1536 or 3072
numbers for the first: the smallest loses next to nothing, and costs a quarter in every store."""

ALIASES: Final[Mapping[str, str]] = {
    # The cheapest whose end is more than half a year away and that is not a preview.
    "small": "gemini-3.5-flash-lite",
    "large": "gemini-3.8-flash",
    # Of any language, and the one that lives longest.
    "embed": "gemini-embedding-001",
}
