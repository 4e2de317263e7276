"""Text of scans by Document AI: at once, or by a job for a document of more pages than that takes."""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from serverless_ai_runtime.adapters.gcp.ai.answers import (
    FINAL,
    JOBS,
    ended,
    operation_of,
    require_success,
)
from serverless_ai_runtime.adapters.gcp.storage import StorageObjects
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.given import (
    MEBIBYTE,
    as_promised,
    content_of,
    judged,
    named_file,
    pages_value,
)
from serverless_ai_runtime.core.event_pipeline.ports import Source, Started, Unprocessable
from serverless_ai_runtime.core.objects import ObjectMissing, ObjectRef
from serverless_ai_runtime.core.ports import Deadline

LOOK_AFTER_S: Final = 10.0
MOST_MB: Final = 40
"""Of a document that is read at once (https://cloud.google.com/document-ai/limits, read 2026-11)."""
SHARD_BYTES: Final = 256 * MEBIBYTE
TYPES: Final[Mapping[str, str]] = {
    "pdf": "application/pdf",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "gif": "image/gif",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "bmp": "image/bmp",
    "webp": "image/webp",
}
_FIELDS: Final = "text,pages.pageNumber,pages.layout.textAnchor"
_TOO_MANY: Final = "exceed the limit"
"""In the words with which the service refuses a document of too many pages."""


class Ocr:
    """`processor` is projects/P/locations/L/processors/I; jobs write into the bucket `results`.

    Nobody is told of a job's end: it is looked at again and again.
    """

    def __init__(self, service: Service, objects: StorageObjects, processor: str, results: str) -> None:
        self._service, self._objects = service, objects
        self._processor, self._results = processor, results
        self._place = f"/v1/{processor.partition('/processors/')[0]}"

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any] | Started:
        ref, suffix = named_file(source, "Document AI", TYPES)
        kind, content = TYPES[suffix], content_of(source, "Document AI", MOST_MB)
        raw = {"content": b2a_base64(content, newline=False).decode(), "mimeType": kind}
        request = {"rawDocument": raw, "skipHumanReview": True, "imagelessMode": True, "fieldMask": _FIELDS}
        try:
            with judged(FINAL):
                answer = self._service.post_json(
                    "ProcessDocument", f"/v1/{self._processor}:process", request, deadline
                )
        except Unprocessable as error:
            if _TOO_MANY in str(error):
                return self._start(ref, kind, source.token, deadline)
            raise
        return self._value([answer.get("document")])

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any] | Started:
        operation = ended(self._service, self._place, handle, deadline)
        if operation is None:
            return Started(handle, LOOK_AFTER_S)
        with as_promised(self._service, "GetOperation"):
            (one,) = operation["metadata"]["individualProcessStatuses"]
            place = str(one["outputGcsDestination"])
            require_success(self._service, one.get("status"))
        return self._value(self._written(place, deadline))

    def _start(self, ref: ObjectRef, kind: str, token: str, deadline: Deadline) -> Started:
        where = f"gs://{ref.container}/{ref.key}"
        output = {"gcsUri": f"gs://{self._results}/{JOBS}{token}/", "fieldMask": _FIELDS}
        request = {
            "inputDocuments": {"gcsDocuments": {"documents": [{"gcsUri": where, "mimeType": kind}]}},
            "documentOutputConfig": {"gcsOutputConfig": output},
            "skipHumanReview": True,
        }
        with judged(FINAL):
            answer = self._service.post_json(
                "BatchProcess", f"/v1/{self._processor}:batchProcess", request, deadline, repeatable=False
            )
        return Started(operation_of(self._service, answer), LOOK_AFTER_S)

    def _written(self, place: str, deadline: Deadline) -> list[Any]:
        """The documents that a job wrote, in their order."""
        start = f"gs://{self._results}/"
        if not place.startswith(start + JOBS):
            raise self._service.malformed("GetOperation", f"an output at {place}")
        names = self._objects.names(self._results, place.removeprefix(start), deadline)
        shards = sorted((name for name in names if name.endswith(".json")), key=_number)
        if not shards:
            raise Unprocessable("job_failed", f"Document AI wrote nothing at {place}")
        try:
            refs = [ObjectRef(self._results, name) for name in shards]
            return [json.loads(self._objects.get(ref, deadline, max_bytes=SHARD_BYTES)) for ref in refs]
        except ObjectMissing as error:
            raise Unprocessable("job_failed", f"what Document AI wrote is gone: {error}") from None
        except ValueError as error:
            raise self._service.malformed("GetOperation", f"not JSON: {error}") from None

    def _value(self, documents: Sequence[Any]) -> dict[str, Any]:
        with as_promised(self._service, "ProcessDocument"):
            texts = [_page(document, page) for document in documents for page in document["pages"]]
        return pages_value(dict(enumerate(texts, 1)))


def _page(document: Mapping[str, Any], page: Mapping[str, Any]) -> str:
    """Text of a page: it is stated as places in the document's. Zeros are left out on the wire."""
    whole = str(document.get("text") or "")
    anchor: Mapping[str, Any] = page["layout"].get("textAnchor") or {}
    places = [
        (int(one.get("startIndex", 0)), int(one["endIndex"])) for one in anchor.get("textSegments") or ()
    ]
    return "".join(whole[start:end] for start, end in places).strip("\n")


def _number(name: str) -> tuple[int, str]:
    """Shards are named NAME-0.json, NAME-1.json, ..."""
    digits = name.removesuffix(".json").rpartition("-")[2]
    return (int(digits) if digits.isascii() and digits.isdigit() else 0, name)
