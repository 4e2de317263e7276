"""Fit a CloudFormation property to the shape that the service's API takes; nothing is dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from serverless_ai_local.aws.provider import ResourceError
from serverless_ai_local.plain import is_list, is_mapping

Shape = Any
"""A botocore shape; botocore ships no types."""


def fit(shape: Shape, value: Any, place: str) -> Any:
    """`value` as `shape` wants it: member names in its case, scalars in its type.

    Raises `ResourceError` naming the property that the API does not have or whose value it cannot take.
    """
    return _FITTERS.get(shape.type_name, _as_is)(shape, value, place)


def member(shape: Shape, name: str) -> str | None:
    """Name of the member that a property is called: the same but for its case."""
    for known in shape.members:
        if known.lower() == name.lower():
            return str(known)
    alias = _ALIASES.get(name)
    return alias if alias in shape.members else None


_ALIASES: Final[Mapping[str, str]] = {"Key": "TagKey", "Value": "TagValue"}


def _structure(shape: Shape, value: Any, place: str) -> dict[str, Any]:
    if not is_mapping(value):
        raise ResourceError(f"{place} must be an object, got {value!r}")
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = member(shape, key)
        if name is None:
            raise ResourceError(
                f"Encountered unsupported property {place}.{key}; "
                f"supported: {', '.join(sorted(shape.members))}"
            )
        result[name] = fit(shape.members[name], item, f"{place}.{key}")
    return result


def _list(shape: Shape, value: Any, place: str) -> list[Any]:
    if not is_list(value):
        raise ResourceError(f"{place} must be a list, got {value!r}")
    return [fit(shape.member, item, f"{place}[{index}]") for index, item in enumerate(value)]


def _map(shape: Shape, value: Any, place: str) -> dict[str, Any]:
    if not is_mapping(value):
        raise ResourceError(f"{place} must be an object, got {value!r}")
    known = shape.key.enum
    unknown = [key for key in value if known and key not in known]
    if unknown:
        raise ResourceError(
            f"Encountered unsupported property {place}.{unknown[0]}; supported: {', '.join(known)}"
        )
    return {key: fit(shape.value, item, f"{place}.{key}") for key, item in value.items()}


def _integer(_: Shape, value: Any, place: str) -> int:
    if not isinstance(value, bool):
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = 0.5
        if number.is_integer():
            return int(number)
    raise ResourceError(f"{place} must be a whole number, got {value!r}")


def _number(_: Shape, value: Any, place: str) -> float:
    if not isinstance(value, bool):
        try:
            return float(value)
        except (TypeError, ValueError):
            pass
    raise ResourceError(f"{place} must be a number, got {value!r}")


def _boolean(_: Shape, value: Any, place: str) -> bool:
    if isinstance(value, bool):
        return value
    if value in {"true", "false"}:
        return value == "true"
    raise ResourceError(f"{place} must be true or false, got {value!r}")


def _string(shape: Shape, value: Any, place: str) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str):
        raise ResourceError(f"{place} must be text, got {value!r}")
    if shape.enum and value not in shape.enum:
        raise ResourceError(f"{place} must be one of {', '.join(shape.enum)}, got {value!r}")
    return value


def _blob(_: Shape, value: Any, place: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    raise ResourceError(f"{place} must be text or bytes, got {value!r}")


def _as_is(_: Shape, value: Any, place: str) -> Any:
    if is_mapping(value) or is_list(value):
        raise ResourceError(f"{place} must be a single value, got {value!r}")
    return value


_FITTERS: Final[Mapping[str, Callable[[Shape, Any, str], Any]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "integer": _integer,
    "long": _integer,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "string": _string,
    "blob": _blob,
}
