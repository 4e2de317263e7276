"""Cloud Storage's JSON API (v1) on objects: a fake with generations and preconditions, in memory."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote

from werkzeug.wrappers import Response

from serverless_ai_local.aws.signatures import Sent
from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.errors import RpcError, invalid, reply
from serverless_ai_local.gcp.iam.authority import Authority, Principal
from serverless_ai_local.gcp.registry import Deployed, Registry

SERVICE: Final = "storage.googleapis.com"
PATH: Final = re.compile(
    r"(?:(?P<upload>/upload)|/download)?/storage/v1/b/(?P<bucket>[^/]+)/o(?:/(?P<object>[^/]+))?"
)
"""Of the path as it was sent: a slash in an object's name is encoded."""
GET, LIST = "storage.objects.get", "storage.objects.list"
CREATE, DELETE = "storage.objects.create", "storage.objects.delete"
PAGE: Final = 1000
_RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """One generation of an object."""

    bucket: str
    name: str
    content: bytes = field(repr=False)
    content_type: str
    metadata: Mapping[str, str]
    generation: int
    deleted: float = 0.0
    """When, in Unix seconds; 0 = it is there."""

    def wire(self) -> dict[str, Any]:
        """The object resource, as answers and events have it."""
        moment = datetime.fromtimestamp(self.generation / 1e6, UTC).isoformat().replace("+00:00", "Z")
        about: dict[str, Any] = {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": "1",
            "contentType": self.content_type,
            "storageClass": "STANDARD",
            "size": str(len(self.content)),
            "md5Hash": base64.b64encode(hashlib.md5(self.content, usedforsecurity=False).digest()).decode(),
            "etag": base64.b64encode(str(self.generation).encode()).decode(),
            "timeCreated": moment,
            "updated": moment,
        }
        if self.deleted:
            about["timeDeleted"] = (
                datetime.fromtimestamp(self.deleted, UTC).isoformat().replace("+00:00", "Z")
            )
        return {**about, **({"metadata": dict(self.metadata)} if self.metadata else {})}


Told = Callable[[Stored], None]


