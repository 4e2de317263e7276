"""Textract's blocks: pages, the lines on them, the words in those."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

_CONFIDENCE: Final = 99.0
_CORNERS: Final = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def blocks_of(pages: Sequence[str]) -> list[dict[str, Any]]:
    """Each page, followed by its lines and then by their words. Where on the page is not known: all of it."""
    return [block for number, text in enumerate(pages, 1) for block in _page(number, text)]


def _page(number: int, text: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    for line in filter(str.strip, text.splitlines()):
        within = [_text("WORD", number, word, TextType="PRINTED") for word in line.split()]
        lines.append(_text("LINE", number, line, **_parent_of(within)))
        words += within
    return [_block("PAGE", number, **_parent_of(lines)), *lines, *words]


def _text(kind: str, page: int, text: str, **more: Any) -> dict[str, Any]:
    return _block(kind, page, Text=text, Confidence=_CONFIDENCE, **more)


def _parent_of(blocks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    ids = [block["Id"] for block in blocks]
    return {"Relationships": [{"Type": "CHILD", "Ids": ids}]} if ids else {}


def _block(kind: str, page: int, **more: Any) -> dict[str, Any]:
    box = {"Width": 1.0, "Height": 1.0, "Left": 0.0, "Top": 0.0}
    geometry = {"BoundingBox": box, "Polygon": [{"X": x, "Y": y} for x, y in _CORNERS]}
    return {"BlockType": kind, "Id": str(uuid.uuid4()), "Page": page, "Geometry": geometry, **more}
