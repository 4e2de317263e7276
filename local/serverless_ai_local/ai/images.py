"""What an image says of itself: the words and keywords in its text fields, and its colours."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from PIL import Image, UnidentifiedImageError

from serverless_ai_local.ai.reading import Unreadable

FORMATS: Final = ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP")
_TEXTS: Final = ("text", "description", "comment", "title", "caption")
"""Names of a PNG's text fields, and of `comment` of others."""
_KEYWORDS: Final = ("keywords", "labels", "tags")
_EXIF_DESCRIPTION, _EXIF_KEYWORDS = 0x010E, 0x9C9E
_SIDE: Final = 64
"""Colours are looked at in a picture of this many pixels a side."""
_LEAST_SHARE: Final = 0.1
"""Of the picture, for a colour to be named."""
_KEYWORD_SURE: Final = 0.98
_COLOURS: Final[Mapping[str, tuple[int, int, int]]] = {
    "Black": (0, 0, 0),
    "White": (255, 255, 255),
    "Gray": (128, 128, 128),
    "Red": (220, 30, 30),
    "Orange": (255, 150, 20),
    "Yellow": (250, 230, 40),
    "Green": (40, 160, 60),
    "Blue": (40, 80, 200),
    "Purple": (130, 50, 160),
    "Brown": (120, 75, 40),
    "Pink": (250, 160, 190),
}


def pages(content: bytes) -> list[str]:
    """The words in the text fields of each frame."""
    image = _opened(content)
    found: list[str] = []
    for number in range(_frames(image)):
        image.seek(number)
        found.append("\n".join(dict.fromkeys(_values(image, _TEXTS, _EXIF_DESCRIPTION))))
    return found


def keywords(content: bytes) -> list[str]:
    """What its fields for keywords list."""
    return _keywords(_opened(content))


def labels(content: bytes) -> list[tuple[str, float]]:
    """Its keywords, and the colours that fill at least a tenth of it, surest first."""
    image = _opened(content)
    named = [(word, _KEYWORD_SURE) for word in _keywords(image)]
    return named + _colours(image)


def _opened(content: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            image.load()
    except UnidentifiedImageError:
        raise Unreadable(f"the content is none of {', '.join(FORMATS)}") from None
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise Unreadable(f"the image cannot be read: {error}") from None
    return image


def _frames(image: Image.Image) -> int:
    return int(getattr(image, "n_frames", 1))


def _keywords(image: Image.Image) -> list[str]:
    words = [
        word.strip()
        for value in _values(image, _KEYWORDS, _EXIF_KEYWORDS)
        for word in re.split(r"[,;\n]", value)
    ]
    return list(dict.fromkeys(word for word in words if word))


def _values(image: Image.Image, names: Sequence[str], tag: int) -> Iterator[str]:
    """The values of the text fields with these names, then of the EXIF field `tag`."""
    fields = cast("Mapping[Any, Any]", image.info)
    for name, value in fields.items():
        if str(name).lower() in names:
            yield _text(value)
    exif: Any = image.getexif().get(tag)
    if exif:
        # Windows writes its keywords as UTF-16.
        yield exif.decode("utf-16-le", "replace").rstrip("\0") if isinstance(exif, bytes) else str(exif)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _colours(image: Image.Image) -> list[tuple[str, float]]:
    convert: Any = image.convert  # a stub without types
    small = convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
    counts: dict[str, int] = {}
    found = cast("list[tuple[int, tuple[int, int, int]]]", small.getcolors(_SIDE * _SIDE))
    for count, colour in found:
        name = min(_COLOURS, key=lambda one: _distance(_COLOURS[one], colour))
        counts[name] = counts.get(name, 0) + count
    shares = [(name, count / _SIDE**2) for name, count in counts.items()]
    return sorted((one for one in shares if one[1] >= _LEAST_SHARE), key=lambda one: (-one[1], one[0]))


def _distance(one: tuple[int, int, int], other: tuple[int, int, int]) -> int:
    return sum((left - right) ** 2 for left, right in zip(one, other, strict=True))
