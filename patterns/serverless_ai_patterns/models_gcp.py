"""Models of Vertex AI by alias or id: what is called, where, what it costs. Rows: `gcp/models.py`."""

from __future__ import annotations

import re
from datetime import date
from difflib import get_close_matches

from serverless_ai_patterns.gcp.models import ALIASES, DIMENSIONS, GLOBAL, ROWS
from serverless_ai_patterns.models import Model, Status

_NAME = re.compile(r"(?:(?P<location>[a-z][a-z0-9-]{1,29})/)?(?P<id>[a-z][a-z0-9]*(?:[.@-][a-z0-9]+){1,12})")


def resolve_gcp(name: str) -> Model:
    """The model behind an alias or id of Google's own models; `regions` holds the one location of its calls.

    An alias and a plain id are served from anywhere (`global`), unless only regions serve the model. Write
    `europe-west1/gemini-3.5-flash` to keep prompts in a location that serves the model. An id that is not in
    the registry has no price. Raises ValueError for anything that cannot be an id; models of other publishers
    speak another protocol.
    """
    match = _NAME.fullmatch(ALIASES.get(name, name))
    if match is None:
        raise ValueError(_impossible(name))
    return _model(match["id"], match["location"])


def check_models_gcp(today: date) -> list[Status]:
    """Every alias, then every id of the registry, as of `today`."""
    known = {name: resolve_gcp(name) for name in (*ALIASES, *ROWS)}
    return [Status(name, model, model.days_left(today)) for name, model in known.items()]


def _model(model_id: str, location: str | None) -> Model:
    row = ROWS.get(model_id)
    if row is None:
        return Model(id=model_id, base_id=model_id, regions=(location or GLOBAL,))
    return Model(
        id=model_id,
        base_id=model_id,
        name=row.name,
        regions=(location or row.location,),
        input_usd=row.input_usd,
        output_usd=row.output_usd,
        end_of_life=row.end_of_life,
        source=row.source,
        dimension=DIMENSIONS.get(model_id, 0),
    )


def _impossible(name: str) -> str:
    near = get_close_matches(name.lower(), [*ALIASES, *ROWS], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return (
        f"model must be one of {', '.join(ALIASES)} or the id of a Gemini model, with a location or without "
        f"(europe-west1/gemini-3.5-flash); got {name!r}{hint}"
    )
