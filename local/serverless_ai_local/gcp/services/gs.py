"""Places in Cloud Storage as other services name them: gs://BUCKET/NAME."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    bucket: str
    name: str

    @property
    def uri(self) -> str:
        return f"gs://{self.bucket}/{self.name}"


def place_of(uri: object) -> Place:
    """Raises ValueError."""
    bucket, slash, name = str(uri).removeprefix("gs://").partition("/")
    if not str(uri).startswith("gs://") or not bucket or not slash or not name:
        raise ValueError(f"{uri!r} is no gs://BUCKET/NAME")
    return Place(bucket, name)
