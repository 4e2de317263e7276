"""Bulk requests: one action after the other, each with a result of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from serverless_ai_local.aws.opensearch.errors import SearchError, illegal
from serverless_ai_local.aws.opensearch.index import Index
from serverless_ai_local.plain import is_mapping

_ACTIONS: Final = ("index", "create", "delete")
Open = Callable[[str, bool], Index]
"""The index of this name, for writing; made if it may be and there is none. Raises `SearchError`."""


def bulk(body: bytes, default: str, opened: Open) -> dict[str, Any]:
    """Do everything in the body. Raises `SearchError` if it cannot be read as a whole."""
    if not body.endswith(b"\n"):
        raise illegal("The bulk request must be terminated by a newline [\\n]")
    lines = iter([line for line in body.split(b"\n") if line.strip()])
    read: list[tuple[str, Mapping[str, Any], Any]] = []
    for number, line in enumerate(lines):
        action, about = _action(line, number)
        document = None
        if action != "delete":
            following = next(lines, None)
            if following is None:
                raise illegal(f"Malformed action/metadata line [{number + 1}], expected a document after it")
            document = _json(following, number)
        read.append((action, about, document))
    if not read:
        raise SearchError(
            400, "action_request_validation_exception", "Validation Failed: 1: no requests added;"
        )
    items = [_done(action, about, document, default, opened) for action, about, document in read]
    errors = any("error" in result for item in items for result in item.values())
    return {"took": 1, "errors": errors, "items": items}


def _action(line: bytes, number: int) -> tuple[str, Mapping[str, Any]]:
    given = _json(line, number)
    if not is_mapping(given) or len(given) != 1:
        raise illegal(f"Malformed action/metadata line [{number + 1}], expected one action")
    [(action, about)] = given.items()
    if action not in _ACTIONS:
        raise illegal(
            f"Malformed action/metadata line [{number + 1}], the local cloud has {', '.join(_ACTIONS)}, "
            f"found [{action}]"
        )
    if not is_mapping(about) or about.keys() - {"_index", "_id"}:
        text = f"the local cloud takes [_index] and [_id], found {about!r}"
        raise illegal(f"Action/metadata line [{number + 1}] contains an unknown parameter: {text}")
    if not all(isinstance(value, str) for value in about.values()):
        raise illegal(f"Malformed action/metadata line [{number + 1}], a text is expected")
    return action, about


def _json(line: bytes, number: int) -> Any:
    try:
        return json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise SearchError(400, "parse_exception", f"line {number + 1} is not JSON: {error}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _done(
    action: str, about: Mapping[str, Any], document: Any, default: str, opened: Open
) -> dict[str, dict[str, Any]]:
    name = str(about.get("_index", default))
    key: str | None = about.get("_id")
    try:
        if not name:
            raise SearchError(400, "action_request_validation_exception", "an index is missing")
        index = opened(name, action != "delete")
        if action != "delete":
            return {action: index.write(key, document, new=action == "create")}
        if key is None:
            raise SearchError(400, "action_request_validation_exception", "an id is missing")
        return {action: index.remove(key)}
    except SearchError as error:
        return {action: {"_index": name, "_id": key, "status": error.status, "error": error.body()}}
