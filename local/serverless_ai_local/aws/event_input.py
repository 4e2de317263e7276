"""What a target gets of an event: all of it, a part, a constant, or a template filled from it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from serverless_ai_local.aws.calls import section
from serverless_ai_local.aws.delivery import dumps
from serverless_ai_local.plain import is_list, is_mapping

_STEP: Final = re.compile(r"""\.([A-Za-z_@][\w@-]*)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]""")
_VARIABLE: Final = re.compile(r"<([\w.-]+)>")
_MISSING: Final = object()
_WAYS: Final = ("Input", "InputPath", "InputTransformer")


class InputError(ValueError):
    """A target's input cannot be understood; the message names the path or the way."""


def require(target: Mapping[str, Any]) -> None:
    """Raise `InputError` if the target's input is not one that `shape` can make."""
    ways = [way for way in _WAYS if target.get(way) is not None]
    if len(ways) > 1:
        raise InputError(f"only one of {', '.join(_WAYS)} can be given, got {' and '.join(ways)}")
    if "Input" in ways:
        try:
            json.loads(target["Input"])
        except ValueError:
            raise InputError("Input must be JSON") from None
    if "InputPath" in ways:
        _steps(target["InputPath"])
    for path in section(target, "InputTransformer", "InputPathsMap").values():
        _steps(path)


def shape(target: Mapping[str, Any], event: Mapping[str, Any], *, rule_arn: str) -> str:
    """The text that the target gets."""
    if target.get("Input") is not None:
        return target["Input"]
    if target.get("InputPath") is not None:
        found = look_up(event, target["InputPath"])
        return dumps(None if found is _MISSING else found)
    transformer = target.get("InputTransformer")
    if transformer is None:
        return dumps(event)
    paths: Mapping[str, str] = transformer.get("InputPathsMap") or {}
    values = {name: look_up(event, path) for name, path in paths.items()}
    values["aws.events.rule-arn"] = rule_arn
    values["aws.events.rule-name"] = rule_arn.rsplit("/", 1)[-1]
    values["aws.events.event.ingestion-time"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    values["aws.events.event"] = {name: value for name, value in event.items() if name != "detail"}
    values["aws.events.event.json"] = event
    return _render(transformer["InputTemplate"], values)


def look_up(event: Any, path: str) -> Any:
    """What a JSON path leads to; a value of its own if it leads nowhere. Raises `InputError`."""
    for step in _steps(path):
        if isinstance(step, int):
            event = event[step] if is_list(event) and step < len(event) else _MISSING
        else:
            event = event[step] if is_mapping(event) and step in event else _MISSING
    return event


def _steps(path: str) -> list[str | int]:
    if not path.startswith("$"):
        raise InputError(f"the path {path!r} must start with $")
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise InputError(f"the path {path!r} has {path[position:]!r}, which is not a field or an index")
        name, index, single, double = step.groups()
        steps.append(
            int(index) if index is not None else next(x for x in (name, single, double) if x is not None)
        )
        position = step.end()
    return steps


def _render(template: str, values: Mapping[str, Any]) -> str:
    """Fill in variables: inside quotes as text, outside as JSON; one without a value is empty."""
    parts: list[str] = []
    position, quoted = 0, False
    for variable in _VARIABLE.finditer(template):
        quoted = _in_quotes(template[position : variable.start()], quoted)
        parts.append(template[position : variable.start()])
        position = variable.end()
        if variable[1] not in values:
            parts.append(variable[0])
            continue
        value = values[variable[1]]
        if value is _MISSING:
            parts.append("" if quoted else '""')
        elif quoted:
            text = value if isinstance(value, str) else dumps(value)
            parts.append(dumps(text)[1:-1])
        else:
            parts.append(dumps(value))
    return "".join([*parts, template[position:]])


def _in_quotes(text: str, quoted: bool) -> bool:
    return quoted ^ (len(re.findall(r'(?<!\\)(?:\\\\)*"', text)) % 2 == 1)
