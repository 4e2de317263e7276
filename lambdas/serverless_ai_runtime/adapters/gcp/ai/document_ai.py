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
    malformed,
    operation_of,
    require_success,
)
from serverless_ai_runtime.adapters.gcp.storage import StorageObjects
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.given import MEBIBYTE, content_of, judged
from serverless_ai_runtime.core.event_pipeline.ports import Source, Started, Unprocessable
from serverless_ai_runtime.core.objects import ObjectMissing, ObjectRef
from serverless_ai_runtime.core.ports import Deadline, Refused

LOOK_AFTER_S: Final = 10.0
MOST_MB: Final = 40
"""Of a document that is read at once (https://cloud.google.com/document-ai/limits, read 2026-11)."""
SHARD_BYTES: Final = 256 * MEBIBYTE
TYPES: Final[Mapping[str, str]] = {
    ".pdf": "application/pdf",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".bmp": "image/bmp",
    ".webp": "image/webp",
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
        kind = TYPES.get("." + source.name.rpartition(".")[2].lower())
        if kind is None:
            raise Unprocessable(
                "unsupported_type", f"Document AI takes files named {', '.join(TYPES)}; got {source.name!r}"
            )
        content = content_of(source, "Document AI", MOST_MB)
        raw = {"content": b2a_base64(content, newline=False).decode(), "mimeType": kind}
        request = {"rawDocument": raw, "skipHumanReview": True, "imagelessMode": True, "fieldMask": _FIELDS}
        try:
            answer = self._service.post_json(
                "ProcessDocument", f"/v1/{self._processor}:process", request, deadline
            )
        except Refused as error:
            if _TOO_MANY in str(error):
                return self._start(source, kind, deadline)
            with judged(FINAL):
                raise
        return self._value([answer.get("document")])

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any] | Started:
        operation = ended(self._service, self._place, handle, deadline)
        if operation is None:
            return Started(handle, LOOK_AFTER_S)
        try:
            (one,) = operation["metadata"]["individualProcessStatuses"]
            place = str(one["outputGcsDestination"])
        except (KeyError, TypeError, ValueError) as error:
            raise malformed(self._service, error) from None
        require_success(self._service, one.get("status"))
        return self._value(self._written(place, deadline))

    def _start(self, source: Source, kind: str, deadline: Deadline) -> Started:
        assert source.ref is not None
        where = f"gs://{source.ref.container}/{source.ref.key}"
        output = {"gcsUri": f"gs://{self._results}/{JOBS}{source.token}/", "fieldMask": _FIELDS}
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
            raise malformed(self._service, f"an output at {place}")
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
            raise malformed(self._service, error) from None

    def _value(self, documents: Sequence[Any]) -> dict[str, Any]:
        texts: list[str] = []
        try:
            for document in documents:
                texts += [_page(document, page) for page in document.get("pages") or ()]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise malformed(self._service, error) from None
        pages = [{"page": page, "text": text} for page, text in enumerate(texts, 1)]
        return {"text": "\n\n".join(texts), "pages": pages}


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
