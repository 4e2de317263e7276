"""The local Cloud Storage through the runtime's own adapter, its rules of access, and Eventarc behind it."""

from __future__ import annotations

from typing import Any

import pytest
from google_calls import cloud
from google_local import Local
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.project import PROJECT, REGION
from serverless_ai_runtime.adapters.gcp import storage
from serverless_ai_runtime.adapters.gcp.storage import StorageObjects
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.objects import (
    ANY,
    ObjectChanged,
    ObjectMissing,
    ObjectRef,
    ObjectTooLarge,
)
from serverless_ai_runtime.core.ports import Deadline, Refused, VersionConflict
from serverless_ai_runtime.wiring import WORLD

BUCKET = "documents"
MOST = 1000


@pytest.fixture
def bucket(local: Local) -> Any:
    return local.make(types.BUCKET, name=BUCKET, location=REGION)


def objects(local: Local, token: str = "owner") -> StorageObjects:
    return StorageObjects(Service(cloud(WORLD, token), "CloudStorage", local.url, ""))


def put(store: StorageObjects, key: str, body: bytes, expect: str | None = ANY, **metadata: str) -> None:
    ref = ObjectRef(BUCKET, key)
    store.put(ref, body, Deadline(5), content_type="text/plain", metadata=metadata, expect=expect)


def read(store: StorageObjects, key: str, version: str = "", most: int = MOST) -> bytes:
    return store.get(ObjectRef(BUCKET, key), Deadline(5), version=version, max_bytes=most)


@pytest.mark.usefixtures("bucket")
class TestObjects:
    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(key=st.text(min_size=1, max_size=60), body=st.binary(max_size=200))
    def test_any_name_and_any_bytes_come_back(self, local: Local, key: str, body: bytes) -> None:
        try:
            key.encode()
        except UnicodeEncodeError:
            return
        store = objects(local)
        put(store, key, body, order="7")
        assert read(store, key) == body
        head = store.head(ObjectRef(BUCKET, key), Deadline(5))
        assert head is not None
        assert (head.size, head.content_type, dict(head.metadata)) == (
            len(body),
            "text/plain",
            {"order": "7"},
        )

    def test_a_write_holds_to_what_it_expects_to_find(self, local: Local) -> None:
        store = objects(local)
        put(store, "a", b"1", expect=None)
        with pytest.raises(VersionConflict):
            put(store, "a", b"2", expect=None)
        head = store.head(ObjectRef(BUCKET, "a"), Deadline(5))
        assert head is not None
        put(store, "a", b"3", expect=head.etag)
        with pytest.raises(VersionConflict):
            put(store, "a", b"4", expect=head.etag)
        assert read(store, "a") == b"3"

    def test_a_version_that_is_no_longer_there_is_said_to_have_changed(self, local: Local) -> None:
        store = objects(local)
        put(store, "a", b"1")
        first = store.head(ObjectRef(BUCKET, "a"), Deadline(5))
        assert first is not None
        put(store, "a", b"2")
        with pytest.raises(ObjectChanged):
            read(store, "a", first.etag)

    def test_what_is_missing_or_too_large_is_told_apart(self, local: Local) -> None:
        store = objects(local)
        assert store.head(ObjectRef(BUCKET, "nothing"), Deadline(5)) is None
        with pytest.raises(ObjectMissing):
            read(store, "nothing")
        put(store, "big", b"x" * (MOST + 1))
        with pytest.raises(ObjectTooLarge, match=f"more than the {MOST} bytes"):
            read(store, "big")

    def test_a_generation_grows_with_every_write(self, local: Local) -> None:
        store, seen = objects(local), list[int]()
        for number in range(5):
            put(store, "a", str(number).encode())
            head = store.head(ObjectRef(BUCKET, "a"), Deadline(5))
            assert head is not None
            seen.append(int(head.etag))
        assert seen == sorted(set(seen))


@pytest.mark.parametrize(
    ("permissions", "may"),
    [
        (storage.WRITE_PERMISSIONS, {"read", "miss", "create", "replace"}),
        (storage.READ_PERMISSIONS, {"read", "miss"}),
        (("storage.objects.get",), {"read"}),
        (("storage.objects.create",), {"create"}),
        ((), set()),
    ],
)
@pytest.mark.usefixtures("bucket")
def test_an_account_may_do_what_its_role_on_the_bucket_says(
    local: Local, permissions: tuple[str, ...], may: set[str]
) -> None:
    put(objects(local), "there", b"1")
    account = local.make(types.ACCOUNT, accountId="reader")
    if permissions:
        role = local.make(
            types.CUSTOM_ROLE, roleId="objects", title="t", permissions=list(permissions), stage="GA"
        )
        local.make(
            types.BUCKET_MEMBER,
            bucket=BUCKET,
            role=role["outputs"]["name"],
            member=account["outputs"]["member"],
        )
    email = account["outputs"]["email"]
    mine = objects(local, local.admin("POST", "gcp/access-token", {"email": email})["token"])
    calls = {
        "read": lambda: read(mine, "there"),
        "miss": lambda: mine.head(ObjectRef(BUCKET, "nothing"), Deadline(5)),
        "create": lambda: put(mine, "new", b"1"),
        "replace": lambda: put(mine, "there", b"2"),
    }
    done: set[str] = set()
    for name, call in calls.items():
        try:
            call()
        except Refused as error:
            assert error.status == 403  # noqa: PT017
            assert "storage.objects." in str(error)  # noqa: PT017
        else:
            done.add(name)
    assert done == may


def test_the_official_path_of_a_bucket_that_is_not_there_is_404(local: Local) -> None:
    answer = local.send("GET", "/storage/v1/b/nowhere/o/a?alt=media")
    assert (answer.status, answer.body["error"]["code"]) == (404, 404)


def test_a_trigger_needs_a_bucket_in_its_place_and_a_service_that_is_there(local: Local, bucket: Any) -> None:
    criteria = [
        {"attribute": "type", "value": "google.cloud.storage.object.v1.finalized"},
        {"attribute": "bucket", "value": BUCKET},
    ]
    given = {
        "name": "t",
        "location": REGION,
        "serviceAccount": f"deliverer@{PROJECT}.iam.gserviceaccount.com",
        "matchingCriterias": criteria,
        "destination": {"cloudRunService": {"service": "nobody", "region": REGION, "path": "/x"}},
    }
    assert "nobody was not found" in local.refused(types.TRIGGER, **given)
    assert "same location" in local.refused(types.TRIGGER, **{**given, "location": "europe-west1"})
    other = [{"attribute": "type", "value": "google.cloud.pubsub.topic.v1.messagePublished"}, criteria[1]]
    assert "the type must be one of" in local.refused(types.TRIGGER, **{**given, "matchingCriterias": other})


def test_events_can_only_be_held_where_a_trigger_takes_them(local: Local) -> None:
    answer = local.send("POST", "/_local/events/hold", b"{}")
    assert answer.status == 404


def test_a_bucket_with_objects_stays_unless_they_may_be_lost(local: Local, bucket: Any) -> None:
    put(objects(local), "a.txt", b"a")
    answer = local.send("POST", "/_local/gcp/resources/delete", {"uid": bucket["uid"]})
    assert answer.status == 400
    assert "force_destroy is not set" in answer.body["message"]
    local.remake(bucket, name=BUCKET, location=REGION, forceDestroy=True)
    local.drop(bucket)
    with pytest.raises(ObjectMissing):
        read(objects(local), "a.txt")
