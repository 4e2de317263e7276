"""EventBridge's event patterns: the whole language, and an error with the name of what is not in it."""

from __future__ import annotations

import ipaddress
import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from serverless_ai_local.plain import is_list, is_mapping, is_number

Test = Callable[[Any], bool]
"""Whether one value of the event fits."""
Node = Callable[[Any], bool]
"""Whether what the event has at this place, or `_ABSENT`, fits."""
_ABSENT: Final = object()
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt, "<=": operator.le, "=": operator.eq, ">=": operator.ge, ">": operator.gt,
}  # fmt: skip
NUMBER_LIMIT: Final = 5_000_000_000
MAX_PATTERN_BYTES: Final = 4096


class PatternError(ValueError):
    """The pattern is not one; the message says where and why."""


def compile_pattern(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """A pattern as a test of events. Raises `PatternError`."""
    if len(text.encode()) > MAX_PATTERN_BYTES:
        raise PatternError(f"a pattern has at most {MAX_PATTERN_BYTES} bytes")
    try:
        pattern: Any = json.loads(text, object_pairs_hook=_without_doubles)
    except json.JSONDecodeError as error:
        raise PatternError(f"it is not JSON: {error}") from None
    if not is_mapping(pattern) or not pattern:
        raise PatternError("it must be an object with at least one field")
    return _object(pattern, "")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise PatternError("it names a field twice")
    return found


def _object(pattern: Mapping[str, Any], path: str) -> Node:
    """All fields must fit, and one alternative of `$or`. An array of objects fits if one of them does."""
    tests: list[tuple[str, Node]] = []
    alternatives: list[Node] = []
    for name, value in pattern.items():
        where = f"{path}.{name}" if path else name
        if name == "$or" and is_list(value):
            alternatives = [_alternative(one, path) for one in value]
            if len(alternatives) < 2:
                raise PatternError("$or needs at least two alternatives")
        elif is_mapping(value):
            tests.append((name, _object(value, where)))
        elif is_list(value):
            tests.append((name, _leaf(value, where)))
        else:
            raise PatternError(f"{where} must be an object or an array")

    def one(value: Any) -> bool:
        fields: Mapping[str, Any] = value if is_mapping(value) else {}
        return all(test(fields.get(name, _ABSENT)) for name, test in tests) and (
            not alternatives or any(test(value) for test in alternatives)
        )

    def node(value: Any) -> bool:
        return any(one(item) for item in value) if is_list(value) and value else one(value)

    return node


def _alternative(pattern: Any, path: str) -> Node:
    if not is_mapping(pattern) or not pattern:
        raise PatternError("each alternative of $or must be an object with at least one field")
    return _object(pattern, path)


def _leaf(filters: Sequence[Any], path: str) -> Node:
    if not filters:
        raise PatternError(f"{path} must not be an empty array")
    nodes = [_filter(one, path) for one in filters]
    return lambda value: any(node(value) for node in nodes)


def _filter(wanted: Any, path: str) -> Node:
    if is_list(wanted):
        raise PatternError(f"{path}: an array inside an array is not allowed")
    if not is_mapping(wanted):
        return _any_value(lambda value: _same(value, wanted))
    if len(wanted) != 1:
        raise PatternError(f"{path}: one match type at a time, got {', '.join(sorted(wanted)) or 'none'}")
    [(kind, argument)] = wanted.items()
    if kind == "exists":
        if not isinstance(argument, bool):
            raise PatternError(f"{path}: exists must be true or false")
        return lambda value: any(True for _ in _values(value)) is argument
    return _any_value(_match_type(kind, argument, path))


def _match_type(kind: str, argument: Any, path: str) -> Test:
    make = _MATCH_TYPES.get(kind)
    if make is None:
        raise PatternError(
            f"{path}: unrecognized match type {kind}; there are exists, {', '.join(sorted(_MATCH_TYPES))}"
        )
    return make(argument, f"{path}: {kind}")


def _any_value(test: Test) -> Node:
    return lambda value: any(test(one) for one in _values(value))


def _values(value: Any) -> Iterator[Any]:
    """The scalars at a place of the event: those of an array, however nested; none of an object."""
    if is_list(value):
        for item in value:
            yield from _values(item)
    elif value is not _ABSENT and not is_mapping(value):
        yield value


def _same(value: Any, wanted: Any) -> bool:
    """EventBridge compares numbers as they are written: 300 is not 300.0, and true is not 1."""
    return type(value) is type(wanted) and value == wanted


def _text(argument: Any, path: str) -> str:
    if not isinstance(argument, str) or not argument:
        raise PatternError(f"{path} needs a string that is not empty")
    return argument


def _affix(has: Callable[[str, str], bool]) -> Callable[[Any, str], Test]:
    def make(argument: Any, path: str) -> Test:
        if is_mapping(argument) and list(argument) == ["equals-ignore-case"]:
            folded = _text(argument["equals-ignore-case"], path).casefold()
            return lambda value: isinstance(value, str) and has(value.casefold(), folded)
        wanted = _text(argument, path)
        return lambda value: isinstance(value, str) and has(value, wanted)

    return make


def _equals_ignore_case(argument: Any, path: str) -> Test:
    wanted = _text(argument, path).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == wanted


def _wildcard(argument: Any, path: str) -> Test:
    text, expression = _text(argument, path), ""
    parts = re.findall(r"\\.|\\|.", text, re.DOTALL)
    for before, part in zip(["", *parts], parts, strict=False):
        if part.startswith("\\") and part not in (r"\*", r"\\"):
            raise PatternError(rf"{path}: only \* and \\ are escapes")
        if part == before == "*":
            raise PatternError(f"{path}: consecutive wildcard characters are not allowed")
        expression += ".*" if part == "*" else re.escape(part[-1])
    compiled = re.compile(expression, re.DOTALL)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _cidr(argument: Any, path: str) -> Test:
    try:
        network = ipaddress.ip_network(_text(argument, path), strict=False)
    except ValueError:
        raise PatternError(f"{path}: {argument!r} is not an address range") from None

    def test(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return test


def _numeric(argument: Any, path: str) -> Test:
    if not is_list(argument) or len(argument) not in (2, 4):
        raise PatternError(f"{path} needs one or two comparisons, e.g. ['>', 0, '<=', 5]")
    terms = argument
    tests: list[Test] = []
    for sign, bound in zip(terms[::2], terms[1::2], strict=True):
        if not isinstance(sign, str) or sign not in _COMPARE:
            raise PatternError(
                f"{path}: unrecognized numeric range operator {sign}; there are {', '.join(_COMPARE)}"
            )
        if not is_number(bound) or abs(bound) > NUMBER_LIMIT:
            raise PatternError(f"{path}: {bound!r} is not a number from -{NUMBER_LIMIT} to {NUMBER_LIMIT}")
        tests.append(_comparison(sign, bound))
    if len(tests) == 2 and (terms[0][0], terms[2][0]) not in ((">", "<"), ("<", ">")):
        raise PatternError(f"{path}: two comparisons must be a lower and an upper bound")
    return lambda value: is_number(value) and all(test(value) for test in tests)


def _comparison(sign: str, bound: float) -> Test:
    compare = _COMPARE[sign]
    return lambda value: compare(value, bound)


def _anything_but(argument: Any, path: str) -> Test:
    if is_mapping(argument):
        if len(argument) != 1 or next(iter(argument)) not in _BUT:
            raise PatternError(
                f"{path}: unrecognized match type {', '.join(argument)}; there are {', '.join(_BUT)}"
            )
        [(kind, inner)] = argument.items()
        tests = [_match_type(kind, choice, path) for choice in (inner if is_list(inner) else [inner])]
    else:
        items = argument if is_list(argument) else [argument]
        if not items or not all(isinstance(item, str) or is_number(item) for item in items):
            raise PatternError(f"{path} needs strings or numbers")
        tests: list[Test] = [lambda value: any(_same(value, item) for item in items)]
    return lambda value: not any(test(value) for test in tests)


_MATCH_TYPES: Final[Mapping[str, Callable[[Any, str], Test]]] = {
    "anything-but": _anything_but,
    "cidr": _cidr,
    "equals-ignore-case": _equals_ignore_case,
    "numeric": _numeric,
    "prefix": _affix(str.startswith),
    "suffix": _affix(str.endswith),
    "wildcard": _wildcard,
}
_BUT: Final = ("prefix", "suffix", "equals-ignore-case", "wildcard")
