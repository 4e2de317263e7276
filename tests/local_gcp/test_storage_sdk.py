"""Google's own library and our adapter find the same objects in the local Cloud Storage."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from google_calls import cloud
from google_local import Local

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.project import PROJECT, REGION
from serverless_ai_runtime.adapters.gcp.storage import StorageObjects
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.objects import ANY, ObjectChanged, ObjectRef
from serverless_ai_runtime.core.ports import Deadline, VersionConflict
from serverless_ai_runtime.wiring import WORLD

with warnings.catch_warnings():  # Google's advice to upgrade Python is not a test's business
    warnings.simplefilter("ignore", FutureWarning)
    from google.api_core.exceptions import Forbidden, NotFound, PreconditionFailed
    from google.cloud import storage
    from google.oauth2.credentials import Credentials

KEYS = ["a.txt", "a b/ä ☂ #1.txt", "100%/c+d&e=f?.txt"]
BUCKET = "documents"


@pytest.fixture
def bucket(local: Local) -> Any:
    local.make(types.BUCKET, name=BUCKET, location=REGION)
    return sdk(local).bucket(BUCKET)


def sdk(local: Local, token: str = "owner") -> storage.Client:
    return storage.Client(
        project=PROJECT, credentials=Credentials(token=token), client_options={"api_endpoint": local.url}
    )


def ours(local: Local) -> StorageObjects:
    return StorageObjects(Service(cloud(WORLD, "owner"), "CloudStorage", local.url, ""))


@pytest.mark.parametrize("key", KEYS)
def test_what_the_library_writes_is_read_and_described_alike(local: Local, bucket: Any, key: str) -> None:
    blob = bucket.blob(key)
    blob.metadata = {"owner": "ada"}
    blob.upload_from_string(b"first", content_type="text/plain")
    head = ours(local).head(ObjectRef(BUCKET, key), Deadline(5))
    assert head is not None
    assert (head.size, head.content_type, head.metadata) == (5, "text/plain", {"owner": "ada"})
    assert head.etag == str(blob.generation)
    assert ours(local).get(ObjectRef(BUCKET, key), Deadline(5), max_bytes=10) == b"first"


@pytest.mark.parametrize("key", KEYS)
def test_what_we_write_is_what_the_library_reads(local: Local, bucket: Any, key: str) -> None:
    ours(local).put(
        ObjectRef(BUCKET, key),
        b"second",
        Deadline(5),
        content_type="application/json",
        metadata={"source-version": "7"},
        expect=ANY,
    )
    blob = bucket.get_blob(key)
    assert blob.download_as_bytes() == b"second"
    assert (blob.content_type, blob.metadata) == ("application/json", {"source-version": "7"})
    assert bucket.blob(key).download_as_bytes(start=1, end=3) == b"eco"


def test_both_list_the_same_names(local: Local, bucket: Any) -> None:
    for key in (*KEYS, "other/x"):
        bucket.blob(key).upload_from_string(b"x")
    for prefix in ("", "a", "100%/", "gone"):
        listed = [blob.name for blob in bucket.list_blobs(prefix=prefix, page_size=1)]
        assert ours(local).names(BUCKET, prefix, Deadline(5)) == listed


def test_preconditions_on_generations_mean_the_same(local: Local, bucket: Any) -> None:
    blob = bucket.blob("a.txt")
    blob.upload_from_string(b"1", if_generation_match=0)
    first = str(blob.generation)
    with pytest.raises(PreconditionFailed):
        bucket.blob("a.txt").upload_from_string(b"2", if_generation_match=0)
    ref, about = ObjectRef(BUCKET, "a.txt"), {"content_type": "text/plain", "metadata": {}}
    with pytest.raises(VersionConflict):
        ours(local).put(ref, b"2", Deadline(5), expect=None, **about)
    ours(local).put(ref, b"2", Deadline(5), expect=first, **about)
    with pytest.raises(ObjectChanged):
        ours(local).get(ref, Deadline(5), version=first, max_bytes=9)
    with pytest.raises(PreconditionFailed):
        bucket.blob("a.txt").download_as_bytes(if_generation_match=int(first))
    assert bucket.blob("a.txt").download_as_bytes() == b"2"


def test_what_is_gone_and_what_is_not_allowed_are_the_librarys_own_errors(local: Local, bucket: Any) -> None:
    blob = bucket.blob("a.txt")
    blob.upload_from_string(b"1")
    stranger = local.access_token(local.account("stranger"))
    with pytest.raises(Forbidden):
        sdk(local, stranger).bucket(BUCKET).blob("a.txt").download_as_bytes()
    blob.delete()
    with pytest.raises(NotFound):
        bucket.blob("a.txt").download_as_bytes()
    assert bucket.get_blob("a.txt") is None
