"""Rekognition's labels of an image, and those for what is unfit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from werkzeug.wrappers import Response

from serverless_ai_local.ai.reading import Reader, Unreadable
from serverless_ai_local.aws.ai.constraints import taken, validation_error
from serverless_ai_local.aws.ai.files import Files
from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.calls import reply, section

_T = TypeVar("_T")
MOST_LABELS: Final = 1000
LEAST_LABEL: Final = 55
LEAST_HARM: Final = 50
"""Percent, unless MinConfidence says otherwise (Rekognition API reference, 2026-11)."""
MOST_BYTES: Final = 15 * 1024 * 1024
"""Of an image in a bucket (the same page, quotas)."""
_NAMES: Final[Mapping[str, tuple[str, str, int]]] = {
    "Hate": ("Hate Symbols", "", 1),
    "SelfHarm": ("Self-Harm", "Graphic Violence", 3),
    "Sexual": ("Explicit", "", 1),
    "Violence": ("Violence", "", 1),
}
"""Kind of harm -> label, its parent and its level (Rekognition's taxonomy 7.0)."""
_LISTS: Final = ("Instances", "Parents", "Aliases", "Categories")
_REFUSAL: Final = validation_error("ValidationException")
_FORMATS: Final = (b"\x89PNG", b"\xff\xd8\xff")


class Rekognition:
    """PNG and JPEG, as the service."""

    def __init__(self, reader: Reader, files: Files) -> None:
        self._reader, self._files = reader, files

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {
            ("rekognition", "DetectLabels"): self._labels,
            ("rekognition", "DetectModerationLabels"): self._moderation,
        }

    def _labels(self, call: Call) -> Response:
        given = taken(call, "Image", "MaxLabels", "MinConfidence", refusal=_REFUSAL)
        content = self._image(call, given)
        least, most = given.get("MinConfidence", LEAST_LABEL), given.get("MaxLabels", MOST_LABELS)
        found = _read(lambda: self._reader.labels(content))
        surest = sorted(found, key=lambda one: -one[1])
        labels: list[dict[str, Any]] = [
            {"Name": name, "Confidence": sure * 100, **{one: [] for one in _LISTS}}
            for name, sure in surest
            if sure * 100 >= least
        ]
        return reply({"Labels": labels[:most], "LabelModelVersion": "3.0"})

    def _moderation(self, call: Call) -> Response:
        given = taken(call, "Image", "MinConfidence", refusal=_REFUSAL)
        content = self._image(call, given)
        least = given.get("MinConfidence", LEAST_HARM)
        labels: list[dict[str, Any]] = []
        for harm, score in _read(lambda: self._reader.harm_of_image(content)).items():
            name, parent, level = _NAMES[harm]
            if score and score * 100 >= least:
                about = {"Name": name, "ParentName": parent, "TaxonomyLevel": level}
                labels.append({**about, "Confidence": score * 100})
        return reply({"ModerationLabels": labels, "ModerationModelVersion": "7.0"})

    def _image(self, call: Call, given: Mapping[str, Any]) -> bytes:
        content = self._files.given(call, section(given, "Image"))
        if len(content) > MOST_BYTES:
            raise ApiError("ImageTooLargeException", f"Image has more than {MOST_BYTES} bytes")
        if not content.startswith(_FORMATS):
            raise ApiError("InvalidImageFormatException", "Request has invalid image format")
        return content


def _read(work: Callable[[], _T]) -> _T:
    try:
        return work()
    except Unreadable:
        raise ApiError("InvalidImageFormatException", "Request has invalid image format") from None
