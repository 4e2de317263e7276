"""The model registry of Foundry, as data: versions, prices and end-of-life dates, with their sources."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple

READ_ON: Final = date(2026, 11, 24)
"""When the rows below were last compared with their sources."""

_LIST: Final = (
    f"Azure retail prices (eastus) and model retirement page through litellm 1.109.1; read {READ_ON}"
)


_EMBEDDINGS: Final = (
    f"{_LIST}; GlobalStandard; dimensions: OpenAI's model page; the end of life was not found on 2026-11-27"
)


class Row(NamedTuple):
    name: str
    version: str
    """The one that is deployed unless another is asked for; it never changes under a deployment."""
    input_usd: float
    """USD per million tokens, GlobalStandard."""
    output_usd: float
    end_of_life: str | None
    capacity: int
    """Thousand tokens a minute that a deployment asks of the subscription's quota, unless told otherwise."""
    format: str = "OpenAI"
    """Who publishes it, as the deployment's `format` has it."""
    source: str = _LIST
    dimension: int = 0
    """Numbers in a vector, by default; 0 = the model makes no vectors."""


ROWS: Final[Mapping[str, Row]] = {
    "gpt-5.4-nano": Row("GPT-5.4 nano", "2026-03-17", 0.2, 1.25, "2027-09-21", 100),
    "gpt-5.4-mini": Row("GPT-5.4 mini", "2026-03-17", 0.75, 4.5, "2027-09-21", 50),
    "gpt-5.4": Row("GPT-5.4", "2026-03-05", 2.5, 15.0, "2027-09-02", 50),
    "gpt-5.6-luna": Row("GPT-5.6 Luna", "2026-07-09", 0.2, 1.2, "2028-01-11", 100),
    "gpt-5.6-terra": Row("GPT-5.6 Terra", "2026-07-09", 2.0, 12.0, "2028-01-11", 50),
    "gpt-6-luna": Row("GPT-6 Luna", "2026-09-22", 0.1, 0.5, "2028-03-11", 100),
    "gpt-6-sol": Row("GPT-6 Sol", "2026-09-22", 2.0, 10.0, "2028-03-11", 50),
    "gpt-6.1-sol": Row("GPT-6.1 Sol", "2026-09-29", 2.0, 10.0, "2028-03-11", 50),
    "gpt-5-mini": Row("GPT-5 mini", "2025-08-07", 0.25, 2.0, "2027-02-09", 50),
    "gpt-5-nano": Row("GPT-5 nano", "2025-08-07", 0.05, 0.4, "2027-02-09", 100),
    "gpt-4.1-mini": Row("GPT-4.1 mini", "2025-04-14", 0.4, 1.6, "2027-04-14", 50),
    "gpt-4.1-nano": Row("GPT-4.1 nano", "2025-04-14", 0.1, 0.4, "2027-04-14", 100),
    "o4-mini": Row("o4-mini", "2025-04-16", 1.1, 4.4, "2026-11-19", 50),
    "text-embedding-3-small": Row(
        "text-embedding-3-small", "1", 0.022, 0.0, None, 120, source=_EMBEDDINGS, dimension=1536
    ),
    "text-embedding-3-large": Row(
        "text-embedding-3-large", "1", 0.143, 0.0, None, 120, source=_EMBEDDINGS, dimension=3072
    ),
}

ALIASES: Final[Mapping[str, str]] = {
    # Neither of them thinks before it answers unless it is told to: all of `max_output_tokens` is the answer.
    "small": "gpt-5.4-nano",
    "large": "gpt-5.4",
    "embed": "text-embedding-3-small",
}
