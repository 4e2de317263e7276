"""IAM conditions: the part of CEL that tests a resource's name. Anything else is an error when deployed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

Test = Callable[[str], bool]
"""Name of a resource -> whether the grant holds for it."""

_TEXT: Final = r'("(?:[^"\\]|\\.)*")'
_EQUALS: Final = re.compile(rf"\s*resource\.name\s*==\s*{_TEXT}\s*")
_STARTS: Final = re.compile(rf"\s*resource\.name\.startsWith\(\s*{_TEXT}\s*\)\s*")
_PART: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^"|])+?(?=\|\||$)')


class ConditionError(ValueError):
    """The expression is none that can be tested here; the text says what can be."""


def parse(expression: str) -> Test:
    """What the expression says. Raises `ConditionError`."""
    tests = [_test(part) for part in _alternatives(expression)]
    return lambda name: any(test(name) for test in tests)


def _alternatives(expression: str) -> list[str]:
    parts, at = list[str](), 0
    while True:
        found = _PART.match(expression, at)
        if found is None:
            raise ConditionError(_KNOWN.format(expression))
        parts.append(found[0])
        if found.end() == len(expression):
            return parts
        at = found.end() + 2


def _test(part: str) -> Test:
    equals, starts = _EQUALS.fullmatch(part), _STARTS.fullmatch(part)
    if equals is not None:
        wanted = str(json.loads(equals[1]))
        return lambda name: name == wanted
    if starts is not None:
        prefix = str(json.loads(starts[1]))
        return lambda name: name.startswith(prefix)
    raise ConditionError(_KNOWN.format(part.strip()))


_KNOWN: Final = (
    '{!r} cannot be tested on the local cloud; what can be: resource.name == "...", '
    'resource.name.startsWith("..."), and these joined by ||'
)
