"""The local Blob Storage: conditions as the real one has them, and the events that its account tells."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from world import eventually

from serverless_ai_local.launch import CloudError
from serverless_ai_patterns.azure import roles

STORAGE = "https://storage.azure.com"
BLOCK = {"x-ms-blob-type": "BlockBlob", "content-type": "text/plain"}
KIND = "Microsoft.Storage.StorageAccounts"
CREATED, DELETED = "Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted"


@pytest.fixture(scope="module")
def account(subscription: Any) -> Any:
    return subscription.make("storage:StorageAccount", kind="StorageV2")


@pytest.fixture
def container(subscription: Any, account: Any) -> Any:
    return subscription.make("storage:BlobContainer", accountName=account.name)


class Blobs:
    """One container, as one principal."""

    def __init__(self, call: Any, account: Any, container: Any, token: str) -> None:
        self.call, self.token = call, token
        self.url = f"{account.outputs['primaryEndpoints']['blob']}{container.name}"

    def put(self, name: str, body: bytes = b"x", **headers: str) -> Any:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.call("PUT", f"{self.url}/{name}", self.token, body, {**BLOCK, **named})

    def get(self, name: str, method: str = "GET", **headers: str) -> Any:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.call(method, f"{self.url}/{name}", self.token, None, named)


@pytest.fixture
def blobs(subscription: Any, call: Any, account: Any, container: Any) -> Blobs:
    return Blobs(call, account, container, subscription.token(STORAGE))


def test_a_blob_is_as_it_was_written(blobs: Blobs) -> None:
    made = blobs.put("a//b%20%C3%A4.txt", b"content", x_ms_meta_order="7", content_type="text/plain")
    assert made.status == 201
    found = blobs.get("a//b%20%C3%A4.txt")
    assert found.body["text"] == "content"
    assert found.headers["etag"] == made.headers["etag"]
    assert found.headers["x-ms-meta-order"] == "7"
    assert found.headers["content-type"].startswith("text/plain")
    head = blobs.get("a//b%20%C3%A4.txt", "HEAD")
    assert (head.status, head.headers["content-length"]) == (200, "7")
    assert blobs.get("a/b%20%C3%A4.txt").status == 404, "no slash is lost"


def test_each_write_has_another_etag(blobs: Blobs) -> None:
    etags = {blobs.put("same", b"same").headers["etag"] for _ in range(3)}
    assert len(etags) == 3


def test_conditions_hold(blobs: Blobs) -> None:
    first = blobs.put("c", b"1", if_none_match="*").headers["etag"]
    there = blobs.put("c", b"2", if_none_match="*")
    assert (there.status, there.headers["x-ms-error-code"]) == (409, "BlobAlreadyExists")
    second = blobs.put("c", b"2", if_match=first).headers["etag"]
    changed = blobs.put("c", b"3", if_match=first)
    assert (changed.status, changed.headers["x-ms-error-code"]) == (412, "ConditionNotMet")
    assert blobs.put("none", b"1", if_match=first).status == 412
    assert blobs.get("c", if_match=first).status == 412
    assert blobs.get("c", if_match=second).body["text"] == "2"


def test_what_is_no_block_blob_is_refused(blobs: Blobs) -> None:
    assert blobs.call("PUT", f"{blobs.url}/a", blobs.token, b"x").status == 400


def test_a_reader_reads_and_does_not_write(
    subscription: Any, call: Any, *, account: Any, container: Any, blobs: Blobs, principal: str
) -> None:
    blobs.put("a")
    reader = Blobs(call, account, container, subscription.token(STORAGE, principal))
    assert reader.get("a").headers["x-ms-error-code"] == "AuthorizationPermissionMismatch"
    subscription.grant(principal, roles.READ_BLOBS, container)
    assert reader.get("a").status == 200
    assert reader.put("a").status == 403
    assert call("DELETE", f"{reader.url}/a", reader.token).status == 403


# -- events -------------------------------------------------------------------------------------------
@pytest.fixture
def queue(subscription: Any, account: Any) -> Any:
    return subscription.make("storage:Queue", accountName=account.name)


@pytest.fixture(params=[(CREATED,)], ids=["created"])
def told(
    request: pytest.FixtureRequest, subscription: Any, call: Any, *, account: Any, container: Any, queue: Any
) -> Any:
    """Makes a subscription for the container's blobs, to these types; answers what has arrived."""
    types = request.param
    source = {"source": account.id, "topicType": KIND}
    topic = subscription.make("eventgrid:SystemTopic", identity={"type": "SystemAssigned"}, **source)
    subscription.grant(topic.outputs["identity"]["principalId"], roles.SEND_MESSAGES, queue)
    destination = {"endpointType": "StorageQueue", "resourceId": account.id, "queueName": queue.name}
    subscription.make(
        "eventgrid:SystemTopicEventSubscription",
        systemTopicName=topic.name,
        filter={
            "includedEventTypes": list(types),
            "subjectBeginsWith": f"/blobServices/default/containers/{container.name}/blobs/in/",
            "isSubjectCaseSensitive": True,
            "advancedFilters": [
                {"operatorType": "NumberLessThanOrEquals", "key": "data.contentLength", "value": 5},
                {"operatorType": "StringEndsWith", "key": "subject", "values": [".txt", ".md"]},
            ]
            if types == (CREATED,)
            else [],
        },
        deliveryWithResourceIdentity={"destination": destination},
    )
    url = account.outputs["primaryEndpoints"]["queue"] + queue.name

    def arrived() -> list[dict[str, Any]]:
        text = call("GET", f"{url}/messages?numofmessages=32", subscription.token(STORAGE)).body["text"]
        parts = [part.partition("<")[0] for part in text.split("<MessageText>")[1:]]
        return [json.loads(b64decode(part)) for part in parts]

    yield arrived
    subscription.remove(topic)


