"""Vectors for texts without a model: hashed words and letter triples, to try the vector path with."""

from __future__ import annotations

import hashlib
import math
import re
from typing import Final

VERSION: Final = b"local-1"
"""Part of every hash: another version is another space, and stored vectors must be made anew."""
_WORD: Final = re.compile(r"\w+")


def embed(text: str, dimensions: int) -> list[float]:
    """A unit vector, also of a text without words."""
    vector = [0.0] * dimensions
    for word in _WORD.findall(text.lower()):
        _add(vector, word, 1.0)
        padded = f" {word} "
        for at in range(len(padded) - 2):
            _add(vector, "3:" + padded[at : at + 3], 0.5)
    if not any(vector):
        _add(vector, "1:" + text, 1.0)  # a store refuses zeros: they have no direction
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]


def _add(vector: list[float], feature: str, weight: float) -> None:
    digest = hashlib.blake2b(feature.encode(), digest_size=8, key=VERSION).digest()
    number = int.from_bytes(digest, "big")
    vector[(number >> 1) % len(vector)] += weight if number & 1 else -weight
