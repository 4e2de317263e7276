"""What a recording says: the text in its own tags for lyrics, transcript, comment or description."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import mutagen

from serverless_ai_local.ai.reading import Unreadable

_MUTAGEN: Final[Any] = mutagen  # it has no types
_READ, _BROKEN = _MUTAGEN.File, _MUTAGEN.MutagenError
FORMATS: Final = "MP3, MP4, M4A, WAV, FLAC, Ogg"
_NAMES: Final = (
    "USLT",
    "\xa9lyr",
    "lyrics",
    "unsyncedlyrics",
    "transcript",
    "COMM",
    "\xa9cmt",
    "comment",
    "desc",
)
"""Tags of ID3, MP4 and Vorbis comments, the first that is there counts."""


def speech(content: bytes) -> str:
    """ "" for a recording that says nothing of itself."""
    try:
        found = _READ(io.BytesIO(content))
    except (_BROKEN, OSError, ValueError, KeyError, IndexError, AssertionError) as error:
        raise Unreadable(f"the recording cannot be read: {error}") from None
    if found is None:
        raise Unreadable(f"the content is none of {FORMATS}")
    tags: Mapping[str, Any] = cast("Mapping[str, Any]", found.tags or {})
    for name in _NAMES:
        values = [tags[key] for key in tags.keys() if key.partition(":")[0].lower() == name.lower()]  # noqa: SIM118
        if values:
            return " ".join(_said(value) for value in values).strip()
    return ""


def _said(value: Any) -> str:
    """Of an ID3 frame, or of the list of texts of other tags."""
    text = getattr(value, "text", value)
    return text if isinstance(text, str) else " ".join(str(one) for one in cast("Iterable[object]", text))
