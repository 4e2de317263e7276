"""Whether an image or text is unfit, by Content Safety."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_runtime.adapters.azure.ai.source import FINAL, malformed
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.given import content_of, judged, no_jobs
from serverless_ai_runtime.core.event_pipeline.ports import Source
from serverless_ai_runtime.core.event_pipeline.texts import pieces, text_of
from serverless_ai_runtime.core.ports import Deadline

MOST_MB: Final = 4
TEXT_BYTES: Final = 10_000
"""Of one text; the limit is as many characters."""
WORST: Final = 7
"""Severities are 0 to 7; of an image 0, 2, 4 and 6."""
IMAGES: Final = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_VERSION: Final = "api-version=2024-09-01"


class Moderation:
    """A category counts from `threshold` percent of the worst severity on."""

    def __init__(self, service: Service, threshold: int) -> None:
        self._service, self._threshold = service, threshold

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any]:
        found: dict[str, int] = {}
        if source.name.lower().endswith(IMAGES):
            content = b2a_base64(content_of(source, "Content Safety", MOST_MB), newline=False).decode()
            self._ask("image", {"image": {"content": content}}, found, deadline)
        else:
            for piece in pieces(text_of(source, deadline), TEXT_BYTES):
                self._ask("text", {"text": piece, "outputType": "EightSeverityLevels"}, found, deadline)
        scores = {name: round(severity / WORST, 4) for name, severity in found.items()}
        categories = [
            {"name": name, "score": score} for name, score in scores.items() if score * 100 >= self._threshold
        ]
        return {"flagged": bool(categories), "categories": categories}

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any]:
        no_jobs("Content Safety", handle)

    def _ask(self, kind: str, request: Mapping[str, Any], found: dict[str, int], deadline: Deadline) -> None:
        """Put the worst severity of each category into `found`."""
        with judged(FINAL):
            answer = self._service.post_json(
                "Analyze", f"/contentsafety/{kind}:analyze?{_VERSION}", request, deadline
            )
        try:
            for one in answer["categoriesAnalysis"]:
                name = str(one["category"])
                found[name] = max(found.get(name, 0), int(one["severity"]))
        except (KeyError, TypeError, ValueError) as error:
            raise malformed(self._service, error) from None
