"""Places of stores out of a configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def place_texts(text: str, fields: Sequence[str], store: str) -> list[str]:
    """The fields of a place that infrastructure wrote as a JSON object of texts, in this order.

    Raises ValueError naming the store and the fields.
    """
    try:
        given: Any = json.loads(text)
        parts = [given.pop(name) for name in fields]
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError):
        given, parts = None, list[Any]()
    if given != {} or not all(isinstance(part, str) and part for part in parts):
        raise ValueError(f"not a place of {store}, a JSON object of texts: {', '.join(fields)}")
    return parts
