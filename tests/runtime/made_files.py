"""Files of real kinds, made here: small, and as their formats want them."""

from __future__ import annotations

import io
import struct
import wave
import zipfile
import zlib
from typing import Any
from xml.sax.saxutils import escape

from mutagen.id3 import USLT
from mutagen.mp4 import MP4
from mutagen.wave import WAVE
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)


def pdf(*pages: str, password: str = "") -> bytes:
    """A PDF with one line of text on each page."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(595, 842)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        stream = DecodedStreamObject()
        shown = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        stream.set_data(f"BT /F1 12 Tf 72 700 Td ({shown}) Tj ET".encode("latin-1"))
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password:
        writer.encrypt(password)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def docx(*paragraphs: str, heading: str = "") -> bytes:
    """A DOCX; `heading` comes before the paragraphs."""
    titled = f'<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>{escape(heading)}</w:t></w:r></w:p>'
    body = (titled if heading else "") + "".join(
        f"<w:p><w:r><w:t>{escape(text)}</w:t></w:r></w:p>" for text in paragraphs
    )
    return archive(
        f'<?xml version="1.0"?><w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>'.encode()
    )


def archive(document: bytes) -> bytes:
    """A DOCX whose text is this XML."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("[Content_Types].xml", TYPES)
        made.writestr("word/document.xml", document)
    return out.getvalue()


def bomb(megabytes: int = 200) -> bytes:
    """A DOCX of some kilobytes whose text expands to this size."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        made.writestr("[Content_Types].xml", TYPES)
        with made.open("word/document.xml", "w", force_zip64=True) as part:
            part.write(f'<w:document xmlns:w="{W}"><w:body><w:p><w:r><w:t>'.encode())
            for _ in range(megabytes):
                part.write(b"a" * 1024 * 1024)
            part.write(b"</w:t></w:r></w:p></w:body></w:document>")
    return out.getvalue()


def png(width: int = 2, height: int = 2, **fields: str) -> bytes:
    """A red picture with these text fields."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height))
    texts = [
        chunk(b"iTXt", name.title().encode() + b"\0\0\0\0\0" + value.encode())
        for name, value in fields.items()
    ]
    parts = (chunk(b"IHDR", header), *texts, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def wav(says: str = "") -> bytes:
    """A tenth of a second of silence, with these words as its lyrics."""
    out = io.BytesIO()
    with wave.open(out, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(8000)
        made.writeframes(b"\0\0" * 800)
    return _with_lyrics(WAVE, out, says) if says else out.getvalue()


def mp4(says: str = "") -> bytes:
    """A video without a track, with these words as its lyrics."""

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", 8 + len(body)) + kind + body

    header = box(b"mvhd", b"\0" * 12 + struct.pack(">II", 1000, 1000) + b"\0" * 80)
    out = io.BytesIO(box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + box(b"moov", header) + box(b"mdat", b""))
    return _with_lyrics(MP4, out, says) if says else out.getvalue()


def _with_lyrics(kind: Any, out: io.BytesIO, says: str) -> bytes:
    out.seek(0)
    made = kind(out)
    if kind is MP4:
        made["\xa9lyr"] = [says]
    else:
        made.add_tags()
        made.tags.add(USLT(encoding=3, lang="eng", desc="", text=says))
    out.seek(0)
    made.save(out)
    return out.getvalue()
