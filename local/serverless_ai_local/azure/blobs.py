"""A fake of Blob Storage: block blobs with etags, metadata and conditions; it tells what was created."""

from __future__ import annotations

import hashlib
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import unquote
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
_OCTETS: Final = "application/octet-stream"

Told = Callable[[Resource, str, Mapping[str, Any]], None]
"""Storage account, subject, and data of an event Microsoft.Storage.BlobCreated."""


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
        """Each is called once a blob that came over the wire is there."""
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
            return self._listed(container, call.query.get("prefix", ""))
        if name and call.method == "PUT" and not call.query.get("comp"):
            allow_any(self._access, who, (WRITE, ADD), container)
            return self._put(call, account, container, name)
        if name and call.method in ("GET", "HEAD"):
            allow_any(self._access, who, (READ,), container)
            return self._got(call, container, name)
        if name and call.method == "DELETE":
            allow_any(self._access, who, (DELETE,), container)
            self._there(container, name)
            with self._lock:
                self._blobs[container.id.lower()].pop(name, None)
            return Response(status=202, headers=common())
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
        subject = f"/blobServices/default/containers/{container.name}/blobs/{name}"
        data = {
            "api": "PutBlob",
            "requestId": str(uuid.uuid4()),
            "eTag": blob.etag,
            "contentType": blob.content_type,
            "contentLength": len(blob.content),
            "blobType": "BlockBlob",
            "url": f"{account.outputs['primaryEndpoints']['blob']}{container.name}/{name}",
            "sequencer": f"{sequence:032X}",
            "storageDiagnostics": {"batchId": str(uuid.uuid4())},
        }
        for told in self.told:
            told(account, subject, data)
        return Response(status=201, headers={**common(), **_times(blob)})

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

    def _listed(self, container: Resource, prefix: str) -> Response:
        items = "".join(
            f"<Blob><Name>{escape(name)}</Name><Properties><Etag>{blob.etag}</Etag>"
            f"<Content-Length>{len(blob.content)}</Content-Length><BlobType>BlockBlob</BlobType>"
            "</Properties></Blob>"
            for name in self.names(container.id, prefix)
            if (blob := self._find(container.id, name)) is not None
        )
        text = (
            '<?xml version="1.0" encoding="utf-8"?>'
            f'<EnumerationResults ContainerName="{escape(container.name)}"><Blobs>{items}</Blobs>'
            "<NextMarker /></EnumerationResults>"
        )
        return Response(text, 200, common(), content_type="application/xml")

    def _follow(self, resource: Resource, exists: bool) -> None:
        if resource.kind == CONTAINER and not exists:
            with self._lock:
                self._blobs.pop(resource.id.lower(), None)


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
