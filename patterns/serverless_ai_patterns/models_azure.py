"""Models of Foundry by alias or id: what is deployed, what it costs. Rows: `azure/models.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

from serverless_ai_patterns.azure.models import ALIASES, ROWS, Row
from serverless_ai_patterns.models import Model, Status

_NAME = re.compile(
    r"(?:(?P<format>[A-Za-z][A-Za-z0-9 -]{1,40})/)?"
    r"(?P<name>[A-Za-z][A-Za-z0-9._-]{1,60})"
    r"(?:@(?P<version>[\w.-]{1,40}))?",
    re.ASCII,
)
OWN_PROTOCOL = "Anthropic"
"""Publisher whose models Foundry serves by another API than chat completions."""
CAPACITY = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class AzureModel(Model):
    """A model as a Foundry deployment names it; `base_id` is its name, `id` that with its version."""

    version: str
    format: str = "OpenAI"
    sku: str = "GlobalStandard"
    """Paid by the token; the prompt may be processed in any region, what is stored stays in the account's."""
    capacity: int = CAPACITY
    """Thousand tokens a minute, taken from the subscription's quota; costs nothing by itself."""


def resolve_azure(name: str) -> AzureModel:
    """The model behind an alias or `[PUBLISHER/]NAME[@VERSION]`; the publisher is OpenAI unless it is given.

    A deployment never changes its model by itself, so a model that is not in the registry needs its version;
    it has no price. Raises ValueError for what cannot be a model, and for one that chat completions cannot
    reach.
    """
    match = _NAME.fullmatch(ALIASES.get(name, name))
    if match is None:
        raise ValueError(_impossible(name))
    model, publisher = match["name"], match["format"]
    if publisher == OWN_PROTOCOL or model.startswith("claude"):
        raise ValueError(
            f"model {name!r} cannot be used: Foundry serves {OWN_PROTOCOL}'s models by another API"
        )
    row = ROWS.get(model)
    if row is not None and publisher in (None, row.format) and match["version"] in (None, row.version):
        return _from_row(model, row)
    if match["version"] is None:
        raise ValueError(_impossible(name))
    return AzureModel(
        id=f"{model}@{match['version']}",
        base_id=model,
        version=match["version"],
        format=publisher or "OpenAI",
        capacity=row.capacity if row else CAPACITY,
    )


def check_models_azure(today: date) -> list[Status]:
    """Every alias, then every name of the registry, as of `today`."""
    known = {name: resolve_azure(name) for name in (*ALIASES, *ROWS)}
    return [Status(name, model, model.days_left(today)) for name, model in known.items()]


def _from_row(model: str, row: Row) -> AzureModel:
    return AzureModel(
        id=f"{model}@{row.version}",
        base_id=model,
        name=row.name,
        version=row.version,
        format=row.format,
        capacity=row.capacity,
        input_usd=row.input_usd,
        output_usd=row.output_usd,
        end_of_life=row.end_of_life,
        source=row.source,
        dimension=row.dimension,
    )


def _impossible(name: str) -> str:
    near = get_close_matches(name.lower(), [*ALIASES, *ROWS], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return (
        f"model must be one of {', '.join((*ALIASES, *ROWS))}, or another with its version "
        f"(gpt-7@2027-01-15, Mistral AI/mistral-large-3@1); got {name!r}{hint}"
    )
