"""Text of documents: what kind of file it is by its content, and its words by page or heading.

Memory stays bounded whatever comes in: archives and compressed streams are expanded in pieces, up to a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

MAX_CHARS = 20_000_000
"""Text beyond this is not read: no model takes it, and it would fill the function's memory."""


class UnreadableDocument(Exception):
    """A document without text that could be read. `code` is a stable word.

    It is empty_document, unsupported_type, damaged_document, encrypted_document, expands_too_much or no_text.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Section(NamedTuple):
    text: str
    page: int = 0
    """From 1; 0 = the document has no pages."""
    heading: str = ""
    """The heading that it stands under."""


class Document(NamedTuple):
    kind: str
    sections: tuple[Section, ...]

    @property
    def text(self) -> str:
        """All of it, sections apart by an empty line."""
        return "\n\n".join(section.text for section in self.sections if section.text)


def read(body: bytes, name: str, *, remaining: Callable[[], float] = lambda: 60.0) -> Document:
    """The text in `body`; `name` decides only what the content leaves open. Raises `UnreadableDocument`.

    `remaining` says how many seconds are left.
    """
    from serverless_ai_runtime.documents.kinds import kind_of, processor_for

    if not body:
        raise UnreadableDocument("empty_document", "the file has no bytes; a document with text is needed")
    kind = kind_of(body, name)
    if kind == "pdf":
        from serverless_ai_runtime.documents.pdf import sections as pdf_sections

        sections = pdf_sections(body, remaining)
    elif kind == "docx":
        from serverless_ai_runtime.documents.docx import sections as docx_sections

        sections = docx_sections(body)
    elif kind in ("html", "markdown", "text"):
        from serverless_ai_runtime.documents.plain import sections as plain_sections

        sections = plain_sections(body, kind)
    else:
        raise UnreadableDocument("unsupported_type", f"{kind} holds no text; {processor_for(kind)}")
    found = tuple(section for section in sections if section.text.strip())
    if not found:
        raise UnreadableDocument(
            "no_text", f"there are no words in this {kind}; a scan needs the processor ocr"
        )
    return Document(kind, found)
