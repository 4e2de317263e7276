"""Results in a bucket: the newest version of an item wins, whatever order its versions are processed in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from serverless_ai_runtime.core.event_pipeline.ports import OBJECT, Item
from serverless_ai_runtime.core.objects import ANY, ObjectMissing, ObjectRef, ObjectStore
from serverless_ai_runtime.core.ports import Deadline, Unavailable, VersionConflict
from serverless_ai_runtime.core.records import digest

ORDER: Final = "order"
"""Metadata of a result: the order of the version that it was made of."""
BY: Final = "by"
"""Metadata of a result: the token of the entry that it was written for."""
ATTEMPTS: Final = 5
MAX_BYTES: Final = 50_000_000
"""Of a result that is read again."""


class Results(NamedTuple):
    """Where results are: `{prefix}{key}.json` of an object, `{prefix}messages/{digest}.json` of a message."""

    objects: ObjectStore
    container: str
    prefix: str

    def ref(self, item: Item) -> ObjectRef:
        """Where this item's result is, of whatever version."""
        if item.kind == OBJECT and item.ref is not None:
            return ObjectRef(self.container, f"{self.prefix}{item.ref.key}.json")
        return ObjectRef(self.container, f"{self.prefix}messages/{digest(item.id)[:32]}.json")

    def holds(self, ref: ObjectRef) -> bool:
        """Whether an object is a result of ours: it must never be an input."""
        return ref.container == self.container and ref.key.startswith(self.prefix)

    def superseded(self, item: Item, deadline: Deadline) -> bool:
        """Whether a newer version of the item has its result already."""
        if not item.order:
            return False
        head = self.objects.head(self.ref(item), deadline)
        return head is not None and head.metadata.get(ORDER, "") > item.order

    def written(self, item: Item, deadline: Deadline, *, by: str) -> dict[str, Any] | None:
        """The item's result if it was written for the entry with the token `by`."""
        ref = self.ref(item)
        head = self.objects.head(ref, deadline)
        if head is None or head.metadata.get(BY) != by:
            return None
        with suppress(ObjectMissing):
            return json.loads(self.objects.get(ref, deadline, max_bytes=MAX_BYTES))
        return None

    def save(self, item: Item, value: Mapping[str, Any], deadline: Deadline, *, by: str) -> bool:
        """Write the result; False, without writing, if a newer version's result is there."""
        ref = self.ref(item)
        body = json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace")
        for _ in range(ATTEMPTS):
            expect: str | None = ANY
            if item.order:
                head = self.objects.head(ref, deadline)
                if head is not None and head.metadata.get(ORDER, "") > item.order:
                    return False
                expect = head.etag if head else None
            try:
                self.objects.put(
                    ref,
                    body,
                    deadline,
                    content_type="application/json",
                    metadata={BY: by, **({ORDER: item.order} if item.order else {})},
                    expect=expect,
                )
            except VersionConflict:
                continue
            return True
        raise Unavailable("results", "put", 409, "Contention", f"{ref.key} is being written by others")
