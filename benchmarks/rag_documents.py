"""Documents in chunks, the same each time: what every subject ingests."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final, NamedTuple

SHARE: Final = 0.01
"""Of the documents that are changed, and as many others that are deleted."""
_SYLLABLES: Final = ("ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "zu")
_SENTENCES, _WORDS = 8, 14
"""Of a chunk: some 900 characters, as one of a real document."""


class Document(NamedTuple):
    id: str
    chunks: tuple[str, ...]
    """No two of all documents are the same; in lower case, so that a question's normal form is the chunk."""
    version: str = "1"
    """As the bucket tells it that the document is in."""


def documents(count: int, chunks: int) -> list[Document]:
    return [
        Document(f"docs/{number:05}.txt", tuple(_chunk(f"{number} {at}") for at in range(chunks)))
        for number in range(count)
    ]


def changed(every: Sequence[Document]) -> list[Document]:
    """Some of them, each with one chunk in its middle rewritten."""
    return [
        one._replace(
            chunks=(*one.chunks[:middle], _chunk(f"{one.id} again"), *one.chunks[middle + 1 :]), version="3"
        )
        for one in every[: _some(every)]
        for middle in [len(one.chunks) // 2]
    ]


def again(every: Sequence[Document]) -> list[Document]:
    """The same documents, uploaded once more: another version, and not a letter of the text is another."""
    return [one._replace(version="2") for one in every]


def gone(every: Sequence[Document]) -> list[str]:
    """Ids of others."""
    return [one.id for one in every[-_some(every) :]]


def _some(every: Sequence[Document]) -> int:
    return max(1, round(len(every) * SHARE))


def _chunk(seed: str) -> str:
    chance = Random(seed)
    return " ".join(" ".join(_word(chance) for _ in range(_WORDS)) + "." for _ in range(_SENTENCES))


def _word(chance: Random) -> str:
    return "".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4)))
