"""The reader behind the local AI services: what they find stands in the content, and nowhere else.

Nothing is recognised: an image's words and labels are those of its own text fields and its colours, what a
recording says is its lyrics or comment, a PDF's pages are its text. So an answer can be foreseen and checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from serverless_ai_local.ai import entities, harm, images, sound
from serverless_ai_local.ai.reading import Entity, Unreadable
from serverless_ai_runtime.documents import UnreadableDocument, pdf

_PATIENCE_S = 60.0
_PDF_BEGINS_WITHIN = 1024
"""Bytes before `%PDF-` that readers forgive."""


class ContentReader:
    """See `reading.Reader`."""

    def pages(self, content: bytes) -> Sequence[str]:
        if b"%PDF-" not in content[:_PDF_BEGINS_WITHIN]:
            return images.pages(content)
        try:
            return [section.text for section in pdf.sections(content, lambda: _PATIENCE_S)]
        except UnreadableDocument as error:
            raise Unreadable(str(error)) from None

    def labels(self, content: bytes) -> Sequence[tuple[str, float]]:
        return images.labels(content)

    def speech(self, content: bytes) -> str:
        return sound.speech(content)

    def harm_of_image(self, content: bytes) -> Mapping[str, float]:
        return harm.of_text(" ".join(images.pages(content)) + " " + " ".join(images.keywords(content)))

    def harm_of_text(self, text: str) -> Mapping[str, float]:
        return harm.of_text(text)

    def entities(self, text: str, language: str) -> Sequence[Entity]:
        """By rules for languages that are written with capitals; `language` changes nothing."""
        del language
        return entities.of_text(text)
