"""Text of scans by Document Intelligence's model `prebuilt-read`: always by a job, of however many pages."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from serverless_ai_runtime.adapters.azure.ai.source import FINAL, nothing, octets, operation_of
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.given import as_promised, content_of, judged, pages_value
from serverless_ai_runtime.core.event_pipeline.ports import Source, Started, Unprocessable
from serverless_ai_runtime.core.ports import Deadline

LOOK_AFTER_S: Final = 5.0
MOST_MB: Final = 500
_MODEL: Final = "/documentintelligence/documentModels/prebuilt-read"
_VERSION: Final = "api-version=2024-11-30"


class Ocr:
    """A job is kept for a day; nobody is told of its end: it is looked at again and again."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def analyse(self, source: Source, deadline: Deadline) -> Started:
        content = content_of(source, "Document Intelligence", MOST_MB)
        with judged(FINAL):
            response = self._service.call(
                "AnalyzeDocument",
                "POST",
                f"{_MODEL}:analyze?{_VERSION}",
                deadline,
                headers=octets,
                body=content,
            )
        return Started(operation_of(self._service, response, "operation-location"), LOOK_AFTER_S)

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any] | Started:
        path = f"{_MODEL}/analyzeResults/{quote(handle, safe='')}?{_VERSION}"
        response = self._service.call("GetAnalyzeResult", "GET", path, deadline, headers=nothing)
        answer = self._service.parsed("GetAnalyzeResult", response)
        if answer.get("status") in ("notStarted", "running"):
            return Started(handle, LOOK_AFTER_S)
        if answer.get("status") != "succeeded":
            failure: dict[str, Any] = answer.get("error") or {}
            why = f"{failure.get('code', 'no code')}: {failure.get('message', 'no reason given')}"
            raise Unprocessable("job_failed", f"Document Intelligence: {why}")
        with as_promised(self._service, "GetAnalyzeResult"):
            texts = {
                int(page["pageNumber"]): "\n".join(str(line["content"]) for line in page.get("lines") or ())
                for page in answer["analyzeResult"]["pages"]
            }
        return pages_value(texts)
