"""Words of a DOCX by its headings. Its parts are expanded in pieces and never beyond a limit."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Final
from xml.parsers import expat

from serverless_ai_runtime.documents import MAX_CHARS, Section, UnreadableDocument

MAX_ENTRIES: Final = 10_000
MAX_PART_BYTES: Final = 64 * 1024 * 1024
"""Of the text's XML, expanded. A book of a thousand pages has less."""
_PIECE: Final = 1024 * 1024
_PART: Final = "word/document.xml"
_W: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main "


def sections(body: bytes) -> list[Section]:
    """The text by headings, paragraphs on lines of their own."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.words
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        for piece in _pieces(body):
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise _damaged(f"its text is no XML: {error}") from None
    return reader.sections()


def _pieces(body: bytes) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            if len(archive.infolist()) > MAX_ENTRIES:
                raise UnreadableDocument(
                    "expands_too_much", f"the archive has more than {MAX_ENTRIES} entries"
                )
            if _PART not in archive.namelist():
                raise UnreadableDocument(
                    "unsupported_type", f"the archive is no DOCX: it has no {_PART}; archives are not opened"
                )
            with archive.open(_PART) as part:
                yield from _bounded(part)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise _damaged(str(error)) from None
    except RuntimeError as error:  # zipfile's word for "encrypted"
        raise UnreadableDocument("encrypted_document", f"the archive cannot be opened: {error}") from None


def _bounded(part: IO[bytes]) -> Iterator[bytes]:
    """What is really in it counts: a bomb lies about its size."""
    total = 0
    while piece := part.read(_PIECE):
        total += len(piece)
        if total > MAX_PART_BYTES:
            most = MAX_PART_BYTES // 1024 // 1024
            raise UnreadableDocument("expands_too_much", f"the text expands to more than {most} MB")
        yield piece


def _refuse_doctype(*declared: object) -> None:
    raise UnreadableDocument("damaged_document", f"its XML declares a document type ({declared[0]})")


def _damaged(why: str) -> UnreadableDocument:
    return UnreadableDocument("damaged_document", f"the DOCX cannot be read: {why}")


class _Reader:
    """WordprocessingML: paragraphs `p` of runs with text `t`; a style named Heading... begins a section."""

    def __init__(self) -> None:
        self._found: list[tuple[str, list[str]]] = [("", [])]
        self._paragraph: list[str] = []
        self._in_text = self._is_heading = False
        self._length = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.removeprefix(_W)
        if tag == "p":
            self._paragraph, self._is_heading = [], False
        elif tag == "t":
            self._in_text = True
        elif tag in ("tab", "br", "cr"):
            self._paragraph.append("\t" if tag == "tab" else "\n")
        elif tag == "pStyle":
            style = attributes.get(_W + "val", "").lower()
            self._is_heading = style.startswith(("heading", "title", "berschrift"))

    def end(self, name: str) -> None:
        tag = name.removeprefix(_W)
        if tag == "t":
            self._in_text = False
        elif tag == "p":
            text = "".join(self._paragraph).strip()
            if text and self._is_heading:
                self._found.append((text, []))
            if text:
                self._found[-1][1].append(text)

    def words(self, text: str) -> None:
        if self._in_text:
            self._length += len(text)
            if self._length > MAX_CHARS:
                raise UnreadableDocument("expands_too_much", f"the text has more than {MAX_CHARS} characters")
            self._paragraph.append(text)

    def sections(self) -> list[Section]:
        return [Section("\n".join(lines), heading=heading) for heading, lines in self._found]
