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
from serverless_ai_local.aws.ai.blocks import blocks_of
from serverless_ai_local.aws.ai.constraints import taken
from serverless_ai_local.aws.ai.files import Files
from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.calls import reply, section
from serverless_ai_local.aws.delivery import Deliveries, Role, Undeliverable
from serverless_ai_local.aws.service_roles import ServiceRoles

PRINCIPAL: Final = "textract.amazonaws.com"
DETECTION: Final = "StartDocumentTextDetection"
MOST_RESULTS: Final = 1000
MOST_BYTES: Final = 10 * 1024 * 1024
"""Of a document that is read at once (Textract, quotas, 2026-11)."""
_MAGIC: Final = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_PDF_BEGINS_WITHIN: Final = 1024
"""Bytes before `%PDF-` that readers forgive."""
_UNSUPPORTED: Final = ("UnsupportedDocumentException", "Request has unsupported document format")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What a job was started with."""

    parameters: Mapping[str, Any]
    tag: str
    topic: str
    role: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """What a document holds; the blocks know each other by their ids, so they are made once."""

    pages: int
    blocks: Sequence[Mapping[str, Any]]

    def answer(self, begin: int, end: int) -> dict[str, Any]:
        """The part of it from one block to before another."""
        return {
            "DocumentMetadata": {"Pages": self.pages},
            "Blocks": self.blocks[begin:end],
            "DetectDocumentTextModelVersion": "1.0",
        }


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

    def stop(self) -> None:
        """Tell of no more jobs."""
        self._jobs.stop()

    def _detect(self, call: Call) -> Response:
        given = taken(call, "Document", refusal=_invalid)
        content = self._document(call, given["Document"])
        if len(content) > MOST_BYTES:
            raise ApiError("DocumentTooLargeException", f"Document exceeds {MOST_BYTES} bytes.")
        pages = self._pages(content)
        if len(pages) != 1:
            raise ApiError(*_UNSUPPORTED)
        found = _Found(pages=1, blocks=blocks_of(pages))
        return reply(found.answer(0, len(found.blocks)))

    def _start(self, call: Call) -> Response:
        given = taken(
            call, "DocumentLocation", "ClientRequestToken", "JobTag", "NotificationChannel", refusal=_invalid
        )
        channel = section(given, "NotificationChannel")
        asked = _Asked(
            parameters={name: value for name, value in given.items() if name != "ClientRequestToken"},
            tag=str(given.get("JobTag", "")),
            topic=str(channel.get("SNSTopicArn", "")),
            role=str(channel.get("RoleArn", "")),
        )
        if channel:
            self._roles.require_trust(asked.role, PRINCIPAL)
        content = self._document(call, given["DocumentLocation"])
        owner, token = _owner(call), given.get("ClientRequestToken") or str(uuid.uuid4())
        id_ = uuid.uuid5(uuid.NAMESPACE_OID, f"{owner}/{token}").hex * 2
        job = self._jobs.begin(owner, lambda: self._outcome(content), asked, name=id_, ended=self._tell)
        if job.about.parameters != asked.parameters:
            text = "A ClientRequestToken was reused with other parameters."
            raise ApiError("IdempotentParameterMismatchException", text)
        return reply({"JobId": job.id})

    def _get(self, call: Call) -> Response:
        given = taken(call, "JobId", "MaxResults", "NextToken", refusal=_invalid)
        job = self._jobs.get(_owner(call), given["JobId"])
        if job is None:
            raise ApiError("InvalidJobIdException", "Request has invalid Job Id")
        if job.running:
            return reply({"JobStatus": "IN_PROGRESS"})
        if job.outcome.code:
            return reply({"JobStatus": "FAILED", "StatusMessage": job.outcome.code})
        found: _Found = job.outcome.value
        begin, end = _range(given, len(found.blocks))
        following = {"NextToken": str(end)} if end < len(found.blocks) else {}
        return reply({"JobStatus": "SUCCEEDED", **found.answer(begin, end), **following})

    def _document(self, call: Call, source: Mapping[str, Any]) -> bytes:
        """A document of a kind that Textract takes; what is in it is looked at later."""
        content = self._files.given(call, source)
        if not content.startswith(_MAGIC) and b"%PDF-" not in content[:_PDF_BEGINS_WITHIN]:
            raise ApiError(*_UNSUPPORTED)
        return content

    def _pages(self, content: bytes) -> Sequence[str]:
        try:
            return self._reader.pages(content)
        except Unreadable:
            raise ApiError("BadDocumentException", "Request has invalid document content") from None

    def _outcome(self, content: bytes) -> Outcome:
        try:
            pages = self._pages(content)
            return Outcome(value=_Found(pages=len(pages), blocks=blocks_of(pages)))
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


def _owner(call: Call) -> str:
    return f"{call.account}/{call.region}"


def _invalid(found: object = None) -> ApiError:
    """Textract does not say what is wrong."""
    del found
    return ApiError("InvalidParameterException", "Request has invalid parameters")


def _range(given: Mapping[str, Any], end: int) -> tuple[int, int]:
    """First block, and the one after the last."""
    token = str(given.get("NextToken", "0"))
    if not token.isdecimal() or (int(token) >= end and "NextToken" in given):
        raise _invalid()
    return int(token), int(token) + min(given.get("MaxResults", MOST_RESULTS), MOST_RESULTS)
