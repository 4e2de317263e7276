"""Firestore: Google's own client understands it; preconditions, transforms, expiry and permissions hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreRestTransport
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    CommitRequest,
    Document,
    DocumentTransform,
    Precondition,
    Value,
    Write,
)
from google_local import HERE, Local
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serverless_ai_local.aws.iam.ledger import Ledger
from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.errors import RpcError
from serverless_ai_local.gcp.iam.authority import ADMINISTRATOR, Authority
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.services.firestore import KEPT_S, PATH, Firestore

DATABASE = f"{HERE}/databases/state"
RECORDS = f"{DATABASE}/documents/records"


@pytest.fixture
def database(local: Local) -> str:
    local.make(types.DATABASE, name="state", locationId="us-central1", type="FIRESTORE_NATIVE")
    return DATABASE


@pytest.fixture
def sdk(local: Local, database: str) -> Iterator[FirestoreClient]:
    """The generated client of google-cloud-firestore over REST, as the administrator."""
    transport = FirestoreRestTransport(
        host=local.url.removeprefix("http://"), url_scheme="http", credentials=AnonymousCredentials()
    )
    client = FirestoreClient(transport=transport)
    transport._session.headers["authorization"] = "Bearer owner"
    yield client
    transport.close()


def write(name: str, count: int, **precondition: Any) -> Write:
    document = Document(name=f"{RECORDS}/{name}", fields={"count": Value(integer_value=count)})
    if precondition:
        return Write(update=document, current_document=Precondition(**precondition))
    return Write(update=document)


def get(sdk: FirestoreClient, *names: str) -> list[Any]:
    request = BatchGetDocumentsRequest(database=DATABASE, documents=[f"{RECORDS}/{name}" for name in names])
    return list(sdk.batch_get_documents(request=request))


def commit(sdk: FirestoreClient, *writes: Write) -> Any:
    return sdk.commit(request=CommitRequest(database=DATABASE, writes=list(writes)))


def test_googles_client_writes_and_reads(sdk: FirestoreClient) -> None:
    written = commit(sdk, write("a", 2**60))
    found, missing = get(sdk, "a", "b")
    assert found.found.fields["count"].integer_value == 2**60
    assert found.found.update_time == written.write_results[0].update_time
    assert missing.missing == f"{RECORDS}/b"
    assert sdk.get_document(request={"name": f"{RECORDS}/a"}).name == f"{RECORDS}/a"
    with pytest.raises(exceptions.NotFound):
        sdk.get_document(request={"name": f"{RECORDS}/b"})


def test_googles_client_meets_preconditions(sdk: FirestoreClient) -> None:
    first = commit(sdk, write("a", 1, exists=False)).write_results[0].update_time
    with pytest.raises(exceptions.Conflict):
        commit(sdk, write("a", 2, exists=False))
    second = commit(sdk, write("a", 3, update_time=first)).write_results[0].update_time
    assert second > first
    with pytest.raises(exceptions.BadRequest, match="required base version"):
        commit(sdk, write("a", 4, update_time=first))
    with pytest.raises(exceptions.NotFound):
        commit(sdk, write("b", 4, update_time=first))
    with pytest.raises(exceptions.NotFound):
        commit(sdk, write("b", 4, exists=True))
    assert get(sdk, "a")[0].found.fields["count"].integer_value == 3


def test_googles_client_increments(sdk: FirestoreClient) -> None:
    transform = DocumentTransform.FieldTransform(field_path="count", increment=Value(integer_value=5))
    one = Write(
        update=Document(name=f"{RECORDS}/n", fields={"kept": Value(string_value="x")}),
        update_mask={"field_paths": ["kept"]},
        update_transforms=[transform],
    )
    results = [commit(sdk, one).write_results[0].transform_results[0].integer_value for _ in range(3)]
    assert results == [5, 10, 15]


def test_a_commit_is_all_or_nothing(sdk: FirestoreClient) -> None:
    with pytest.raises(exceptions.Conflict):
        commit(sdk, write("a", 1), write("a", 2, exists=False))
    assert get(sdk, "a")[0].missing


def test_a_missing_database_and_a_deleted_one(local: Local, sdk: FirestoreClient) -> None:
    commit(sdk, write("a", 1))
    (made,) = [one for one in local.admin("GET", "gcp/resources")["resources"] if one["id"] == DATABASE]
    local.remake(made, **made["inputs"], deletionPolicy="DELETE")
    local.drop(made)
    with pytest.raises(exceptions.NotFound, match="does not exist"):
        get(sdk, "a")
    local.make(types.DATABASE, name="state", locationId="us-central1", type="FIRESTORE_NATIVE")
    assert get(sdk, "a")[0].missing, "a new database is empty"


def test_what_is_not_offered_is_said(local: Local, database: str) -> None:
    every = {"structuredQuery": {"from": [{"collectionId": "records"}]}}
    assert local.send("POST", f"/v1/{database}/documents:runQuery", every).status == 501
    assert local.send("POST", f"/v1/{database}/documents:commit", {"transaction": "x"}).status == 501
    assert local.send("DELETE", f"/v1/{RECORDS}/a").status == 501
    transform = {"transform": {"document": f"{RECORDS}/a", "fieldTransforms": []}}
    assert local.send("POST", f"/v1/{database}/documents:commit", {"writes": [transform]}).status == 501


@pytest.mark.parametrize(
    "bad",
    [
        {"name": "elsewhere/x", "fields": {}},
        {"name": f"{DATABASE}/documents/records", "fields": {}},
        {"name": f"{RECORDS}/a", "fields": {"n": 7}},
        {"name": f"{RECORDS}/a", "fields": {"n": {"integerValue": str(2**63)}}},
        {"name": f"{RECORDS}/a", "fields": {"n": {"integerValue": "x"}}},
        {"name": f"{RECORDS}/a", "fields": {"n": {"timestampValue": "soon"}}},
        {"name": f"{RECORDS}/a", "fields": {"n": {"secretValue": 1}}},
        {"name": f"{RECORDS}/a", "fields": {"n": {"mapValue": []}}},
        {"name": f"{RECORDS}/a", "fields": {"n": {"stringValue": "x" * 1_100_000}}},
        {"fields": {}},
        [],
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_bad_document_is_400(local: Local, database: str, bad: Any) -> None:
    answer = local.send("POST", f"/v1/{database}/documents:commit", {"writes": [{"update": bad}]})
    assert answer.status == 400, answer


def test_permissions_follow_the_precondition(local: Local, database: str) -> None:
    where = f'resource.name == "{database}"'
    get_it, create, update = (f"datastore.entities.{word}" for word in ("get", "create", "update"))
    reader = local.access_token(local.account("reader", get_it, condition=where))
    creator = local.access_token(local.account("creator", create, condition=where))
    updater = local.access_token(local.account("updater", update, condition=where))
    document = {"name": f"{RECORDS}/a", "fields": {}}

    def commit(token: str, **precondition: Any) -> int:
        body = {"writes": [{"update": document, "currentDocument": precondition}]}
        return local.send("POST", f"/v1/{database}/documents:commit", body, token).status

    assert [commit(one, exists=False) for one in (reader, updater, creator)] == [403, 403, 200]
    assert [commit(one, exists=True) for one in (reader, creator, updater)] == [403, 403, 200]
    assert [commit(one) for one in (reader, creator, updater)] == [403, 403, 403], "both are needed"
    batch = {"documents": [f"{RECORDS}/a"]}
    found = [
        local.send("POST", f"/v1/{database}/documents:batchGet", batch, one).status
        for one in (reader, creator)
    ]
    assert found == [200, 403]
    other = database.replace("/state", "/other")
    local.make(types.DATABASE, name="other", locationId="us-central1", type="FIRESTORE_NATIVE")
    assert local.send("POST", f"/v1/{other}/documents:batchGet", {"documents": []}, reader).status == 403


def fake(clock: list[float]) -> Firestore:
    registry = Registry()
    place = {"project": "p", "region": "r", "uid": "1"}
    registry.put(Deployed(token=types.DATABASE, id="projects/p/databases/d", inputs={}, **place))
    field = {"database": "d", "collection": "records", "field": "expires_at", "ttlConfig": {}}
    registry.put(Deployed(token=types.FIELD, id="f", inputs=field, **{**place, "uid": "2"}))
    return Firestore(registry, Authority(registry, Ledger()), lambda: clock[0])


def run(store: Firestore, method: str, body: Any) -> Any:
    found = PATH.fullmatch(f"/v1/projects/p/databases/d/documents:{method}")
    assert found
    return store(ADMINISTRATOR, "POST", found, body)


def name(key: str, collection: str = "records") -> str:
    return f"projects/p/databases/d/documents/{collection}/{key}"


def test_expired_documents_go_some_time_after_they_expire_and_only_by_the_policy() -> None:
    clock = [1000.0]
    store = fake(clock)
    expiry = {"expires_at": {"timestampValue": "1970-01-01T00:20:00Z"}}
    for one in (name("a"), name("b", "other")):
        run(store, "commit", {"writes": [{"update": {"name": one, "fields": expiry}}]})
    never = {"update": {"name": name("c"), "fields": {"expires_at": {"stringValue": "x"}}}}
    run(store, "commit", {"writes": [never]})
    clock[0] = 1200.0 + KEPT_S - 1
    assert store.sweep() == 0
    clock[0] = 1200.0 + KEPT_S
    assert store.sweep() == 1
    kept = run(store, "batchGet", {"documents": [name("a"), name("b", "other"), name("c")]})
    assert ["found" in one for one in kept] == [False, True, True]


def test_update_times_rise_even_when_the_clock_stands_or_goes_back() -> None:
    clock = [1000.0]
    store = fake(clock)
    times = list[str]()
    for moment in (1000.0, 1000.0, 900.0, 1000.0):
        clock[0] = moment
        result = run(store, "commit", {"writes": [{"update": {"name": name("a"), "fields": {}}}]})
        times.append(result["writeResults"][0]["updateTime"])
    assert times == sorted(set(times))


def test_of_concurrent_writers_on_one_version_exactly_one_wins() -> None:
    store = fake([1000.0])
    first = run(store, "commit", {"writes": [{"update": {"name": name("a"), "fields": {}}}]})
    base = {"updateTime": first["writeResults"][0]["updateTime"]}

    def attempt(_: int) -> str:
        try:
            writes = [{"update": {"name": name("a"), "fields": {}}, "currentDocument": base}]
            run(store, "commit", {"writes": writes})
        except RpcError as error:
            return error.status
        return "OK"

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(attempt, range(40)))
    assert outcomes == {"OK": 1, "FAILED_PRECONDITION": 39}


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=6))
def test_an_increment_stops_at_the_ends_of_64_bits(steps: list[int]) -> None:
    store, total = fake([1000.0]), 0
    for step in steps:
        total = max(-(2**63), min(2**63 - 1, total + step))
        transform = {"fieldPath": "n", "increment": {"integerValue": str(step)}}
        update = {"update": {"name": name("a"), "fields": {}}, "updateMask": {"fieldPaths": []}}
        result = run(store, "commit", {"writes": [{**update, "updateTransforms": [transform]}]})
        assert result["writeResults"][0]["transformResults"] == [{"integerValue": str(total)}]
