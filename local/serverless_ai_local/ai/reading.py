"""What a local AI service asks of a content, in words of no cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

HARMS: Final = ("Hate", "SelfHarm", "Sexual", "Violence")
"""Kinds of unfit content."""
KINDS: Final = ("Person", "Location", "Organization", "DateTime", "Quantity")
"""Kinds of entities."""


class Unreadable(Exception):
    """The content is not what the service takes; the text says why."""


class Entity(NamedTuple):
    category: str
    """One of `KINDS`."""
    text: str
    offset: int
    """Characters before it."""
    score: float
    """0 to 1."""


class Reader(Protocol):
    """What is in a content: the same for the same content, always. Each raises `Unreadable`."""

    def pages(self, content: bytes) -> Sequence[str]:
        """Text of each page of a PDF, or of an image as its one page; lines end in a newline."""
        ...

    def labels(self, content: bytes) -> Sequence[tuple[str, float]]:
        """What is in an image, and how sure that is: 0 to 1."""
        ...

    def speech(self, content: bytes) -> str:
        """What is said in audio or video."""
        ...

    def harm_of_image(self, content: bytes) -> Mapping[str, float]:
        """Category of `HARMS` -> 0 to 1."""
        ...

    def harm_of_text(self, text: str) -> Mapping[str, float]:
        """Category of `HARMS` -> 0 to 1."""
        ...

    def entities(self, text: str, language: str) -> Sequence[Entity]: ...
