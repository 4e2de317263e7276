"""The model registry: aliases and what is known of each model, per cloud. Every row has a source and a date."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model as a cloud knows it.

    `id` is what the API is called with; on AWS that may be an inference profile, and then `base_id` is the
    foundation model behind it and `regions` are the regions the profile may send a call to.
    Prices are USD per million tokens. `end_of_life` is an ISO date or None when none is announced.
    """

    id: str
    base_id: str
    regions: tuple[str, ...] = ()
    input_usd: float | None = None
    output_usd: float | None = None
    end_of_life: str | None = None
    source: str = ""
    """Where the row's facts come from, with the date they were read."""


def resolve_aws(name: str) -> Model:
    """The model behind an alias or id on Bedrock. Raises ValueError for an empty or impossible id."""
    raise NotImplementedError
