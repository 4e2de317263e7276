"""A function dies at the write that was named, not before and only once; what is no write is not counted."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from serverless_ai_local.admin import AdminCall
from serverless_ai_local.aws.signatures import Sent
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.write_faults import WriteFaults, is_write

DYNAMODB = "DynamoDB_20120810."
ITEMS = "/_azure/cosmos/a/dbs/d/colls/c/docs"
FIRESTORE = "/v1/projects/p/databases/d/documents"


def request(path: str, method: str = "POST", **headers: str) -> Sent:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Sent(method=method, path=path, query="", headers=named, body=b"")


WRITES = [
    *(request("/", X_Amz_Target=DYNAMODB + name) for name in ("PutItem", "UpdateItem", "BatchWriteItem")),
    request("/PutVectors"),
    request("/DeleteVectors"),
    request(ITEMS),
    *(request(f"{ITEMS}/1", method) for method in ("PUT", "PATCH", "DELETE")),
    request(f"{FIRESTORE}:commit"),
]
OTHERS = [
    *(request("/", X_Amz_Target=DYNAMODB + name) for name in ("GetItem", "Query", "BatchGetItem")),
    request("/", X_Amz_Target="AmazonSQS.SendMessage"),
    request("/QueryVectors"),
    request(ITEMS, x_ms_documentdb_isquery="true"),
    request(f"{ITEMS}/1", "GET"),
    request(f"{FIRESTORE}:batchGet"),
    request("/bucket/PutVectors/key", "PUT"),
]


@pytest.mark.parametrize("one", WRITES, ids=repr)
def test_what_changes_records_or_vectors_is_a_write(one: Sent) -> None:
    assert is_write(one)


@pytest.mark.parametrize("one", OTHERS, ids=repr)
def test_what_reads_them_or_writes_elsewhere_is_none(one: Sent) -> None:
    assert not is_write(one)


def asked(faults: WriteFaults, method: str, body: Any = None) -> Any:
    return faults.routes()[method, "writes/fault"](AdminCall(path={}, query={}, body=body))


def test_the_named_function_dies_at_the_named_write_and_once() -> None:
    sleepers = [subprocess.Popen(["sleep", "60"], start_new_session=True) for _ in range(2)]
    names = {sleepers[0].pid: "Docs-Ingest-1", sleepers[1].pid: "docs-query"}
    faults = WriteFaults(lambda: names)
    try:
        faults(WRITES[0])
        asked(faults, "POST", {"at": 2, "function": "ingest"})
        for one in (WRITES[0], *OTHERS):
            faults(one)
        assert asked(faults, "GET") == {"left": 1, "struck": False}
        assert [one.poll() for one in sleepers] == [None, None]
        with pytest.raises(ConnectionAbortedError):
            faults(WRITES[1])
        assert sleepers[0].wait(10) == -9
        assert sleepers[1].poll() is None
        faults(WRITES[1])
        assert asked(faults, "GET") == {"left": 0, "struck": True}
        asked(faults, "DELETE")
        assert asked(faults, "GET") == {"left": 0, "struck": False}
    finally:
        for one in sleepers:
            one.kill()
            one.wait()


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"at": 1},
        {"at": 0, "function": "x"},
        {"at": True, "function": "x"},
        {"at": 1, "function": ""},
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_what_is_allowed(body: Any) -> None:
    with pytest.raises(ValueError, match="the body must be"):
        asked(WriteFaults(dict), "POST", body)


def test_it_is_a_part_of_the_running_cloud(cloud: RunningCloud) -> None:
    cloud.admin("POST", "writes/fault", {"at": 10_000, "function": "nobody"})
    assert cloud.admin("GET", "writes/fault") == {"left": 10_000, "struck": False}
    cloud.admin("DELETE", "writes/fault")
