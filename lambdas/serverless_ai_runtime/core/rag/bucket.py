"""Documents as objects of a bucket: the key is the document's name, and its metadata say who may see it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import unquote

from serverless_ai_runtime import documents
from serverless_ai_runtime.core.event_pipeline.ports import Unprocessable
from serverless_ai_runtime.core.objects import ObjectHead, ObjectRef, ObjectStore, ObjectTooLarge
from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.core.rag.ports import Access, Found
from serverless_ai_runtime.documents import Section, UnreadableDocument

TAGS: Final = "tags"
"""Metadata of an object: tags that a caller must have, all of them; apart by commas, percent-encoded."""
MOST_TAGS: Final = 20
MOST_TAG_CHARS: Final = 64


class Rules(NamedTuple):
    tenants: bool
    """Whether the first folder of a key names the tenant whose document it is."""
    max_bytes: int
    """Of a document."""


class Bucket:
    """`Documents` in one bucket or container."""

    def __init__(self, objects: ObjectStore, container: str, rules: Rules) -> None:
        self._objects, self._rules = objects, rules
        self.container = container

    def look(self, document: str, deadline: Deadline) -> Found | None:
        """Raises `Unprocessable` for a document of no tenant, where each must have one."""
        ref = ObjectRef(self.container, document)
        head = self._objects.head(ref, deadline)
        if head is None:
            return None
        version = head.etag.strip('"')
        tenant = self._tenant(document)
        tags = _tags(head)
        if tags is None:
            return Found(version, Access(tenant), _refuse_tags)
        return Found(version, Access(tenant, tags), partial(self._read, ref, version, head.size))

    def _tenant(self, document: str) -> str:
        if not self._rules.tenants:
            return ""
        tenant, folder, _ = document.partition("/")
        if not folder or not tenant:
            raise Unprocessable("no_tenant", "the document must be in a folder that names its tenant: T/NAME")
        return tenant

    def _read(self, ref: ObjectRef, version: str, size: int, deadline: Deadline) -> Iterable[Section]:
        limit = self._rules.max_bytes
        if size > limit:
            raise Unprocessable("too_large", f"the document has {size} bytes; at most {limit} are allowed")
        name = ref.key.rpartition("/")[2]
        try:
            body = self._objects.get(ref, deadline, version=version, max_bytes=limit)
            return documents.read(body, name, remaining=deadline.remaining).sections
        except ObjectTooLarge as error:
            raise Unprocessable("too_large", str(error)) from None
        except UnreadableDocument as error:
            raise Unprocessable(error.code, str(error)) from None


def _tags(head: ObjectHead) -> frozenset[str] | None:
    """None for what is no list of tags."""
    listed = [unquote(one.strip()) for one in head.metadata.get(TAGS, "").split(",")]
    tags = frozenset(one for one in listed if one)
    fits = len(tags) <= MOST_TAGS and all(len(one) <= MOST_TAG_CHARS for one in tags)
    return tags if fits else None


def _refuse_tags(deadline: Deadline) -> Iterable[Section]:
    raise Unprocessable(
        "bad_tags",
        f"metadata {TAGS!r} must be at most {MOST_TAGS} tags of at most {MOST_TAG_CHARS} characters",
    )
