"""Objects of Cloud Storage as an `ObjectStore`, over its JSON API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.objects import (
    ANY,
    ObjectChanged,
    ObjectHead,
    ObjectMissing,
    ObjectRef,
    ObjectTooLarge,
)
from serverless_ai_runtime.core.ports import Deadline, ServiceError, VersionConflict

READ_PERMISSIONS: Final = ("storage.objects.get", "storage.objects.list")
"""Of the bucket. Without `list` a missing object is told as a refusal (403) and not as missing."""
WRITE_PERMISSIONS: Final = (*READ_PERMISSIONS, "storage.objects.create", "storage.objects.delete")
"""Of the bucket: writing over an object deletes the one before. Source:
https://cloud.google.com/storage/docs/access-control/iam-json, read 2026-11."""

_ABSENT: Final = "0"
"""For ifGenerationMatch: there is no such object."""


class StorageObjects:
    """Objects of any bucket that the function may use; an etag is here the object's generation."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def head(self, ref: ObjectRef, deadline: Deadline) -> ObjectHead | None:
        try:
            response = self._service.call("GetObject", "GET", _path(ref), deadline, headers=dict)
        except ServiceError as error:
            if error.status == 404:
                return None
            raise
        return _head(self._service.parsed("GetObject", response))

    def get(self, ref: ObjectRef, deadline: Deadline, *, version: str = "", max_bytes: int) -> bytes:
        path = f"{_path(ref)}?alt=media" + (f"&ifGenerationMatch={version}" if version else "")
        try:
            stream = self._service.stream("GetObject", "GET", path, deadline, headers=dict)
        except ServiceError as error:
            if error.status == 404:
                raise ObjectMissing(ref.key) from None
            if error.status == 412:
                raise ObjectChanged(ref.key) from None
            raise
        body = bytearray()
        for chunk in stream.chunks:
            body += chunk
            if len(body) > max_bytes:
                raise ObjectTooLarge(f"the object has more than the {max_bytes} bytes that are allowed")
        return bytes(body)

    def names(self, container: str, prefix: str, deadline: Deadline) -> list[str]:
        """Names of all objects that begin with `prefix`."""
        found: list[str] = []
        after = ""
        while True:
            some, after = self._page(container, {"prefix": prefix}, after, deadline)
            found += some
            if not after:
                return found

    def keys(self, container: str, after: str, most: int, deadline: Deadline) -> tuple[list[str], str]:
        return self._page(container, {"maxResults": str(most)}, after, deadline)

    def _page(
        self, container: str, query: Mapping[str, str], after: str, deadline: Deadline
    ) -> tuple[list[str], str]:
        """Names, and the token of the next page."""
        asked = {**query, "fields": "items(name),nextPageToken", **({"pageToken": after} if after else {})}
        path = f"/storage/v1/b/{container}/o?{urlencode(asked, quote_via=quote, safe='(),')}"
        response = self._service.call("ListObjects", "GET", path, deadline, headers=dict)
        page = self._service.parsed("ListObjects", response)
        return [str(one["name"]) for one in page.get("items") or ()], str(page.get("nextPageToken") or "")

    def put(
        self,
        ref: ObjectRef,
        body: bytes,
        deadline: Deadline,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        expect: str | None,
    ) -> None:
        path = f"/upload/storage/v1/b/{ref.container}/o?uploadType=multipart"
        if expect != ANY:
            path += f"&ifGenerationMatch={expect or _ABSENT}"
        about = {"name": ref.key, "contentType": content_type, "metadata": dict(metadata)}
        boundary = self._service.cloud.world.token()
        kind = {"content-type": f"multipart/related; boundary={boundary}"}
        try:
            self._service.call(
                "InsertObject",
                "POST",
                path,
                deadline,
                headers=lambda: kind,
                body=_multipart(boundary, about, body),
            )
        except ServiceError as error:
            if error.status == 412:
                raise VersionConflict(ref.key) from None
            raise


def _path(ref: ObjectRef) -> str:
    return f"/storage/v1/b/{ref.container}/o/{quote(ref.key, safe='')}"


def _head(value: Mapping[str, Any]) -> ObjectHead:
    metadata: Mapping[str, str] = value.get("metadata") or {}
    return ObjectHead(
        str(value.get("generation", "")),
        int(value.get("size", 0)),
        str(value.get("contentType", "")),
        {name.lower(): text for name, text in metadata.items()},
    )


def _multipart(boundary: str, about: Mapping[str, Any], body: bytes) -> bytes:
    """What an object is called and its content, as one body."""
    start = f"--{boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{json.dumps(about)}\r\n"
    middle = f"--{boundary}\r\ncontent-type: {about['contentType']}\r\n\r\n"
    return b"".join((start.encode(), middle.encode(), body, f"\r\n--{boundary}--\r\n".encode()))