class Storage:
    """Objects of the deployed buckets; a bucket that goes takes its objects along."""

    def __init__(self, registry: Registry, authority: Authority) -> None:
        self._registry, self._authority = registry, authority
        self._objects: dict[str, dict[str, Stored]] = {}
        self._generations = itertools.count(time.time_ns() // 1000)
        self._lock = threading.Lock()
        self.finalized: list[Told] = []
        """Each is told of every new generation."""
        self.deleted: list[Told] = []
        """Each is told of every generation that is gone: deleted, or written over."""
        registry.listen(self._forget)
        registry.keepers.append(self._keeps)

    def __call__(self, who: Principal, sent: Sent, found: re.Match[str]) -> Response:
        """The answer to a request whose path matched `PATH`; raises `RpcError`."""
        method, body = sent.method, sent.body
        query, headers = dict(parse_qsl(sent.query)), {name.lower(): text for name, text in sent.headers}
        bucket = self._bucket(found["bucket"])
        name = unquote(found["object"]) if found["object"] else ""
        if found["upload"] and method == "POST":
            return self._insert(who, bucket, query, headers, body)
        if method == "GET" and name:
            return self._get(who, bucket, name, query, headers)
        if method == "GET":
            return self._list(who, bucket, query)
        if method == "DELETE" and name:
            self._require(who, DELETE, bucket, name)
            with self._lock:
                gone = self._objects.get(bucket, {}).pop(name, None)
            if gone is None:
                raise _no_object(bucket, name)
            self._tell(None, gone)
            return Response(b"", 204)
        raise RpcError("UNIMPLEMENTED", f"the local cloud has no {method} {found[0]} of Cloud Storage")

    # -- operations -------------------------------------------------------------------------------
    def _insert(
        self,
        who: Principal,
        bucket: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Response:
        about, content_type, content = _upload(query, headers, body)
        name = str(about.get("name") or query.get("name") or "")
        if not name or len(name.encode()) > 1024:
            raise invalid("Required: an object name of 1 to 1024 bytes")
        self._require(who, CREATE, bucket, name)
        with self._lock:
            there = self._objects.get(bucket, {}).get(name)
            _check_generation(query, there)
            if there is not None:
                self._require(who, DELETE, bucket, name)
            kind, metadata = str(about.get("contentType") or content_type), dict(about.get("metadata") or {})
            stored = self._put(bucket, name, content, kind, metadata)
        self._tell(stored, there)
        return reply(stored.wire())

    # -- for other services -----------------------------------------------------------------------
    def peek(self, bucket: str, name: str) -> bytes | None:
        """The content of an object; None if there is none."""
        with self._lock:
            there = self._objects.get(bucket, {}).get(name)
        return there.content if there else None

    def keep(self, bucket: str, name: str, content: bytes, content_type: str) -> None:
        """Write an object, whatever is there."""
        with self._lock:
            there = self._objects.get(bucket, {}).get(name)
            stored = self._put(bucket, name, content, content_type, {})
        self._tell(stored, there)

    def _tell(self, made: Stored | None, gone: Stored | None) -> None:
        """What Cloud Storage notifies of: without versions, what is written over is deleted for good."""
        if made is not None:
            for told in self.finalized:
                told(made)
        if gone is not None:
            for told in self.deleted:
                told(replace(gone, deleted=time.time()))

    def _put(
        self, bucket: str, name: str, content: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> Stored:
        """Holds the lock."""
        stored = Stored(
            bucket=bucket,
            name=name,
            content=content,
            content_type=content_type,
            metadata=metadata,
            generation=next(self._generations),
        )
        self._objects.setdefault(bucket, {})[name] = stored
        return stored

    def _get(
        self, who: Principal, bucket: str, name: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> Response:
        with self._lock:
            there = self._objects.get(bucket, {}).get(name)
        if there is None:
            # Who may not list the bucket is not told that an object is missing, only that it is not theirs.
            self._require(who, GET, bucket, name)
            self._require(who, LIST, bucket, "")
            raise _no_object(bucket, name)
        self._require(who, GET, bucket, name)
        _check_generation(query, there)
        if query.get("generation") not in (None, str(there.generation)):
            raise _no_object(bucket, name)
        if query.get("alt") != "media":
            return reply(there.wire())
        own = {"x-goog-generation": str(there.generation)}
        wanted = _RANGE.fullmatch(headers.get("range", ""))
        if wanted is None:
            return Response(there.content, 200, own, content_type=there.content_type)
        first, last, size = int(wanted[1]), int(wanted[2] or 2**62), len(there.content)
        if first >= size:
            return Response("Requested range not satisfiable", 416, content_type="text/plain")
        own["content-range"] = f"bytes {first}-{min(last, size - 1)}/{size}"
        return Response(there.content[first : last + 1], 206, own, content_type=there.content_type)

    def _list(self, who: Principal, bucket: str, query: Mapping[str, str]) -> Response:
        self._require(who, LIST, bucket, "")
        prefix, after = query.get("prefix", ""), query.get("pageToken", "")
        with self._lock:
            kept = sorted(self._objects.get(bucket, {}).items())
        found = [one for name, one in kept if name.startswith(prefix) and name > after]
        page = found[: min(PAGE, int(query.get("maxResults", PAGE)))]
        more = {"nextPageToken": page[-1].name} if len(found) > len(page) else {}
        items = {"items": [one.wire() for one in page]} if page else {}
        return reply({"kind": "storage#objects", **items, **more})

    # -- around -----------------------------------------------------------------------------------
    def _bucket(self, name: str) -> str:
        if self._find(name) is None:
            raise RpcError("NOT_FOUND", "The specified bucket does not exist.")
        return name

    def _find(self, name: str) -> Deployed | None:
        return next((one for one in self._registry.all(types.BUCKET) if one.inputs["name"] == name), None)

    def _require(self, who: Principal, permission: str, bucket: str, name: str) -> None:
        deployed = self._find(bucket)
        place = f"projects/_/buckets/{bucket}" + (f"/objects/{quote(name, safe='/')}" if name else "")
        self._authority.require(
            who, permission, place, service=SERVICE, within=deployed.project if deployed else ""
        )

    def _keeps(self, deployed: Deployed) -> bool:
        with self._lock:
            return deployed.token == types.BUCKET and bool(self._objects.get(deployed.inputs["name"]))

    def _forget(self) -> None:
        kept = {one.inputs["name"] for one in self._registry.all(types.BUCKET)}
        with self._lock:
            self._objects = {bucket: inside for bucket, inside in self._objects.items() if bucket in kept}


def _upload(
    query: Mapping[str, str], headers: Mapping[str, str], body: bytes
) -> tuple[Mapping[str, Any], str, bytes]:
    """What the object is called, its type, its content."""
    kind = headers.get("content-type", "application/octet-stream")
    if query.get("uploadType") == "media":
        return {}, kind, body
    if query.get("uploadType") != "multipart":
        raise RpcError("UNIMPLEMENTED", "the local cloud has uploads of the types media and multipart")
    parts = _parts(kind, body)
    if len(parts) != 2:
        raise invalid("a multipart upload has two parts: the object's metadata and its content")
    (_, about), (content_type, content) = parts
    try:
        value: Any = json.loads(about)
    except ValueError:
        raise invalid("the first part of the upload is not JSON") from None
    return value, content_type, content


def _parts(kind: str, body: bytes) -> list[tuple[str, bytes]]:
    """Type and content of each part of a body of the type multipart/related."""
    head = email.message_from_string(f"content-type: {kind}\n\n", policy=email.policy.default)
    boundary = head.get_boundary()
    if not boundary:
        raise invalid("the content type names no boundary")
    found: list[tuple[str, bytes]] = []
    for part in body.split(b"--" + boundary.encode())[1:-1]:
        described, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b":", 1) for line in described.split(b"\r\n") if b":" in line)
        found.append((fields.get(b"content-type", b"").strip().decode(), content.removesuffix(b"\r\n")))
    return found


def _check_generation(query: Mapping[str, str], there: Stored | None) -> None:
    wanted = query.get("ifGenerationMatch")
    if wanted is not None and wanted != str(there.generation if there else 0):
        raise RpcError("CONDITION_NOT_MET", "At least one of the pre-conditions you specified did not hold.")


def _no_object(bucket: str, name: str) -> RpcError:
    return RpcError("NOT_FOUND", f"No such object: {bucket}/{name}")
