"""Pub/Sub's filter language over a message's attributes.

Grammar: https://cloud.google.com/pubsub/docs/subscription-message-filter, read 2026-11.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

Attributes = Mapping[str, str]
Filter = Callable[[Attributes], bool]
MAX_BYTES: Final = 256

_TOKEN: Final = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<sign>!=|=|[():.,-])|(?P<word>[A-Za-z_][\w-]*))'
)


class FilterError(ValueError):
    """The text is no filter; it says where."""


def compile_filter(text: str) -> Filter:
    """What the filter lets through; empty: everything. Raises `FilterError`."""
    if not text.strip():
        return lambda attributes: True
    if len(text.encode()) > MAX_BYTES:
        raise FilterError(f"a filter has at most {MAX_BYTES} bytes, this one has {len(text.encode())}")
    parser = _Parser(text)
    found = parser.either()
    parser.end()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._tokens, at = text, list[str](), 0
        while text[at:].strip():
            token = _TOKEN.match(text, at)
            if token is None:
                raise FilterError(f"{text[at:].strip()!r} is no part of a filter")
            self._tokens.append(token[0].strip())
            at = token.end()

    def either(self) -> Filter:
        """Operands joined by AND or by OR: Pub/Sub wants parentheses around a mixture."""
        terms, joint = [self._term()], ""
        while self._next() in ("AND", "OR"):
            word = self._take()
            if joint and joint != word:
                raise FilterError("AND and OR in one expression need parentheses")
            joint = word
            terms.append(self._term())
        if joint == "OR":
            return lambda attributes: any(term(attributes) for term in terms)
        return lambda attributes: all(term(attributes) for term in terms)

    def end(self) -> None:
        if self._tokens:
            raise FilterError(f"{self._tokens[0]!r} is not expected in {self._text!r}")

    def _term(self) -> Filter:
        if self._next() in ("NOT", "-"):
            self._take()
            inner = self._primary()
            return lambda attributes: not inner(attributes)
        return self._primary()

    def _primary(self) -> Filter:
        if self._next() == "(":
            self._take()
            inner = self.either()
            self._take(")")
            return inner
        if self._next() == "hasPrefix":
            return self._prefix()
        self._take("attributes")
        if self._next() == ":":
            self._take()
            key = self._key()
            return lambda attributes: key in attributes
        self._take(".")
        return self._comparison(self._key())

    def _prefix(self) -> Filter:
        for expected in ("hasPrefix", "(", "attributes", "."):
            self._take(expected)
        key = self._key()
        self._take(",")
        start = self._value()
        self._take(")")
        return lambda attributes: key in attributes and attributes[key].startswith(start)

    def _comparison(self, key: str) -> Filter:
        sign = self._take()
        if sign not in ("=", "!="):
            raise FilterError(f"{sign!r} is no comparison; there are = and !=")
        wanted = self._value()
        if sign == "=":
            return lambda attributes: attributes.get(key) == wanted
        return lambda attributes: attributes.get(key) != wanted

    def _key(self) -> str:
        return self._value() if self._next().startswith('"') else self._take()

    def _value(self) -> str:
        token = self._take()
        if not token.startswith('"'):
            raise FilterError(f"{token!r} must be a text in double quotes")
        try:
            return str(json.loads(token))
        except ValueError:
            raise FilterError(f"{token} is no text") from None

    def _next(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _take(self, expected: str = "") -> str:
        if not self._tokens or (expected and self._tokens[0] != expected):
            there = repr(self._tokens[0]) if self._tokens else "the end"
            raise FilterError(f"{expected or 'more'} is expected where {there} is in {self._text!r}")
        return self._tokens.pop(0)
