"""Plain text in any usual encoding, Markdown by its headings, HTML without its tags."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

from serverless_ai_runtime.documents import MAX_CHARS, Section, UnreadableDocument

_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_HEADING: Final = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
_CHARSET: Final = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?([\w-]+)""", re.IGNORECASE)
_SILENT: Final = frozenset({"script", "style", "head", "template", "noscript", "svg"})
_BLOCKS: Final = frozenset(
    {"p", "div", "br", "li", "tr", "table", "ul", "ol", "section", "article", "blockquote", "pre", "td", "th"}
)
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


def sections(body: bytes, kind: str) -> list[Section]:
    """The text by headings; one section where there are none."""
    text = decode(body, _declared(body) if kind == "html" else "")[:MAX_CHARS]
    if kind == "html":
        return _html(text)
    return _markdown(text) if kind == "markdown" else [Section(text)]


def decode(body: bytes, declared: str = "") -> str:
    """Text of bytes: by its mark, as declared, UTF-16 without a mark, UTF-8, at last Windows-1252."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    for encoding in (declared, _utf16(body), "utf-8"):
        if encoding:
            try:
                return body.decode(encoding)
            except (UnicodeDecodeError, LookupError):
                continue
    # Five bytes have no meaning in Windows-1252; Latin-1 has one for each.
    return (
        body.decode("cp1252", "replace")
        if body.translate(None, _UNDEFINED) == body
        else body.decode("latin-1")
    )


_UNDEFINED: Final = b"\x81\x8d\x8f\x90\x9d"


def _utf16(body: bytes) -> str:
    """Text in Latin script has a zero in every second byte."""
    look = body[:4096]
    if len(look) < 4 or len(body) % 2:
        return ""
    even, odd = look[0::2].count(0), look[1::2].count(0)
    if odd > len(look) // 4 and not even:
        return "utf-16-le"
    return "utf-16-be" if even > len(look) // 4 and not odd else ""


def _declared(body: bytes) -> str:
    found = _CHARSET.search(body[:4096])
    return found[1].decode("ascii", "replace") if found else ""


def _markdown(text: str) -> list[Section]:
    found: list[Section] = []
    start, heading = 0, ""
    for match in _HEADING.finditer(text):
        found.append(Section(text[start : match.start()].strip(), heading=heading))
        start, heading = match.start(), match[2]
    return [*found, Section(text[start:].strip(), heading=heading)]


def _html(text: str) -> list[Section]:
    reader = _Reader()
    try:
        reader.feed(text)
        reader.close()
    except (ValueError, AssertionError, RecursionError) as error:
        raise UnreadableDocument("damaged_document", f"the HTML cannot be read: {error}") from None
    return reader.sections()


class _Reader(HTMLParser):
    """Collects words between headings; what is not for readers is left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._silent: list[str] = []
        self._parts: list[tuple[str, list[str]]] = [("", [])]
        self._heading: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in _SILENT:
            self._silent.append(tag)
        elif tag == "body":  # a head that was never closed
            self._silent.clear()
        elif tag in _HEADINGS:
            self._heading = []
        elif tag in _BLOCKS:
            self._add("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:
            while self._silent.pop() != tag:
                continue
        elif tag in _HEADINGS and self._heading is not None:
            heading = " ".join("".join(self._heading).split())
            self._heading = None
            self._parts.append((heading, [heading, "\n"]))
        elif tag in _BLOCKS:
            self._add("\n")

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if self._heading is not None:
            self._heading.append(data)
        else:
            self._add(data)

    def sections(self) -> list[Section]:
        if self._heading is not None:
            self._add("".join(self._heading))
        return [Section(_tidy("".join(words)), heading=heading) for heading, words in self._parts]

    def _add(self, words: str) -> None:
        self._parts[-1][1].append(words)


def _tidy(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)
