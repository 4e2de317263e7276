"""A fake of Blob Storage: containers hold packages, and the events that could not be delivered."""

from __future__ import annotations

import hashlib
import threading
from email.utils import formatdate
from typing import Final
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


class Blobs:
    """Blobs by the id of their container's resource. Thread-safe."""

    def __init__(self, estate: Estate, access: Access) -> None:
        self._estate, self._access = estate, access
        self._blobs: dict[str, dict[str, bytes]] = {}
        self._lock = threading.Lock()
        estate.watch(self._follow)

    def put(self, container: str, name: str, content: bytes) -> None:
        with self._lock:
            self._blobs.setdefault(container.lower(), {})[name] = content

    def get(self, container: str, name: str) -> bytes | None:
        with self._lock:
            return self._blobs.get(container.lower(), {}).get(name)

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
        name = "/".join(call.parts[2:])
        if not name and call.method == "GET" and call.query.get("comp") == "list":
            allow_any(self._access, who, (READ,), container)
            return self._listed(container, call.query.get("prefix", ""))
        if name and call.method == "PUT" and not call.query.get("comp"):
            allow_any(self._access, who, (WRITE, ADD), container)
            self.put(container.id, name, call.body)
            return Response(status=201, headers={**common(), **_times(call.body)})
        if name and call.method in ("GET", "HEAD"):
            allow_any(self._access, who, (READ,), container)
            content = self._there(container, name)
            headers = {**common(), **_times(content), "x-ms-blob-type": "BlockBlob"}
            return Response(content, 200, headers, content_type="application/octet-stream")
        if name and call.method == "DELETE":
            allow_any(self._access, who, (DELETE,), container)
            self._there(container, name)
            with self._lock:
                del self._blobs[container.id.lower()][name]
            return Response(status=202, headers=common())
        raise ServiceFault(
            501, "NotImplemented", f"{call.method} {call.target} is not offered by the local Blob Storage"
        )

    def _there(self, container: Resource, name: str) -> bytes:
        content = self.get(container.id, name)
        if content is None:
            raise ServiceFault(404, "BlobNotFound", "The specified blob does not exist.")
        return content

    def _listed(self, container: Resource, prefix: str) -> Response:
        items = "".join(
            f"<Blob><Name>{escape(name)}</Name><Properties><BlobType>BlockBlob</BlobType></Properties></Blob>"
            for name in self.names(container.id, prefix)
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


def _times(content: bytes) -> dict[str, str]:
    digest = hashlib.sha256(content).hexdigest()[:16]
    return {"etag": f'"0x{digest.upper()}"', "last-modified": formatdate(usegmt=True)}
