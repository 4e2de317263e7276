"""What kind of file it is: by its first bytes, then by its name."""

from __future__ import annotations

from typing import Final

_MAGIC: Final = (
    (b"%PDF-", "pdf"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"ID3", "mp3"),
    (b"\x1f\x8b", "gzip"),
    (b"\xd0\xcf\x11\xe0", "ole"),
    (b"{\\rtf", "rtf"),
)
_RIFF: Final = {b"WAVE": "wav", b"WEBP": "webp", b"AVI ": "avi"}
_SUFFIXES: Final = {"md": "markdown", "markdown": "markdown", "html": "html", "htm": "html", "xhtml": "html"}
IMAGES: Final = frozenset({"png", "jpeg", "gif", "webp", "tiff"})
SOUNDS: Final = frozenset({"wav", "mp3", "mp4", "flac", "ogg"})
_LOOK: Final = 4096
READABLE: Final = "documents with text are PDF, DOCX, HTML, Markdown and plain text"


def kind_of(body: bytes, name: str) -> str:
    """One word for what `body` is; `text` for whatever is no known binary format."""
    return _by_magic(body) or _by_words(body, name)


def _by_magic(body: bytes) -> str:
    """By the first bytes; "" if they are those of no known format."""
    found = next((kind for start, kind in _MAGIC if body.startswith(start)), "")
    if body.startswith(b"RIFF"):
        found = _RIFF.get(body[8:12], "binary")
    elif body[4:8] == b"ftyp":
        found = "mp4"
    elif body[:2] in (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"):
        found = "mp3"
    elif body.startswith(b"PK\x03\x04"):
        found = "docx" if b"word/" in body[:_LOOK] or b"[Content_Types].xml" in body[:_LOOK] else "zip"
    elif not found and b"%PDF-" in body[:1024]:  # readers allow some bytes before it
        found = "pdf"
    return found


def _by_words(body: bytes, name: str) -> str:
    if _is_binary(body):
        return "binary"
    start = body[:_LOOK].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "html"
    return _SUFFIXES.get(name.rpartition(".")[2].lower(), "text")


def processor_for(kind: str) -> str:
    """What a user should do with a file that has no text of its own."""
    if kind in IMAGES:
        return "images need the processor ocr, image_labels or moderate"
    if kind in SOUNDS:
        return "audio and video need the processor transcribe"
    return READABLE


def _is_binary(body: bytes) -> bool:
    """Whether it holds bytes that no text has. UTF-16 and UTF-32 are full of zeros, in a pattern."""
    look = body[:_LOOK]
    if look.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        return False
    zeros = look.count(0)
    if zeros:
        even, odd = look[0::2].count(0), look[1::2].count(0)
        return not (zeros >= len(look) * 0.3 and (even == 0 or odd == 0))
    return sum(byte < 32 and byte not in (7, 8, 9, 10, 12, 13, 27) for byte in look) > len(look) * 0.02
