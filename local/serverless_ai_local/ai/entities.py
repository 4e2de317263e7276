"""People, places, organisations, dates and quantities in a text, by rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from serverless_ai_local.ai.reading import Entity

_MONTH: Final = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.?"
)
_NAME: Final = r"[A-Z][a-zà-ÿ'’][\w'’-]{0,30}"
_NAMES: Final = rf"{_NAME}(?:[ ]{_NAME}){{0,3}}"
_RULES: Final[tuple[tuple[str, float, re.Pattern[str]], ...]] = (
    ("DateTime", 0.99, re.compile(r"\b\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?Z?)?\b")),
    ("DateTime", 0.97, re.compile(rf"\b\d{{1,2}}\.? {_MONTH}(?: \d{{4}})?\b")),
    ("DateTime", 0.97, re.compile(rf"\b{_MONTH} \d{{1,2}}(?:, \d{{4}})?\b|\b{_MONTH} \d{{4}}\b")),
    (
        "Quantity",
        0.95,
        re.compile(
            r"(?:[$€£]\s?\d[\d,]{0,20}(?:\.\d{1,9})?)"
            r"|\b\d[\d,]{0,20}(?:\.\d{1,9})?\s?(?:%|kg|g|km|m|cm|mm|EUR|USD|GBP|euros?|dollars?|hours?|days?|percent)(?!\w)"
        ),
    ),
    (
        "Organization",
        0.93,
        re.compile(
            rf"\b(?:{_NAMES}|[A-Z]{{2,30}}) "
            r"(?:Inc|Ltd|LLC|GmbH|AG|Corp|Corporation|Company|University|Institute|Bank)\b"
        ),
    ),
    ("Person", 0.95, re.compile(rf"\b(?:Mr|Mrs|Ms|Dr|Prof)\.? (?P<entity>{_NAMES})")),
    ("Location", 0.85, re.compile(rf"\b(?:in|near|from|to) (?P<entity>{_NAMES})")),
    ("Person", 0.8, re.compile(rf"\b{_NAME} {_NAME}\b")),
)
"""The earlier takes precedence where two would claim the same words."""


def of_text(text: str) -> list[Entity]:
    """In the order of the text; no two overlap."""
    taken = bytearray(len(text))
    found: list[Entity] = []
    for kind, score, rule in _RULES:
        for start, end in _places(rule, text):
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                found.append(Entity(kind, text[start:end], start, score))
    return sorted(found, key=lambda entity: entity.offset)


def _places(rule: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    for match in rule.finditer(text):
        yield match.span("entity") if "entity" in rule.groupindex else match.span()
