"""One index of OpenSearch Serverless on the wire: signed calls, their errors, bulk requests within limits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple, cast

from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.adapters.aws.sigv4 import sign
from serverless_ai_runtime.core.packing import packed
from serverless_ai_runtime.core.ports import Deadline, Refused, ServiceError, Unavailable
from serverless_ai_runtime.core.records import pause
from serverless_ai_runtime.http import MAX_ATTEMPTS, Request, Response

SIGNING_NAME: Final = "aoss"
MOST_OPERATIONS: Final = 500
MOST_BYTES: Final = 5 * 1024 * 1024
"""Of a bulk request. No limit is published; AWS's own migration tool sends at most 10 MiB (Migration
Assistant for OpenSearch Service, limits, read 2026-11-27)."""

NO_INDEX: Final = "index_not_found_exception"
EXISTS: Final = "resource_already_exists_exception"
_BULK: Final = "Bulk"


class Place(NamedTuple):
    """Where an index is, and what must be known to make it and to write to it."""

    url: str
    """Of the collection."""
    name: str
    """Of the index."""
    dimension: int
    classic: bool
    """The collection is of the generation CLASSIC: it takes no ids of ours."""

    def to_text(self) -> str:
        """What `place` reads."""
        return json.dumps(self._asdict())


def place(field: str, text: str) -> Place:
    """The place in a field of a configuration. Raises `ConfigError` naming the field's variable."""
    try:
        found = Place(**json.loads(text))
        plain = found.name.isascii() and found.name.isalnum() and found.name == found.name.lower()
        if not plain or type(found.dimension) is not int or type(found.classic) is not bool:
            raise ValueError(f"not the fields of a place: {found}")
        return found._replace(url=config.service_url(field, found.url))
    except (TypeError, ValueError, AttributeError) as error:
        if isinstance(error, config.ConfigError):
            raise
        allowed = json.dumps(Place("https://...", "i1", 1024, False)._asdict())
        raise config.ConfigError(
            f"{config.variable(field)} must be like {allowed}, got {text!r}: {error}"
        ) from None


class Operation(NamedTuple):
    """One line of a bulk request, or two."""

    action: Mapping[str, Any]
    """`{"index": {...}}` or `{"delete": {...}}`."""
    document: Mapping[str, Any] | None = None

    def to_bytes(self) -> bytes:
        lines = (self.action,) if self.document is None else (self.action, self.document)
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


class Index:
    """The calls that a store makes."""

    def __init__(self, service: Service, name: str) -> None:
        self.service, self._path = service, f"/{name}"

    def create(self, body: Mapping[str, Any], deadline: Deadline) -> None:
        """Make the index, if there is none."""
        try:
            self._call("CreateIndex", "PUT ", json.dumps(body).encode(), deadline)
        except Refused as error:
            if error.code != EXISTS:
                raise

    def search(self, operation: str, body: Mapping[str, Any], deadline: Deadline) -> list[dict[str, Any]]:
        """The hits; none if there is no index yet. Part of an answer is none: raises `Unavailable`."""
        data = json.dumps(body).encode()
        try:
            found = self._call(operation, "POST /_search", data, deadline)
        except Refused as error:
            if error.code == NO_INDEX:
                return []
            raise
        try:
            if found["timed_out"] or found["_shards"]["failed"]:
                text = "a part of the index did not answer"
                raise Unavailable(self.service.name, operation, 200, "Partial", text)
            hits = found["hits"]["hits"]
            if not all(isinstance(hit, dict) for hit in hits):
                raise TypeError("a hit is no object")
            return hits
        except (KeyError, TypeError) as error:
            raise self.service.malformed(operation, f"there are no hits: {error!r}") from None

    def bulk(self, operations: Sequence[Operation], deadline: Deadline) -> None:
        """Do all of them. Deleting what is not there is done already."""
        for batch in packed(operations, _operation_bytes, MOST_OPERATIONS, MOST_BYTES):
            pending, attempt = batch, 1
            while failed := self._failed(pending, deadline):
                error = next((one for _, one in failed if not one.retryable), failed[0][1])
                world = self.service.aws.world
                if not error.retryable or attempt == MAX_ATTEMPTS or not pause(attempt, world, deadline):
                    raise error
                # Only these: a collection that gives ids itself would hold the others twice.
                pending, attempt = [operation for operation, _ in failed], attempt + 1

    def _failed(
        self, operations: Sequence[Operation], deadline: Deadline
    ) -> list[tuple[Operation, ServiceError]]:
        """What was not done of a bulk request, and why: its answer is a success that tells of each."""
        data = b"".join(operation.to_bytes() for operation in operations)
        answer = self._call(_BULK, "POST /_bulk", data, deadline)
        failed: list[tuple[Operation, ServiceError]] = []
        try:
            if len(answer["items"]) != len(operations):
                raise ValueError("there is not one item for each operation")
            for operation, item in zip(operations, answer["items"], strict=True):
                [(action, result)] = item.items()
                status = int(result["status"])
                if status >= 300 and not (action == "delete" and status == 404):
                    failed.append((operation, self._error(_BULK, status, result)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self.service.malformed(_BULK, repr(error)) from None
        return failed

    def _call(self, operation: str, target: str, body: bytes, deadline: Deadline) -> dict[str, Any]:
        """`target`: the method, and what follows the index's own path."""
        service = self.service
        method, _, path = target.partition(" ")
        url = service.endpoint + self._path + path
        kind = "application/x-ndjson" if operation == _BULK else "application/json"
        # The service wants the hash of the body as a header, as S3 does.
        headers = {"content-type": kind, "x-amz-content-sha256": sha256(body).hexdigest()}

        def signed() -> dict[str, str]:
            credentials, now = service.aws.credentials(), service.aws.world.now()
            return sign(
                method, url, headers, body, service=service.signing_name, credentials=credentials, now=now
            )

        def judge(response: Response) -> ServiceError | None:
            if response.status < 300:
                return None
            return self._error(operation, response.status, _parsed(response.body))

        request = Request(service.name, operation, method, url, body, signed, service.attempt_s)
        answer = _parsed(service.aws.http.send(request, judge, deadline).body)
        if answer is None:
            raise service.malformed(operation, "the body is not a JSON object")
        return answer

    def _error(self, operation: str, status: int, body: Mapping[str, Any] | None) -> ServiceError:
        """The error in an answer: `{"error": {"type": ..., "reason": ...}}`, or a text in its place."""
        from serverless_ai_runtime.adapters.aws.errors import classify  # what went well never loads it

        found = (body or {}).get("error", (body or {}).get("message", ""))
        code, reason = str(status), found
        if isinstance(found, dict):
            error = cast("dict[str, Any]", found)
            code, reason = str(error.get("type", status)), error.get("reason")
        if code == NO_INDEX and operation == _BULK:
            # It was made just now, or somebody has removed it: the next call makes it.
            return Unavailable(self.service.name, operation, status, code, str(reason))
        return classify(self.service.name, operation, status, code, str(reason)[:500])


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _operation_bytes(operation: Operation) -> int:
    return len(operation.to_bytes())
