"""Textract's detection of text: at once of an image or one page, by a job of any PDF."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.ai.jobs import Job, Jobs, Outcome
from serverless_ai_local.ai.reading import Reader, Unreadable
from serverless_ai_local.aws import arns
from serverless_ai_local.aws.ai.files import Files, known
from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.calls import parameters, reply, section
from serverless_ai_local.aws.delivery import Deliveries, Role, Undeliverable
from serverless_ai_local.aws.service_roles import ServiceRoles

PRINCIPAL: Final = "textract.amazonaws.com"
DETECTION: Final = "StartDocumentTextDetection"
MOST_RESULTS: Final = 1000
MOST_BYTES: Final = 10 * 1024 * 1024
"""Of a document that is read at once (Textract, quotas, 2026-11)."""
_MAGIC: Final = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_CONFIDENCE: Final = 99.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What a job was started with."""

    parameters: Mapping[str, Any]
    tag: str
    topic: str
    role: str


class Textract:
    """Jobs end a moment after they were started, and tell a topic."""

    def __init__(self, reader: Reader, files: Files, roles: ServiceRoles, deliveries: Deliveries) -> None:
        self._reader, self._files = reader, files
        self._roles, self._deliveries, self._jobs = roles, deliveries, Jobs()

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {
            ("textract", "DetectDocumentText"): self._detect,
            ("textract", DETECTION): self._start,
            ("textract", "GetDocumentTextDetection"): self._get,
        }

    def _detect(self, call: Call) -> Response:
        given = parameters(call)
        content = self._files.given(call, section(given, "Document"))
        if len(content) > MOST_BYTES:
            raise ApiError("DocumentTooLargeException", f"Document exceeds {MOST_BYTES} bytes.")
        pages = self._pages(content)
        if len(pages) != 1:
            raise ApiError("UnsupportedDocumentException", "Request has unsupported document format")
        return reply(
            {
                "DocumentMetadata": {"Pages": 1},
                "Blocks": _blocks(pages),
                "DetectDocumentTextModelVersion": "1.0",
            }
        )

    def _start(self, call: Call) -> Response:
        given = parameters(call)
        known(given, "DocumentLocation", "ClientRequestToken", "JobTag", "NotificationChannel")
        channel = section(given, "NotificationChannel")
        asked = _Asked(
            parameters={name: value for name, value in given.items() if name != "ClientRequestToken"},
            tag=str(given.get("JobTag", "")),
            topic=str(channel.get("SNSTopicArn", "")),
            role=str(channel.get("RoleArn", "")),
        )
        if channel:
            self._roles.require_trust(asked.role, PRINCIPAL)
        content = self._files.given(call, section(given, "DocumentLocation"))
        token = str(given.get("ClientRequestToken") or uuid.uuid4())
        id_ = uuid.uuid5(uuid.NAMESPACE_OID, f"{call.account}/{call.region}/{token}").hex * 2
        job = self._jobs.begin(
            call.account, lambda: self._outcome(content), asked, name=id_, ended=self._tell
        )
        if job.about.parameters != asked.parameters:
            text = "A ClientRequestToken was reused with other parameters."
            raise ApiError("IdempotentParameterMismatchException", text)
        return reply({"JobId": job.id})

    def _get(self, call: Call) -> Response:
        given = parameters(call)
        job = self._jobs.get(call.account, str(given["JobId"]))
        if job is None:
            raise ApiError("InvalidJobIdException", "Request has Invalid Job Id")
        if job.running:
            return reply({"JobStatus": "IN_PROGRESS"})
        if job.outcome.code:
            return reply({"JobStatus": "FAILED", "StatusMessage": job.outcome.code})
        blocks = _blocks(job.outcome.value)
        begin, most = _range(given)
        answer = {
            "JobStatus": "SUCCEEDED",
            "DocumentMetadata": {"Pages": len(job.outcome.value)},
            "Blocks": blocks[begin : begin + most],
            "DetectDocumentTextModelVersion": "1.0",
        }
        following = begin + most
        return reply({**answer, "NextToken": str(following)} if following < len(blocks) else answer)

    def _pages(self, content: bytes) -> Sequence[str]:
        try:
            return self._reader.pages(content)
        except Unreadable:
            if content.startswith(_MAGIC) or b"%PDF-" in content[:1024]:
                raise ApiError(
                    "BadDocumentException", "Request has a document that is not readable"
                ) from None
            text = "Request has unsupported document format"
            raise ApiError("UnsupportedDocumentException", text) from None

    def _outcome(self, content: bytes) -> Outcome:
        try:
            return Outcome(value=self._pages(content))
        except ApiError as error:
            return Outcome(code=error.code, message=error.message)

    def _tell(self, job: Job) -> None:
        asked: _Asked = job.about
        if not asked.topic:
            return
        where = section(asked.parameters, "DocumentLocation", "S3Object")
        message = {
            "JobId": job.id,
            "Status": "FAILED" if job.outcome.code else "SUCCEEDED",
            "API": DETECTION,
            "JobTag": asked.tag,
            "Timestamp": int(time.time() * 1000),
            "DocumentLocation": {"S3ObjectName": where.get("Name"), "S3Bucket": where.get("Bucket")},
        }
        try:
            role = Role(arn=asked.role, session="textract")
            self._deliveries.topic(arns.parse(asked.topic), json.dumps(message), role)
        except Undeliverable as error:
            _log.warning("lost: the end of a job of Textract for %s: %s", asked.topic, error.message)


def _range(given: Mapping[str, Any]) -> tuple[int, int]:
    """First block, and most of them."""
    most, begin = int(given.get("MaxResults") or MOST_RESULTS), str(given.get("NextToken") or "0")
    if not 1 <= most <= MOST_RESULTS or not begin.isdigit():
        raise ApiError("InvalidParameterException", "Request has invalid parameters")
    return int(begin), most


def _blocks(pages: Sequence[str]) -> list[dict[str, Any]]:
    """A block of each page, followed by those of its lines."""
    blocks: list[dict[str, Any]] = []
    for number, text in enumerate(pages, 1):
        lines = [_block("LINE", number, Text=line) for line in text.splitlines() if line.strip()]
        ids = [line["Id"] for line in lines]
        blocks += [_block("PAGE", number, Relationships=[{"Type": "CHILD", "Ids": ids}]), *lines]
    return blocks


def _block(kind: str, page: int, **more: Any) -> dict[str, Any]:
    whole = {"Width": 1.0, "Height": 1.0, "Left": 0.0, "Top": 0.0}
    geometry: dict[str, Any] = {"BoundingBox": whole, "Polygon": []}
    id_ = str(uuid.uuid4())
    return {
        "BlockType": kind, "Id": id_, "Page": page, "Confidence": _CONFIDENCE, "Geometry": geometry, **more,
    }  # fmt: skip
