"""Sentences and the words that say what they are about, for English."""

from __future__ import annotations

import re
from typing import Final

_BETWEEN: Final = re.compile(r"(?<=[.!?])\s+|\n+")
WORD: Final = re.compile(r"\w+")
_STOPWORDS: Final = """
    a an and any are as at be been but by can could did do does for from had has have he her his how i
    if in into is it its may me might must my no not of on one or our say shall she should so some tell
    than that the their them then there these they this those to too us was we were what when where
    which who whose why will with would you your please about
"""
"""Words that say nothing about what a sentence is about."""
_SUFFIXES: Final = ("ing", "edly", "ed", "es", "s", "ly")
_STOP: Final = frozenset(_STOPWORDS.split())


def split(text: str) -> list[str]:
    """The sentences of a text; a line is one as well."""
    return [one.strip() for one in _BETWEEN.split(text) if one.strip()]


def content_words(text: str) -> frozenset[str]:
    """The stems of the words that a text is about."""
    return frozenset(_stem(word) for word in WORD.findall(text.lower()) if word not in _STOP)


def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word
