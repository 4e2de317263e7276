"""Document AI's OCR processors: at once, or by a job that writes documents into a bucket."""

from __future__ import annotations

import json
import uuid
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from serverless_ai_local.ai.jobs import Jobs, Outcome
from serverless_ai_local.ai.reading import Reader, Unreadable
from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.errors import invalid, missing, not_offered
from serverless_ai_local.gcp.iam.authority import Authority, Principal
from serverless_ai_local.gcp.registry import Registry
from serverless_ai_local.gcp.services.gs import Place, place_of
from serverless_ai_local.gcp.services.storage import Storage

SERVICE: Final = "documentai.googleapis.com"
ONLINE, BATCH = "documentai.processors.processOnline", "documentai.processors.processBatch"
MOST_PAGES: Final = {False: 15, True: 30}
"""At once, without and with `imagelessMode` (https://cloud.google.com/document-ai/limits, read 2026-11)."""
MOST_BYTES: Final = 40 * 1024 * 1024
PAGES_PER_SHARD: Final = 20
"""Here; the service fits shards to their size."""
_PROCESS: Final = ("rawDocument", "skipHumanReview", "imagelessMode", "fieldMask")
_BATCH: Final = ("inputDocuments", "documentOutputConfig", "skipHumanReview")


class Documents:
    """Of processors that are deployed."""

    def __init__(
        self, registry: Registry, authority: Authority, storage: Storage, reader: Reader, jobs: Jobs
    ) -> None:
        self._registry, self._authority, self._storage = registry, authority, storage
        self._reader, self._jobs = reader, jobs

    def process(self, who: Principal, processor: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._require(who, ONLINE, processor)
        _only(body, _PROCESS)
        content = _content(body)
        if not content or len(content) > MOST_BYTES:
            raise invalid(f"The document must have 1 to {MOST_BYTES} bytes.")
        try:
            pages = self._reader.pages(content)
        except Unreadable as error:
            raise invalid(f"Unsupported input file format: {error}") from None
        imageless = bool(body.get("imagelessMode"))
        if len(pages) > MOST_PAGES[imageless]:
            mode = "imageless" if imageless else "non-imageless"
            most = MOST_PAGES[imageless]
            raise invalid(f"Document pages in {mode} mode exceed the limit: {most} got {len(pages)}.")
        return {"document": _document(pages, 1)}

    def batch(self, who: Principal, processor: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._require(who, BATCH, processor)
        _only(body, _BATCH)
        try:
            (document,) = body["inputDocuments"]["gcsDocuments"]["documents"]
            source = place_of(document["gcsUri"])
            target = place_of(body["documentOutputConfig"]["gcsOutputConfig"]["gcsUri"])
        except (KeyError, TypeError, ValueError):
            raise invalid("one of inputDocuments.gcsDocuments and a gcsOutputConfig are needed") from None
        owner, name = processor.partition("/processors/")[0], str(uuid.uuid4().int)[:18]
        where = Place(target.bucket, f"{target.name}{name}/0")
        job = self._jobs.begin(f"v1/{owner}", lambda: self._outcome(source, where), name=name)
        return {"name": f"{owner}/operations/{job.id}", "metadata": {"state": "RUNNING"}}

    def _outcome(self, source: Place, where: Place) -> Outcome:
        content = self._storage.peek(source.bucket, source.name)
        status: dict[str, Any] = {}
        try:
            if content is None:
                raise Unreadable(f"there is no object at {source.uri}")
            pages = self._reader.pages(content)
        except Unreadable as error:
            pages, status = (), {"code": 3, "message": f"Failed to process: {error}"}
        title = source.name.rpartition("/")[2].rpartition(".")[0]
        for number, start in enumerate(range(0, len(pages), PAGES_PER_SHARD)):
            written = json.dumps(_document(pages[start : start + PAGES_PER_SHARD], start + 1)).encode()
            name = f"{where.name}/{title}-{number}.json"
            self._storage.keep(where.bucket, name, written, "application/json")
        one = {"inputGcsSource": source.uri, "status": status, "outputGcsDestination": where.uri}
        state = "FAILED" if status else "SUCCEEDED"
        return Outcome(value={"metadata": {"state": state, "individualProcessStatuses": [one]}})

    def _require(self, who: Principal, permission: str, processor: str) -> None:
        self._authority.require(who, permission, processor, service=SERVICE)
        if self._registry.find(types.PROCESSOR, processor) is None:
            raise missing(f"Processor with id '{processor.rpartition('/')[2]}' not found.")


def _content(body: Mapping[str, Any]) -> bytes:
    document: Mapping[str, Any] = body.get("rawDocument") or {}
    try:
        return b64decode(str(document.get("content", "")), validate=True)
    except ValueError:
        raise invalid("rawDocument.content must be base64") from None


def _document(pages: Sequence[str], first: int) -> dict[str, Any]:
    """Pages state their texts as places in the document's; a zero is left out."""
    text, stated = "", list[dict[str, Any]]()
    for number, page in enumerate(pages, first):
        segment = {"endIndex": str(len(text) + len(page))}
        if text:
            segment["startIndex"] = str(len(text))
        segments = [segment] if page else []
        stated.append({"pageNumber": number, "layout": {"textAnchor": {"textSegments": segments}}})
        text += page
    return {"text": text, "pages": stated}


def _only(body: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown: list[str] = sorted(set(body) - set(known))
    if unknown:
        raise not_offered(f"{unknown[0]} of Document AI; there are {', '.join(known)}")
