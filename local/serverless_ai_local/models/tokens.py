"""Counts and cuts tokens: words, numbers and signs, long words in pieces; near what real tokenisers do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

PIECE: Final = 6
"""Characters of a long word that make one token."""
_TOKEN: Final = re.compile(rf"\s*(?:\w{{1,{PIECE}}}|[^\w\s])")


def count(text: str) -> int:
    """How many tokens a text has; none for an empty one or one of white space."""
    return sum(1 for _ in _TOKEN.finditer(text))


def each(text: str) -> Iterator[str]:
    """The tokens of a text."""
    return (one[0] for one in _TOKEN.finditer(text))


def cut(text: str, limit: int) -> tuple[str, bool]:
    """The first `limit` tokens, and whether anything was cut off."""
    for number, token in enumerate(_TOKEN.finditer(text)):
        if number == limit:
            return text[: token.start()], True
    return text, False
