"""Text of scans by Textract: at once for an image, by a job for what may have many pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_runtime.adapters.aws.ai.source import asked, in_bucket
from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.core.event_pipeline.given import as_promised, pages_value
from serverless_ai_runtime.core.event_pipeline.ports import Source, Started, Unprocessable
from serverless_ai_runtime.core.ports import Deadline

LOOK_AFTER_S: Final = 900.0
"""If no event has told the end of a job by then: the longest delay of an SQS message."""
_TARGET: Final = "Textract"
_JOBS: Final = (".pdf", ".tif", ".tiff")
"""Files that may have more than one page."""


class Ocr:
    """Jobs tell their end to the topic `topic`, with the role `role`."""

    def __init__(self, service: Service, topic: str, role: str) -> None:
        self._service, self._topic, self._role = service, topic, role

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any] | Started:
        where = in_bucket(source, "Textract")
        if source.name.lower().endswith(_JOBS):
            return self._start(where, source.token, deadline)
        answer = asked(self._service, _TARGET, "DetectDocumentText", {"Document": where}, deadline)
        with as_promised(self._service, "DetectDocumentText"):
            return _value([answer])

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any] | Started:
        pages: list[dict[str, Any]] = []
        following: dict[str, str] = {}
        while True:
            request = {"JobId": handle, **following}
            answer = asked(self._service, _TARGET, "GetDocumentTextDetection", request, deadline)
            with as_promised(self._service, "GetDocumentTextDetection"):
                status = answer["JobStatus"]
            if status == "IN_PROGRESS":
                return Started(handle, LOOK_AFTER_S)
            if status != "SUCCEEDED":
                why = answer.get("StatusMessage") or "no reason given"
                raise Unprocessable("job_failed", f"Textract ended the job with {status}: {why}")
            pages.append(answer)
            if not answer.get("NextToken"):
                break
            following = {"NextToken": answer["NextToken"]}
        with as_promised(self._service, "GetDocumentTextDetection"):
            return _value(pages)

    def _start(self, where: Mapping[str, Any], token: str, deadline: Deadline) -> Started:
        request = {
            "DocumentLocation": where,
            "ClientRequestToken": token,
            "JobTag": token,
            "NotificationChannel": {"SNSTopicArn": self._topic, "RoleArn": self._role},
        }
        answer = asked(self._service, _TARGET, "StartDocumentTextDetection", request, deadline)
        with as_promised(self._service, "StartDocumentTextDetection"):
            return Started(str(answer["JobId"]), LOOK_AFTER_S)


def _value(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """The text of every page; one without lines is a page as well."""
    lines: dict[int, list[str]] = {}
    for block in (block for answer in answers for block in answer["Blocks"]):
        kind, page = block["BlockType"], int(block.get("Page", 1))
        if kind in ("PAGE", "LINE"):
            lines.setdefault(page, []).extend([str(block["Text"])] if kind == "LINE" else [])
    return pages_value({page: "\n".join(lines[page]) for page in sorted(lines)})
