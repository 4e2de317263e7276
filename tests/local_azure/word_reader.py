"""A reader of contents that are words, for tests of the local AI services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from serverless_ai_local.ai.reading import Entity, Unreadable


class Words:
    """Reads contents that are words: what follows `labels:`, `says:` or `harm:`; pages end in a form feed."""

    def pages(self, content: bytes) -> Sequence[str]:
        return self._text(content).split("\f")

    def labels(self, content: bytes) -> Sequence[tuple[str, float]]:
        return [(word, 0.9 - number / 2) for number, word in enumerate(self._after(content, "labels:"))]

    def speech(self, content: bytes) -> str:
        return " ".join(self._after(content, "says:"))

    def harm_of_image(self, content: bytes) -> Mapping[str, float]:
        return dict.fromkeys(self._after(content, "harm:"), 0.8)

    def harm_of_text(self, text: str) -> Mapping[str, float]:
        return {"Violence": 0.9} if "stab" in text else {}

    def entities(self, text: str, language: str) -> Sequence[Entity]:
        assert language == "en"
        return [Entity("Person", word, text.index(word), 0.8) for word in text.split() if word.istitle()]

    def _after(self, content: bytes, word: str) -> list[str]:
        return self._text(content).partition(word)[2].split()

    def _text(self, content: bytes) -> str:
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise Unreadable("this is not text") from None
