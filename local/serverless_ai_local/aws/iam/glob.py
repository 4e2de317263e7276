"""IAM's wildcards: `*` and `?` in actions, resources and conditions, and variables like `${aws:username}`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

ANY: Final = "*"
ONE: Final = "?"
Token = tuple[str, bool]
"""A character, and whether it is a wildcard."""
_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
_LITERALS: Final = ("*", "?", "$")


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text fits the pattern."""
    return match_tokens(tokens(pattern), text)


def tokens(pattern: str) -> list[Token]:
    """The pattern without variables."""
    return [(character, character in (ANY, ONE)) for character in pattern]


def expand(pattern: str, context: Mapping[str, Sequence[str]]) -> list[Token] | None:
    """The pattern with its variables filled in; None when one has no value, so that nothing matches.

    What a variable holds is taken literally: a user named `*` gets no more than that. Keys are in lower case.
    """
    found: list[Token] = []
    end = 0
    for variable in _VARIABLE.finditer(pattern):
        value = _value(variable[1], context)
        if value is None:
            return None
        found += tokens(pattern[end : variable.start()])
        found += [(character, False) for character in value]
        end = variable.end()
    return found + tokens(pattern[end:])


def match_tokens(pattern: Sequence[Token], text: str) -> bool:
    """Whether the whole text fits; linear but for going back to the last `*`, whatever the pattern."""
    at = position = 0
    star = mark = -1
    while position < len(text):
        if at < len(pattern) and pattern[at] == (ANY, True):
            star, mark = at, position
            at += 1
        elif at < len(pattern) and (pattern[at] == (ONE, True) or pattern[at] == (text[position], False)):
            at += 1
            position += 1
        elif star >= 0:
            mark += 1
            at, position = star + 1, mark
        else:
            return False
    return all(token == (ANY, True) for token in pattern[at:])


def literal(pattern: Sequence[Token]) -> str:
    """The text of a pattern whose wildcards mean themselves."""
    return "".join(character for character, _ in pattern)


def split(pattern: Sequence[Token], parts: int) -> list[list[Token]]:
    """The pattern cut at its first colons into at most this many parts."""
    found: list[list[Token]] = [[]]
    for token in pattern:
        if token == (":", False) and len(found) < parts:
            found.append([])
        else:
            found[-1].append(token)
    return found


def _value(variable: str, context: Mapping[str, Sequence[str]]) -> str | None:
    name, comma, default = variable.partition(",")
    if name.strip() in _LITERALS:
        return name.strip()
    values = context.get(name.strip().lower())
    if values is not None and len(values) == 1:
        return values[0]
    return default.strip().strip("'") if comma else None
