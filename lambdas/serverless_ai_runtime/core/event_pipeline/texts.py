"""The words of an item, whole or in pieces of a size that a service takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from serverless_ai_runtime.core.event_pipeline.ports import Source, Unprocessable
from serverless_ai_runtime.core.ports import Deadline

MAX_BYTES: Final = 2**40
"""The pipeline's own limit counts."""
_ENDS: Final = (". ", "\n", " ")


def text_of(source: Source, deadline: Deadline) -> str:
    """The words of an item; raises `Unprocessable` for what has none."""
    if source.ref is None:
        text = source.text
    else:
        from serverless_ai_runtime.documents import UnreadableDocument, read

        try:
            text = read(source.load(MAX_BYTES), source.name, remaining=deadline.remaining).text
        except UnreadableDocument as error:
            raise Unprocessable(error.code, str(error)) from None
    if not text.strip():
        raise Unprocessable("empty_document", "there is no text in it; a text of at least one word is needed")
    return text


def pieces(text: str, most: int) -> Iterator[str]:
    """Pieces of at most `most` bytes of UTF-8, cut after a sentence, a line or a word where there is one.

    Together they are the text, but for pieces of nothing but white space, which services refuse.
    """
    rest = text
    while rest:
        piece = rest.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
        if len(piece) < len(rest):
            ends = (piece.rfind(end) + len(end) for end in _ENDS if end in piece)
            piece = piece[: next((end for end in ends if end > len(piece) // 2), len(piece))]
        rest = rest[len(piece) :]
        if piece.strip():
            yield piece
