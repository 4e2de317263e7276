"""Property values against what the SDK says of them: unknown and missing ones, wrong types, bad enums."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pulumi

from serverless_ai_local.doors.pulumi import reflection
from serverless_ai_local.doors.pulumi.assets import Archive, Asset
from serverless_ai_local.doors.pulumi.clouds import DYNAMIC
from serverless_ai_local.doors.pulumi.reflection import Many, Property, Shape
from serverless_ai_local.doors.pulumi.values import UNKNOWN, Values, plain
from serverless_ai_local.plain import is_list, is_mapping

CLOSE = 0.8
"""How alike (0..1) a value must be to one of an enum to be taken for a misspelling of it."""
WORDS: Mapping[Any, str] = {str: "a string", int: "an integer", float: "a number", bool: "True or False"}


def resource(token: str, inputs: Values) -> list[str]:
    """What is wrong with a resource's inputs; each names the property as the program spells it."""
    if token.startswith(f"{DYNAMIC}:"):
        return []  # whatever its provider takes
    shape = reflection.resource(token)
    if token.startswith(reflection.PROVIDER):
        inputs = {key: _unpacked(value, shape.properties.get(key)) for key, value in inputs.items()}
    return list(_object(plain(inputs), shape, ""))


def invoke(token: str, arguments: Values) -> list[str]:
    """What is wrong with an invoke's arguments."""
    shape = reflection.invoke(token)
    return [] if shape is None else list(_object(plain(arguments), shape, ""))


def unpack_provider(inputs: Values) -> dict[str, Any]:
    """A provider's inputs with their JSON texts parsed: the SDK sends all but strings as JSON."""
    return {key: _parsed(value) for key, value in plain(inputs).items()}


def _unpacked(value: Any, known: Property | None) -> Any:
    return value if known is None or str in known.alternatives else _parsed(plain(value))


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _object(value: Values, shape: Shape, at: str) -> Iterator[str]:
    for key, item in value.items():
        known = shape.properties.get(key)
        if known is None:
            yield f"unknown property {at}{key} of {shape.name}{_hint(key, shape)}"
        else:
            yield from _value(item, known.alternatives, f"{at}{known.python}")
    for key, known in shape.properties.items():
        if known.required and value.get(key) is None:
            yield f"missing required property {at}{known.python} of {shape.name}"


def _hint(key: str, shape: Shape) -> str:
    names = {known.python: known.python for known in shape.properties.values()}
    names |= {wire: known.python for wire, known in shape.properties.items()}
    close = difflib.get_close_matches(key, names, 1)
    if close:
        return f"; did you mean {names[close[0]]}?"
    return f"; allowed: {', '.join(sorted(set(names.values())))}"


def _value(value: Any, alternatives: tuple[Any, ...], at: str) -> Iterator[str]:
    if value is UNKNOWN or value is None or Any in alternatives:
        return
    suitable = [one for one in alternatives if _suits(value, one)]
    if not suitable:
        yield f"{at}: {_words(alternatives)} wanted, got {_shown(value)}"
        return
    # Of several object types the one with the least to complain about is the one that was meant.
    yield from min((list(_inside(value, one, alternatives, at)) for one in suitable), key=len)


def _suits(value: Any, alternative: Any) -> bool:
    if isinstance(alternative, Many):
        return is_mapping(value) if alternative.keyed else is_list(value)
    if reflection.is_object(alternative):
        return is_mapping(value)
    if isinstance(value, Asset | Archive):
        return alternative in (pulumi.Asset, pulumi.Archive)
    if reflection.is_enum(alternative):
        return type(value) in {type(member.value) for member in alternative}
    if alternative in (int, float):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole or (alternative is float and isinstance(value, float))
    # A type that is not known here may hold anything; those that are known are compared.
    return isinstance(value, alternative) if alternative in WORDS else not _is_asset(alternative)


def _is_asset(alternative: Any) -> bool:
    return alternative in (pulumi.Asset, pulumi.Archive)


def _inside(value: Any, alternative: Any, alternatives: tuple[Any, ...], at: str) -> Iterator[str]:
    if isinstance(alternative, Many):
        places: Values = (
            {f"{at}.{key}": item for key, item in value.items()}
            if alternative.keyed
            else {f"{at}[{index}]": item for index, item in enumerate(value)}
        )
        for place, item in places.items():
            yield from _value(item, alternative.alternatives, place)
    elif reflection.is_object(alternative):
        yield from _object(value, reflection.shape(alternative), f"{at}.")
    elif isinstance(value, str) or reflection.is_enum(alternative):
        yield from _enum(value, alternatives, at)


def _enum(value: Any, alternatives: tuple[Any, ...], at: str) -> Iterator[str]:
    """An enum alone is strict. Beside `str` it lists known values: only a misspelling of one is wrong."""
    for kind in filter(reflection.is_enum, alternatives):
        values: list[Any] = [member.value for member in kind]
        if value in values:
            return
        close = difflib.get_close_matches(str(value), map(str, values), 1, CLOSE)
        if str in alternatives and (not close or str(value).startswith("arn:")):
            return
        hint = f"; did you mean {close[0]!r}?" if close else f"; allowed: {', '.join(map(str, values))}"
        yield f"{at}: {value!r} is not one of {kind.__name__}{hint}"


def _words(alternatives: tuple[Any, ...]) -> str:
    words: list[str] = []
    for one in alternatives:
        if isinstance(one, Many):
            inner = _words(one.alternatives).removeprefix("a ").removeprefix("an ")
            words.append(f"a {'map' if one.keyed else 'list'} of {inner}")
        else:
            words.append(WORDS.get(one) or f"a {getattr(one, '__name__', one)}")
    return " or ".join(dict.fromkeys(words))


def _shown(value: Any) -> str:
    if isinstance(value, Asset | Archive):
        return f"an {type(value).__name__.lower()}"
    if is_mapping(value):
        return "a map"
    # The value may be secret: only its type is told.
    return "a list" if is_list(value) else WORDS.get(type(value), type(value).__name__)
