"""A fake of Blob Storage: block blobs with etags, metadata and conditions; it tells what comes and goes."""

from __future__ import annotations

import hashlib
import re
import threading
import time
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.calls import Call, ServiceFault
from serverless_ai_local.azure.estate import Estate, Resource
from serverless_ai_local.azure.queue_service import allow_any, common, failure, storage_caller

AUDIENCES: Final = ("https://storage.azure.com", "https://blob.core.windows.net")
CONTAINER: Final = "storage:BlobContainer"
_BLOBS: Final = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
READ: Final = f"{_BLOBS}/read"
WRITE: Final = f"{_BLOBS}/write"
ADD: Final = f"{_BLOBS}/add/action"
DELETE: Final = f"{_BLOBS}/delete"
_META: Final = "x-ms-meta-"
_RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")
_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_OCTETS: Final = "application/octet-stream"

_MOST_LISTED: Final = 5000
"""Of a page, and how many it has unless the request says."""

CREATED: Final = "Microsoft.Storage.BlobCreated"
DELETED: Final = "Microsoft.Storage.BlobDeleted"
Told = Callable[[Resource, str, str, Mapping[str, Any]], None]
"""Storage account, and type, subject and data of the event."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """One blob as it was written last."""

    content: bytes
    content_type: str = _OCTETS
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    etag: str = ""
    """Without quotes."""
    written_at: float = 0.0


class Blobs:
    """Blobs by the id of their container's resource. Thread-safe."""

    def __init__(self, estate: Estate, access: Access) -> None:
        self._estate, self._access = estate, access
        self._blobs: dict[str, dict[str, Blob]] = {}
        self._writes = time.time_ns()
        self._lock = threading.Lock()
        self.told: list[Told] = []
        """Each is called once a blob that came over the wire is there, or one is gone that was deleted so."""
        estate.watch(self._follow)

    def put(self, container: str, name: str, content: bytes) -> None:
        self._write(container, name, Blob(content=content), lambda there: None)

    def get(self, container: str, name: str) -> bytes | None:
        found = self._find(container, name)
        return found.content if found else None

    def names(self, container: str, prefix: str = "") -> list[str]:
        with self._lock:
            return sorted(one for one in self._blobs.get(container.lower(), {}) if one.startswith(prefix))

    def __call__(self, call: Call) -> Response:
        try:
            return self._answer(call)
        except ServiceFault as fault:
            return failure(fault)

    def _answer(self, call: Call) -> Response:
        account = self._estate.find("storage:StorageAccount", call.parts[0])
        if account is None:
            raise ServiceFault(404, "ResourceNotFound", f"there is no storage account {call.parts[0]}")
        who = storage_caller(self._access, call, AUDIENCES)
        container = self._estate.find(CONTAINER, call.parts[1], account.id) if call.parts[1:] else None
        if container is None:
            raise ServiceFault(404, "ContainerNotFound", "The specified container does not exist.")
        name = _name(call)
        if not name and call.method == "GET" and call.query.get("comp") == "list":
            allow_any(self._access, who, (READ,), container)
            return self._listed(container, call.query)
        if name and call.method == "PUT" and not call.query.get("comp"):
            allow_any(self._access, who, (WRITE, ADD), container)
            return self._put(call, account, container, name)
        if name and call.method in ("GET", "HEAD"):
            allow_any(self._access, who, (READ,), container)
            return self._got(call, container, name)
        if name and call.method == "DELETE":
            allow_any(self._access, who, (DELETE,), container)
            return self._deleted(account, container, name)
        raise ServiceFault(
            501, "NotImplemented", f"{call.method} {call.target} is not offered by the local Blob Storage"
        )

    def _put(self, call: Call, account: Resource, container: Resource, name: str) -> Response:
        if call.headers.get("x-ms-blob-type") != "BlockBlob":
            what = "An HTTP header that's mandatory for this request is not specified: x-ms-blob-type."
            raise ServiceFault(400, "MissingRequiredHeader", what)
        kind = call.headers.get("x-ms-blob-content-type") or call.headers.get("content-type") or _OCTETS
        metadata = {key[len(_META) :]: text for key, text in call.headers.items() if key.startswith(_META)}
        draft = Blob(content=call.body, content_type=kind, metadata=metadata)
        blob, sequence = self._write(
            container.id, name, draft, lambda there: _check(call, there, creating=True)
        )
        about = {"api": "PutBlob", "contentLength": len(blob.content)}
        self._tell(CREATED, account, container, name, _data(blob, sequence) | about)
        return Response(status=201, headers={**common(), **_times(blob)})

    def _deleted(self, account: Resource, container: Resource, name: str) -> Response:
        blob = self._there(container, name)
        with self._lock:
            self._blobs[container.id.lower()].pop(name, None)
            self._writes += 1
            sequence = self._writes
        self._tell(DELETED, account, container, name, _data(blob, sequence) | {"api": "DeleteBlob"})
        return Response(status=202, headers=common())

    def _tell(
        self, kind: str, account: Resource, container: Resource, name: str, data: Mapping[str, Any]
    ) -> None:
        url = f"{account.outputs['primaryEndpoints']['blob']}{container.name}/{name}"
        subject = f"/blobServices/default/containers/{container.name}/blobs/{name}"
        for told in self.told:
            told(account, kind, subject, {**data, "url": url})

    def _got(self, call: Call, container: Resource, name: str) -> Response:
        blob = self._there(container, name)
        _check(call, blob, creating=False)
        own = {_META + key: text for key, text in blob.metadata.items()}
        headers = {**common(), **_times(blob), **own, "x-ms-blob-type": "BlockBlob"}
        asked = _RANGE.fullmatch(call.headers.get("x-ms-range") or call.headers.get("range", ""))
        if asked is None or call.method == "HEAD":
            return Response(blob.content, 200, headers, content_type=blob.content_type)
        size, first = len(blob.content), int(asked[1])
        if first >= size:
            raise ServiceFault(416, "InvalidRange", "The range specified is invalid for the current size.")
        last = min(int(asked[2] or size), size - 1)
        headers["content-range"] = f"bytes {first}-{last}/{size}"
        return Response(blob.content[first : last + 1], 206, headers, content_type=blob.content_type)

    def _write(
        self, container: str, name: str, draft: Blob, check: Callable[[Blob | None], None]
    ) -> tuple[Blob, int]:
        """The blob, and a number that grows with every write. `check` refuses by what is there now."""
        with self._lock:
            blobs = self._blobs.setdefault(container.lower(), {})
            check(blobs.get(name))
            self._writes += 1
            digest = hashlib.sha256(f"{self._writes} {container} {name}".encode()).hexdigest()[:15]
            blob = blobs[name] = replace(draft, etag=f"0x{digest.upper()}", written_at=time.time())
            return blob, self._writes

    def _find(self, container: str, name: str) -> Blob | None:
        with self._lock:
            return self._blobs.get(container.lower(), {}).get(name)

    def _there(self, container: Resource, name: str) -> Blob:
        blob = self._find(container.id, name)
        if blob is None:
            raise ServiceFault(404, "BlobNotFound", "The specified blob does not exist.")
        return blob

    def _listed(self, container: Resource, query: Mapping[str, str]) -> Response:
        """A page. The marker of the next one is its first name in base64: no caller takes it for a name."""
        names, first, size = self.names(container.id, query.get("prefix", "")), *_page(query)
        rest = names[bisect_left(names, first) :]
        items = "".join(
            f"<Blob>{_named(name)}<Properties><Etag>{blob.etag}</Etag>"
            f"<Content-Length>{len(blob.content)}</Content-Length><BlobType>BlockBlob</BlobType>"
            "</Properties></Blob>"
            for name in rest[:size]
            if (blob := self._find(container.id, name)) is not None
        )
        text = (
            '<?xml version="1.0" encoding="utf-8"?>'
            f'<EnumerationResults ContainerName="{escape(container.name)}"><Blobs>{items}</Blobs>'
            f"<NextMarker>{_marker(rest[size]) if rest[size:] else ''}</NextMarker></EnumerationResults>"
        )
        return Response(text, 200, common(), content_type="application/xml")

    def _follow(self, resource: Resource, exists: bool) -> None:
        if resource.kind == CONTAINER and not exists:
            with self._lock:
                self._blobs.pop(resource.id.lower(), None)


