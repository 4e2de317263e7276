"""Which function of an app answers a request: routes as its decorators say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_PARAMETER: Final = re.compile(r"\{(\*)?(\w+)(?::\w+)?(\?)?\}")
Function = Mapping[str, Any]


def trigger(function: Function, kind: str) -> Mapping[str, Any] | None:
    """The function's trigger, if it is of this kind."""
    return next((one for one in function["bindings"] if one["type"] == kind), None)


def find(
    functions: Sequence[Function], prefix: str, method: str, path: Sequence[str]
) -> tuple[Function, Mapping[str, Any], dict[str, str]] | None:
    """Function, its trigger, and the route's parameters; None if no route fits."""
    asked = "/".join(path)
    for function in functions:
        found = trigger(function, "httpTrigger")
        if found is None:
            continue
        methods = [str(one).upper() for one in found.get("methods") or ()]
        if methods and method not in methods:
            continue
        route = "/".join(part for part in (prefix, str(found.get("route") or function["name"])) if part)
        match = _pattern(route).fullmatch(asked)
        if match is not None:
            return function, found, {key: value or "" for key, value in match.groupdict().items()}
    return None


def _pattern(route: str) -> re.Pattern[str]:
    text, end = "", 0
    for one in _PARAMETER.finditer(route):
        before = route[end : one.start()]
        value = ".*" if one[1] else "[^/]+"
        if one[3] and before.endswith("/"):
            text += re.escape(before[:-1]) + f"(?:/(?P<{one[2]}>{value}))?"
        else:
            text += re.escape(before) + f"(?P<{one[2]}>{value})"
        end = one.end()
    return re.compile(text + re.escape(route[end:]), re.IGNORECASE)
