"""A document's text in chunks: of bounded size, at natural boundaries, stable where nothing has changed.

A paragraph is never split unless it is larger than a chunk. Packing starts anew at each heading and page,
and after every later paragraph whose own hash says so: an edit moves boundaries up to the next such place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final, NamedTuple

from serverless_ai_runtime.documents import Section

ID_CHARS: Final = 32
"""Hexadecimal digits of a chunk's id: 128 bits."""
_ANCHOR: Final = 8
"""One paragraph in so many is a place where packing starts anew."""
_PARAGRAPHS: Final = re.compile(r"\n[ \t]*\n+")
_SEPARATORS: Final = (re.compile(r"\n"), re.compile(r"(?<=[.!?。])\s+"), re.compile(r"\s+"))
"""Lines, sentences, words: tried in turn on what is too large."""


class Sizes(NamedTuple):
    """In characters."""

    most: int = 1200
    overlap: int = 150
    """Of the end of a chunk that the next one repeats: at most so much, and whole sentences or words."""


class Chunk(NamedTuple):
    id: str
    """By its heading and text: the same text under the same heading has the same id, wherever it stands."""
    text: str
    heading: str
    page: int
    """Where it begins, from 1; 0 = the document has no pages."""


def chunks(sections: Iterable[Section], sizes: Sizes = Sizes()) -> list[Chunk]:  # noqa: B008 - frozen
    """In the order of the document; a text that comes again under the same heading counts once."""
    found: dict[str, Chunk] = {}
    for section in sections:
        for text in _packed(_pieces(section.text, sizes.most), sizes):
            one = _chunk(text, section.heading, section.page)
            found.setdefault(one.id, one)
    return list(found.values())


class _Piece(NamedTuple):
    text: str
    joint: str
    """What stands between it and the piece before."""
    anchor: bool
    """Whether packing starts anew after it."""


def _pieces(text: str, most: int) -> Iterator[_Piece]:
    paragraphs = filter(None, (one.strip() for one in _PARAGRAPHS.split(text)))
    for place, whole in enumerate(paragraphs):
        # The first is often the heading's own line, which is no passage alone.
        anchor = place > 0 and int(_digest(whole)[:8], 16) % _ANCHOR == 0
        parts = list(_cut(whole, most, 0))
        for number, part in enumerate(parts):
            yield _Piece(part, "\n\n" if number == 0 else " ", anchor and number == len(parts) - 1)


def _cut(text: str, most: int, depth: int) -> Iterator[str]:
    """Parts of at most `most` characters, by the coarsest separator that does."""
    if len(text) <= most:
        yield text
        return
    if depth == len(_SEPARATORS):
        yield from (text[start : start + most] for start in range(0, len(text), most))
        return
    held = ""
    for part in _SEPARATORS[depth].split(text):
        joined = f"{held} {part}" if held else part
        if len(joined) <= most:
            held = joined
            continue
        if held:
            yield held
        *full, held = list(_cut(part, most, depth + 1)) or [""]
        yield from full
    if held:
        yield held


def _packed(pieces: Iterable[_Piece], sizes: Sizes) -> Iterator[str]:
    """As many pieces as fit. A chunk begins with the end of the one before, but not after an anchor."""
    text = ""
    for piece in pieces:
        joined = text + piece.joint + piece.text if text else piece.text
        if len(joined) > sizes.most:
            yield text
            tail = _tail(text, min(sizes.overlap, sizes.most - len(piece.text) - len(piece.joint)))
            joined = tail + piece.joint + piece.text if tail else piece.text
        text = joined
        if piece.anchor:
            yield text
            text = ""
    if text:
        yield text


def _tail(text: str, most: int) -> str:
    """The end of a text from the beginning of a sentence or, if that is too far, of a word."""
    if most <= 0:
        return ""
    end = text[-most:]
    if len(end) == len(text):
        return ""  # all of it would come again
    for separator in _SEPARATORS[1:]:
        found = separator.search(end)
        if found and found.end() < len(end):
            return end[found.end() :]
    return ""


def _chunk(text: str, heading: str, page: int) -> Chunk:
    return Chunk(_digest(f"{heading}\0{text}")[:ID_CHARS], text, heading, page)


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def embedded_text(chunk: Chunk) -> str:
    """What is embedded: a chunk says what it is about under its heading."""
    return f"{chunk.heading}\n\n{chunk.text}" if chunk.heading else chunk.text