def test_what_passes_the_filter_is_told_with_etag_size_and_order(
    blobs: Blobs, told: Any, account: Any, container: Any
) -> None:
    for name, body in (("in/A.TXT", b"1"), ("in/b.md", b"12"), ("IN/c.txt", b"1"), ("in/d.pdf", b"1")):
        blobs.put(name, body)
    blobs.put("in/large.txt", b"123456")
    first, second = eventually(told, what="the events")
    assert [first["subject"].rpartition("/")[2], second["subject"].rpartition("/")[2]] == ["A.TXT", "b.md"]
    assert first["type"] == "Microsoft.Storage.BlobCreated"
    assert first["source"] == account.id
    assert second["data"]["eTag"] == blobs.get("in/b.md").headers["etag"].strip('"')
    assert second["data"]["contentLength"] == 2
    assert first["data"]["sequencer"] < second["data"]["sequencer"]
    assert len(first["data"]["sequencer"]) == len(second["data"]["sequencer"]) == 32


@pytest.mark.parametrize("told", [(CREATED, DELETED)], indirect=True, ids=["both"])
def test_a_blob_that_is_deleted_is_told_after_what_was_told_of_it(
    blobs: Blobs, told: Any, account: Any, container: Any
) -> None:
    etag = blobs.put("in/ä b.txt".replace("ä", "%C3%A4").replace(" ", "%20")).headers["etag"].strip('"')
    url = f"{blobs.url}/in/%C3%A4%20b.txt"
    assert blobs.call("DELETE", url, blobs.token).status == 202
    assert blobs.call("DELETE", url, blobs.token).status == 404, "told once"
    created, deleted = eventually(told, what="the events")
    assert [created["type"], deleted["type"]] == [CREATED, DELETED]
    assert deleted["source"] == account.id
    assert deleted["subject"] == f"/blobServices/default/containers/{container.name}/blobs/in/ä b.txt"
    said = deleted["data"]
    assert (said["api"], said["eTag"], said["blobType"]) == ("DeleteBlob", etag, "BlockBlob")
    assert said["url"] == created["data"]["url"]
    assert said["sequencer"] > created["data"]["sequencer"]
    assert "contentLength" not in said


def test_who_wants_new_blobs_only_is_not_told_of_deleted_ones(blobs: Blobs, told: Any) -> None:
    blobs.put("in/a.txt")
    blobs.call("DELETE", f"{blobs.url}/in/a.txt", blobs.token)
    blobs.put("in/b.txt")
    names = [event["subject"].rpartition("/")[2] for event in eventually(told, what="the events")]
    assert names == ["a.txt", "b.txt"]


# -- lists ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("maxresults=0", "OutOfRangeQueryParameterValue"),
        ("maxresults=many", "InvalidQueryParameterValue"),
        ("marker=%ff", "InvalidQueryParameterValue"),
    ],
)
def test_a_list_that_cannot_be_is_refused(blobs: Blobs, query: str, code: str) -> None:
    answer = blobs.call("GET", f"{blobs.url}?restype=container&comp=list&{query}", blobs.token)
    assert (answer.status, answer.headers["x-ms-error-code"]) == (400, code)


def test_what_is_held_comes_shuffled_and_some_of_it_twice(blobs: Blobs, told: Any, cloud: Any) -> None:
    cloud.admin("POST", "events/hold")
    for number in range(10):
        blobs.put(f"in/{number}.txt")
    assert told() == []
    released = cloud.admin("POST", "events/release", {"duplicates": 0.2, "seed": 3})
    assert released == {"events": 10, "deliveries": 12}
    names = [event["subject"].rpartition("/")[2] for event in told()]
    assert len(names) == 12
    assert len(set(names)) == 10
    assert sorted(names) != names
    with pytest.raises(CloudError, match="404"):
        cloud.admin("POST", "events/release")
    cloud.admin("POST", "events/hold")
    with pytest.raises(CloudError, match="400"):
        cloud.admin("POST", "events/release", {"duplicates": 2})
    cloud.admin("POST", "events/release")


def test_an_account_tells_nothing_of_another_one(
    subscription: Any, call: Any, told: Any, container: Any
) -> None:
    other = subscription.make("storage:StorageAccount", kind="StorageV2")
    same = subscription.make("storage:BlobContainer", accountName=other.name, containerName=container.name)
    Blobs(call, other, same, subscription.token(STORAGE)).put("in/a.txt")
    assert told() == []
