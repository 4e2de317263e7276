"""Models by alias or id: what is called, what it costs, how long it lives. Rows: `aws/models.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from typing import NamedTuple

from serverless_ai_patterns.aws.models import ALIASES, DEFAULT_REGION, GEOGRAPHIES, NEAR, ROWS


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model as a cloud knows it.

    `id` is what the API is called with; on AWS that may be an inference profile, and then `base_id` is the
    foundation model behind it and `regions` are the regions the profile may send a call to. The region ""
    stands for an ARN without a region, by which a `global.` profile reaches its model.
    Prices are USD per million tokens, None when unknown. `end_of_life` is an ISO date or None when none is
    announced: from that day on every call fails.
    """

    id: str
    base_id: str
    name: str = ""
    """The name its provider gave it; empty for a model that is not in the registry."""
    regions: tuple[str, ...] = ()
    input_usd: float | None = None
    output_usd: float | None = None
    end_of_life: str | None = None
    source: str = ""
    """Where the row's facts come from, with the date they were read."""
    dimension: int = 0
    """Numbers in a vector, by default; 0 = it makes no vectors, or is not in the registry."""
    note: str = ""
    """What a user must do before the first call, if anything."""

    def days_left(self, today: date) -> int | None:
        """Days until the end of life, negative once it has passed; None when none is announced."""
        return (date.fromisoformat(self.end_of_life) - today).days if self.end_of_life else None

    def past_end_of_life(self, today: date) -> bool:
        """Whether calls fail on `today` because the model is gone."""
        left = self.days_left(today)
        return left is not None and left <= 0


_ID = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,4}(:[a-z0-9-]{1,63}){0,2}")
_ARN_KINDS = (
    "foundation-model",
    "inference-profile",
    "application-inference-profile",
    "provisioned-model",
    "custom-model-deployment",
    "imported-model",
    "prompt-router",
    "default-prompt-router",
)
_ARN = re.compile(
    rf"arn:aws[a-z-]*:bedrock:[a-z0-9-]*:(\d{{12}})?:(?P<kind>{'|'.join(_ARN_KINDS)})/(?P<name>[A-Za-z0-9.:-]{{1,256}})"
)


def resolve_aws(name: str, region: str | None = None) -> Model:
    """The model behind an alias or id on Bedrock.

    An alias becomes the inference profile that keeps prompts in the geography of `region` (None: not known
    before deployment, taken as us-east-1). An id or ARN is taken as it is; one that is not in the registry
    has no price. Raises ValueError for an impossible id, and for an alias that has no such profile.
    """
    if name in ALIASES:
        return _nearest(name, region or DEFAULT_REGION)
    if name.startswith("arn:"):
        return _from_arn(name)
    if not _ID.fullmatch(name):
        raise ValueError(_impossible(name))
    return _from_id(name)


class Status(NamedTuple):
    """An alias or id of the registry, and how long its model has to live."""

    name: str
    model: Model
    days_left: int | None
    """None when no end of life is announced."""


def check_models(today: date) -> list[Status]:
    """Every alias, then every id of the registry with its cheapest way of calling it, as of `today`."""
    known = {alias: resolve_aws(alias) for alias in ALIASES}
    for base, row in ROWS.items():
        cheapest = min(row.prices, key=lambda way: row.prices[way])
        model = _from_id(f"{cheapest}.{base}" if cheapest else base)
        known[model.id] = model
    return [Status(name, model, model.days_left(today)) for name, model in known.items()]


def _nearest(alias: str, region: str) -> Model:
    base = ALIASES[alias]
    row = ROWS[base]
    if "" in row.prices and row.dimension:
        return _from_id(base)  # embedding models are served in each region by their own id
    near = next((ways for pattern, ways in NEAR if re.fullmatch(pattern, region)), ())
    for way in near:
        if way in row.prices:
            return _from_id(f"{way}.{base}")
    raise ValueError(
        f"model {alias!r} ({row.name}) has no inference profile that keeps prompts near {region}; give the "
        "id of one that may leave it, such as global.amazon.nova-2-lite-v1:0, or of a model served there"
    )


def _from_id(model_id: str) -> Model:
    prefix, _, rest = model_id.partition(".")
    way, base = (prefix, rest) if prefix in GEOGRAPHIES else ("", model_id)
    row = ROWS.get(base)
    regions = GEOGRAPHIES.get(way, ())
    if row is None:
        return Model(id=model_id, base_id=base, regions=regions)
    price = row.prices.get(way)
    return Model(
        id=model_id,
        base_id=base,
        name=row.name,
        regions=row.regions.get(way, regions),
        input_usd=price.input_usd if price else None,
        output_usd=price.output_usd if price else None,
        end_of_life=row.end_of_life,
        source=row.source,
        note=row.note,
        dimension=row.dimension,
    )


def _from_arn(arn: str) -> Model:
    match = _ARN.fullmatch(arn)
    if match is None:
        raise ValueError(f"model must be a Bedrock ARN of one of {', '.join(_ARN_KINDS)}; got {arn!r}")
    kind, name = match["kind"], match["name"]
    if kind == "inference-profile":
        return replace(_from_id(name), id=arn)
    if kind == "foundation-model":
        return replace(_from_id(name), id=arn, base_id=arn)
    return Model(id=arn, base_id=arn)


def _impossible(name: str) -> str:
    ids = [
        model_id
        for base, row in ROWS.items()
        for model_id in (base, *(f"{way}.{base}" for way in row.prices))
    ]
    near = get_close_matches(name.lower(), [*ALIASES, *ids], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    aliases = ", ".join(ALIASES)
    return (
        f"model must be one of {aliases}, a Bedrock model id (provider.model) or an ARN, got {name!r}{hint}"
    )
