"""The runtime's blobs on the local Blob Storage, beside Microsoft's SDK: any key, conditions that hold."""

from __future__ import annotations

from typing import Any

import pytest
from azure.storage.blob import ContainerClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_ports import Clock
from storage_sdk import AUDIENCE, Authorise

from serverless_ai_patterns.azure import roles
from serverless_ai_runtime.adapters.azure import service as azure
from serverless_ai_runtime.adapters.azure.blobs import RESOURCE, BlobObjects
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.objects import ANY, ObjectChanged, ObjectMissing, ObjectRef, ObjectTooLarge
from serverless_ai_runtime.core.ports import Deadline, Refused, VersionConflict
from serverless_ai_runtime.http import HttpClient
from serverless_ai_runtime.wiring import WORLD

NOWHERE = "a key longer than those that are made up"
WHO = "0f5c2f5e-0000-4000-8000-00000000b10b"


class Tokens:
    def __init__(self, subscription: Any) -> None:
        self._token = subscription.token(AUDIENCE, WHO)

    def get(self, resource: str, deadline: Deadline) -> str:
        return self._token

    def drop(self, resource: str, text: str) -> None:
        """It is a good one."""


class Both:
    """One container by our adapter and by the SDK, as somebody who may read and write blobs."""

    def __init__(self, subscription: Any) -> None:
        account = subscription.make("storage:StorageAccount", kind="StorageV2")
        self.container = subscription.make("storage:BlobContainer", accountName=account.name)
        subscription.grant(WHO, roles.WRITE_BLOBS, self.container)
        url = account.outputs["primaryEndpoints"]["blob"].rstrip("/")
        cloud = azure.azure(HttpClient(WORLD), Clock().world(), Tokens(subscription))
        self.ours = BlobObjects(Service(cloud, "BlobStorage", url, RESOURCE))
        key = {"account_name": account.name, "account_key": "a2V5"}
        transport = Authorise(subscription.token(AUDIENCE, WHO))
        self.sdk = ContainerClient(url, self.container.name, key, transport=transport, retry_total=0)

    def ref(self, key: str) -> ObjectRef:
        return ObjectRef(self.container.name, key)

    def put(self, key: str, body: bytes, expect: str | None = ANY, **metadata: str) -> None:
        self.ours.put(
            self.ref(key), body, Deadline(5), content_type="text/plain", metadata=metadata, expect=expect
        )

    def get(self, key: str, version: str = "", most: int = 10**6) -> bytes:
        return self.ours.get(self.ref(key), Deadline(5), version=version, max_bytes=most)

    def etag(self, key: str) -> str:
        head = self.ours.head(self.ref(key), Deadline(5))
        assert head is not None
        return head.etag


@pytest.fixture(scope="module")
def both(subscription: Any) -> Both:
    return Both(subscription)


KEYS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40).filter(
    lambda key: not {".", ".."} & set(key.split("/")) and not key.startswith("/") and not key.endswith("/")
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(KEYS, st.binary(max_size=200))
def test_any_key_is_one_blob_for_the_sdk_and_for_us(both: Both, key: str, body: bytes) -> None:
    both.put(key, body, order="0007")
    theirs = both.sdk.download_blob(key)
    assert theirs.readall() == body
    assert theirs.properties.metadata == {"order": "0007"}
    both.sdk.upload_blob(key, body + b"!", overwrite=True)
    assert both.get(key) == body + b"!"


def test_a_version_is_read_or_said_to_have_changed(both: Both) -> None:
    both.put("v", b"1")
    first = both.etag("v")
    assert both.get("v", version=first) == both.get("v", version=first.strip('"')) == b"1"
    both.put("v", b"2")
    with pytest.raises(ObjectChanged):
        both.get("v", version=first)
    with pytest.raises(ObjectMissing):
        both.get(NOWHERE, version=first)
    with pytest.raises(ObjectTooLarge):
        both.get("v", most=0)


def test_of_two_writers_one_wins(both: Both) -> None:
    both.put("w", b"1", expect=None)
    with pytest.raises(VersionConflict):
        both.put("w", b"2", expect=None)
    before = both.etag("w")
    both.put("w", b"2", expect=before)
    with pytest.raises(VersionConflict):
        both.put("w", b"3", expect=before)
    with pytest.raises(VersionConflict):
        both.put("never there", b"3", expect=before)
    assert both.get("w") == b"2"


def test_what_is_not_there_is_not_known_and_another_container_is_an_error(both: Both) -> None:
    assert both.ours.head(both.ref(NOWHERE), Deadline(5)) is None
    with pytest.raises(Refused, match="ContainerNotFound"):
        both.ours.head(ObjectRef("elsewhere", "a"), Deadline(5))


def test_keys_are_listed_by_page_as_the_sdk_lists_them(subscription: Any) -> None:
    both = Both(subscription)
    keys = ["a&b/<c>.txt", "a//b ä%20.txt", "x" * 900, "z\ufffe+?#", "漢字🙂"]
    for key in keys:
        both.put(key, b"x")
    found: list[str] = []
    after, pages = "", 0
    while pages == 0 or after:
        page, after = both.ours.keys(both.container.name, after, 2, Deadline(5))
        assert len(page) <= 2
        found, pages = found + page, pages + 1
    assert (found, pages) == (sorted(keys), 3)
    assert [one.name for one in both.sdk.list_blobs(results_per_page=2)] == found
    assert both.ours.keys(both.container.name, "", 5000, Deadline(5)) == (found, "")