def _data(blob: Blob, sequence: int) -> dict[str, Any]:
    """What every event says of a blob."""
    return {
        "requestId": str(uuid.uuid4()),
        "eTag": blob.etag,
        "contentType": blob.content_type,
        "blobType": "BlockBlob",
        "sequencer": f"{sequence:032X}",
        "storageDiagnostics": {"batchId": str(uuid.uuid4())},
    }


def _page(query: Mapping[str, str]) -> tuple[str, int]:
    """The name that a page begins with, and how many it has."""
    try:
        size = int(query.get("maxresults") or _MOST_LISTED)
        first = urlsafe_b64decode(query.get("marker", "")).decode()
    except ValueError:
        what = "Value for one of the query parameters specified in the request URI is invalid."
        raise ServiceFault(400, "InvalidQueryParameterValue", what) from None
    if size < 1:
        what = "One of the query parameters specified in the request URI is outside the permissible range."
        raise ServiceFault(400, "OutOfRangeQueryParameterValue", what)
    return first, min(size, _MOST_LISTED)


def _marker(name: str) -> str:
    return urlsafe_b64encode(name.encode()).decode()


def _named(name: str) -> str:
    """A name with characters that XML does not take is percent-encoded, as it says of itself."""
    if _NOT_IN_XML.search(name):
        return f'<Name Encoded="true">{quote(name, safe="")}</Name>'
    return f"<Name>{escape(name)}</Name>"


def _name(call: Call) -> str:
    """As sent: of slashes that follow each other none is lost."""
    path = call.target.partition("?")[0]
    return unquote(path.split("/", 3)[3]) if path.count("/") > 2 else ""


def _check(call: Call, there: Blob | None, *, creating: bool) -> None:
    """Conditional headers, with the answers of the real service."""
    wanted, unwanted = (call.headers.get(name, "").strip() for name in ("if-match", "if-none-match"))
    if creating and unwanted == "*" and there is not None:
        raise ServiceFault(409, "BlobAlreadyExists", "The specified blob already exists.")
    if wanted and (there is None or wanted not in ("*", f'"{there.etag}"')):
        what = "The condition specified using HTTP conditional header(s) is not met."
        raise ServiceFault(412, "ConditionNotMet", what)


def _times(blob: Blob) -> dict[str, str]:
    return {"etag": f'"{blob.etag}"', "last-modified": formatdate(blob.written_at, usegmt=True)}
