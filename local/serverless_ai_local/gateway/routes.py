"""Which route of an HTTP API a request takes: the most specific path first, then the most specific method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

DEFAULT: Final = "$default"
ANY: Final = "ANY"


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """The route key that matched, and what its path variables hold (decoded)."""

    key: str
    parameters: Mapping[str, str]


def find(keys: Iterable[str], method: str, raw_path: str) -> Match | None:
    """The route for a request, None if there is none. `raw_path` is as it was sent, percent-encoded.

    A literal segment beats `{name}`, and that beats `{name+}`, segment by segment from the left; an exact
    method beats `ANY`; `$default` takes what is left.
    """
    best: tuple[tuple[int, ...], Match] | None = None
    default: Match | None = None
    for key in keys:
        if key == DEFAULT:
            default = Match(key=key, parameters={})
            continue
        verb, _, pattern = key.partition(" ")
        parameters = _fit(pattern, raw_path) if verb in (ANY, method) else None
        if parameters is not None:
            rank = (*_specificity(pattern), int(verb == ANY))
            if best is None or rank < best[0]:
                best = (rank, Match(key=key, parameters=parameters))
    return best[1] if best else default


def _fit(pattern: str, raw_path: str) -> dict[str, str] | None:
    wanted, given = pattern.split("/"), raw_path.split("/")
    found: dict[str, str] = {}
    for at, segment in enumerate(wanted):
        if segment.startswith("{") and segment.endswith("+}"):
            rest = "/".join(given[at:])
            if at + 1 != len(wanted) or not rest:
                return None
            found[segment[1:-2]] = unquote(rest)
            return found
        if at >= len(given):
            return None
        if segment.startswith("{") and segment.endswith("}"):
            if not given[at]:
                return None
            found[segment[1:-1]] = unquote(given[at])
        elif segment != unquote(given[at]):
            return None
    return found if len(wanted) == len(given) else None


def _specificity(pattern: str) -> list[int]:
    ranks = {True: 2, False: 1}
    return [ranks[segment.endswith("+}")] if segment.startswith("{") else 0 for segment in pattern.split("/")]
