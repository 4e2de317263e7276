"""Property values as rules read them: plain, by path, and some of them unknown before deployment."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeGuard

Values = Mapping[str, Any]


class Unknown(enum.Enum):
    """A value that is known once it is deployed, and not in a preview."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


class Undecided(Exception):
    """A rule needs a value that is not known yet; the text names its property."""


def is_mapping(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def at(value: Any, path: str) -> Any:
    """What is at `a.b.c`: None where there is nothing, UNKNOWN inside of what is unknown."""
    for key in path.split("."):
        if value is UNKNOWN:
            return UNKNOWN
        value = value.get(key) if is_mapping(value) else None
    return value


def known(value: Any, what: str) -> Any:
    """`value`; raises `Undecided` naming `what` while it is unknown."""
    if value is UNKNOWN:
        raise Undecided(what)
    return value


def known_at(values: Values, path: str) -> Any:
    """What is at `path`; raises `Undecided` while it is unknown."""
    return known(at(values, path), path)


def is_set(value: Any) -> bool:
    """Whether something is given, and be it unknown; the providers write nothing as "", 0 or -1 too."""
    return isinstance(value, bool) or value is UNKNOWN or value not in (None, "", 0, -1, [], {})


def listed(value: Any, what: str) -> list[Any]:
    """One or many as many; raises `Undecided` while it is unknown."""
    if known(value, what) is None:
        return []
    return value if is_list(value) else [value]


def document(value: Any, what: str) -> dict[str, Any]:
    """A JSON document given as text or as an object. Raises ValueError for what is none."""
    if isinstance(known(value, what), str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(f"{what} is not JSON") from None
    if not is_mapping(value):
        raise ValueError(f"{what} is not a JSON object")
    return value


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text inside of a value, with its path; what is unknown has none."""
    if isinstance(value, str):
        yield path, value
    elif is_mapping(value):
        for key, item in value.items():
            yield from texts(item, f"{path}.{key}".lstrip("."))
    elif is_list(value):
        for index, item in enumerate(value):
            yield from texts(item, f"{path}[{index}]")


def shown(value: Any) -> str:
    """A value for a message; what may be long or secret is only named."""
    if value is None:
        return "not set"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return repr(value) if isinstance(value, str) and len(value) <= 40 else f"another {type(value).__name__}"
