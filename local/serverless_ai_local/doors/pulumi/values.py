"""Property values as the door holds them: secrets, unknowns, assets, and their form on the wire."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serverless_ai_local.doors.pulumi.assets import Archive, Asset
from serverless_ai_local.doors.pulumi.wire import (
    ARCHIVE,
    ASSET,
    OUTPUT,
    RESOURCE,
    SECRET,
    SIGNATURE,
    UNKNOWN_TEXT,
)
from serverless_ai_local.plain import is_list, is_mapping

Values = Mapping[str, Any]


class Unknown(enum.Enum):
    """A value that only a real `up` will know."""

    UNKNOWN = "unknown"

    def __str__(self) -> str:
        return "[unknown]"


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that is never printed; `.value` gives it to who asks."""

    value: Any

    def __repr__(self) -> str:
        return "[secret]"

    __str__ = __repr__


def decode(value: Any, base: Path) -> Any:
    """From the wire; assets' files are read, relative to folder `base`. Raises `AssetError`, `ValueError`."""
    if is_mapping(value):
        if SIGNATURE in value:
            return _decode_special(value, base)
        # To a provider, null is the same as not given.
        return {key: decode(item, base) for key, item in value.items() if item is not None}
    if is_list(value):
        return [decode(item, base) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return UNKNOWN if value == UNKNOWN_TEXT else value


def _decode_special(fields: dict[str, Any], base: Path) -> Any:
    signature = fields[SIGNATURE]
    if signature == SECRET:
        return Secret(decode(fields["value"], base))
    if signature == ASSET:
        return Asset.read(fields, base)
    if signature == ARCHIVE:
        return Archive.read(fields, base)
    if signature == RESOURCE:
        # A resource where a property is wanted means its id (a component has none: its URN).
        return decode(fields.get("id") or fields["urn"], base)
    if signature == OUTPUT:
        inner = decode(fields["value"], base) if "value" in fields else UNKNOWN
        return Secret(inner) if fields.get("secret") else inner
    raise ValueError(f"value with unknown signature {signature!r}")


def encode(value: Any) -> Any:
    """To the wire. Assets cannot travel back: they must be left out before."""
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET, "value": encode(value.value)}
    if is_mapping(value):
        return {key: encode(item) for key, item in value.items()}
    if is_list(value):
        return [encode(item) for item in value]
    return UNKNOWN_TEXT if value is UNKNOWN else value


def plain(value: Any) -> Any:
    """The same value with secrets bare, as a provider needs it."""
    if isinstance(value, Secret):
        return plain(value.value)
    if is_mapping(value):
        return {key: plain(item) for key, item in value.items()}
    if is_list(value):
        return [plain(item) for item in value]
    return value


def known(value: Any) -> bool:
    """Whether nothing in it is unknown."""
    return not any(leaf is UNKNOWN for leaf in leaves(plain(value)))


def leaves(value: Any) -> Iterator[Any]:
    """Everything in it that is neither a map nor a list."""
    if is_mapping(value):
        for item in value.values():
            yield from leaves(item)
    elif is_list(value):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def secrets_in(value: Any) -> Iterator[Any]:
    """The bare leaves of every secret in it."""
    if isinstance(value, Secret):
        yield from leaves(plain(value.value))
    elif is_mapping(value):
        for item in value.values():
            yield from secrets_in(item)
    elif is_list(value):
        for item in value:
            yield from secrets_in(item)
