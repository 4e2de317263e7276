"""Objects in a bucket or container, as far as a core needs them. No cloud is named here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from serverless_ai_runtime.core.ports import Deadline


class ObjectRef(NamedTuple):
    container: str
    """Name of the bucket (AWS, Google) or of the container (Azure)."""
    key: str


class ObjectHead(NamedTuple):
    etag: str
    """What a conditional `put` expects: an etag, or a generation on Google Cloud."""
    size: int
    """Bytes."""
    content_type: str
    metadata: Mapping[str, str]
    """The user's own, by names in lower case."""


class ObjectMissing(Exception):
    """There is no such object (any more)."""


class ObjectChanged(Exception):
    """The object's content is no longer the one that was asked for."""


class ObjectTooLarge(Exception):
    """The object has more bytes than the reader can take; the message says how many."""


ANY: Final = "*"
"""For `put`: whatever is there."""


class ObjectStore(Protocol):
    """Reads and writes whole objects. Keys are any text: every adapter encodes them for its service."""

    def head(self, ref: ObjectRef, deadline: Deadline) -> ObjectHead | None:
        """What is known of an object without its content; None if there is none."""
        ...

    def get(self, ref: ObjectRef, deadline: Deadline, *, version: str = "", max_bytes: int) -> bytes:
        """The content, at this version if one is given (AWS and Azure: etag; Google: generation).

        Raises `ObjectMissing`, `ObjectChanged` or, without having read it all, `ObjectTooLarge`.
        """
        ...

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
        """Write if the object is at etag `expect` (None: absent; `ANY`: whatever is there).

        Raises `VersionConflict` otherwise. Metadata is ASCII. A retry of a write that had arrived may be
        told as a conflict: the caller looks again.
        """
        ...


class ListableStore(ObjectStore, Protocol):
    """An object store whose keys can be gone through, for repairs."""

    def keys(self, container: str, after: str, most: int, deadline: Deadline) -> tuple[list[str], str]:
        """At most `most` keys, and where to go on; both as in `ScannableStore.scan`."""
        ...
