"""Blobs of one storage account as an `ObjectStore`, over the Blob service's REST protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote, urlencode

from serverless_ai_runtime.adapters.azure.service import http_date
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

RESOURCE: Final = "https://storage.azure.com"
READ_ROLE: Final = "Storage Blob Data Reader"
WRITE_ROLE: Final = "Storage Blob Data Contributor"
_BLOBS: Final = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
READ_ACTIONS: Final = (f"{_BLOBS}/read",)
WRITE_ACTIONS: Final = (f"{_BLOBS}/read", f"{_BLOBS}/write")

API_VERSION: Final = "2021-12-02"
_META: Final = "x-ms-meta-"
_NO_CONTAINER: Final = "ContainerNotFound"
_THERE: Final = "BlobAlreadyExists"


class BlobObjects:
    """Blobs of any container of the account at `service.url` that the function may use."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def head(self, ref: ObjectRef, deadline: Deadline) -> ObjectHead | None:
        try:
            response = self._service.call(
                "GetBlobProperties", "HEAD", _path(ref), deadline, headers=self._common
            )
        except ServiceError as error:
            if _missing(error):
                return None
            raise
        headers = response.headers
        return ObjectHead(
            headers.get("etag", ""),
            int(headers.get("content-length", "0")),
            headers.get("content-type", ""),
            {name[len(_META) :]: text for name, text in headers.items() if name.startswith(_META)},
        )

    def get(self, ref: ObjectRef, deadline: Deadline, *, version: str = "", max_bytes: int) -> bytes:
        def headers() -> dict[str, str]:
            return self._common() | ({"if-match": _quoted(version)} if version else {})

        try:
            stream = self._service.stream("GetBlob", "GET", _path(ref), deadline, headers=headers)
        except ServiceError as error:
            if _missing(error):
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
        fixed = {"content-type": content_type, "x-ms-blob-type": "BlockBlob"}
        fixed |= {_META + name: text for name, text in metadata.items()}
        if expect is None:
            fixed["if-none-match"] = "*"
        elif expect != ANY:
            fixed["if-match"] = _quoted(expect)
        try:
            self._service.call(
                "PutBlob", "PUT", _path(ref), deadline, headers=lambda: self._common() | fixed, body=body
            )
        except ServiceError as error:
            if error.status == 412 or error.code == _THERE:
                raise VersionConflict(ref.key) from None
            raise

    def keys(self, container: str, after: str, most: int, deadline: Deadline) -> tuple[list[str], str]:
        """`after` is a marker that the service gave. Keys come in their order."""
        from xml.etree import ElementTree  # only for repairs

        query = {"restype": "container", "comp": "list", "maxresults": str(most)}
        if after:
            query["marker"] = after
        path = f"/{container}?{urlencode(query, quote_via=quote, safe='')}"
        response = self._service.call("ListBlobs", "GET", path, deadline, headers=self._common)
        try:
            listed = ElementTree.fromstring(response.body)  # noqa: S314 - of the service, over TLS
        except ElementTree.ParseError:
            raise self._service.malformed("ListBlobs", "the body is not a list of blobs") from None
        names = listed.iterfind("Blobs/Blob/Name")
        return [_text(name.text, name.get("Encoded")) for name in names], listed.findtext("NextMarker") or ""

    def _common(self) -> dict[str, str]:
        return {"x-ms-version": API_VERSION, "x-ms-date": http_date(self._service.cloud.world.now())}


def _path(ref: ObjectRef) -> str:
    """Of a blob, percent-encoded."""
    return f"/{ref.container}/{quote(ref.key, safe='/-_.~')}"


def _text(written: str | None, encoded: str | None) -> str:
    """A name as XML has it: percent-encoded where it holds what XML does not take."""
    return unquote(written or "") if encoded == "true" else written or ""


def _quoted(etag: str) -> str:
    """Events tell an etag without the quotes that headers have."""
    return etag if etag.endswith('"') else f'"{etag}"'


def _missing(error: ServiceError) -> bool:
    """There is no such blob; a missing container is an error."""
    return error.status == 404 and error.code != _NO_CONTAINER
