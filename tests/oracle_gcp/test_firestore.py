"""Our Firestore calls against google-cloud-firestore's, which speaks its REST transport to the same fake."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google_calls import firestore_store
from google_fakes import COLLECTION, Call, Google
from hypothesis import given
from hypothesis import strategies as st
from memory_ports import NOON, Clock

from serverless_ai_runtime.adapters.gcp.firestore import EXPIRES, FirestoreStore
from serverless_ai_runtime.core.ports import Deadline, LimitReached, Refused, VersionConflict
from serverless_ai_runtime.wiring import WORLD

with warnings.catch_warnings():  # Google's advice to upgrade Python is not a test's business
    warnings.simplefilter("ignore", FutureWarning)
    from google.api_core import exceptions
    from google.cloud import firestore
    from google.cloud.firestore_v1 import _helpers
    from google.cloud.firestore_v1.services.firestore import FirestoreClient
    from google.cloud.firestore_v1.services.firestore.transports.rest import FirestoreRestTransport
    from google.cloud.firestore_v1.types import CommitRequest

THEN = datetime(2033, 5, 18, 3, 33, 20, tzinfo=UTC)
NEVER = 0


@pytest.fixture(scope="module")
def records(google: Google, credentials: Any) -> Any:
    """The collection as the official client sees it."""
    transport = FirestoreRestTransport(host=google.url, credentials=credentials, url_scheme="http")
    client = firestore.Client(project="p1", database="chat", credentials=credentials)
    client._firestore_api_internal = FirestoreClient(transport=transport)  # it would choose gRPC
    return client.collection("records")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(google: Google, clock: Clock) -> FirestoreStore:
    return firestore_store(google.url, clock)


@pytest.fixture
def key() -> str:
    """Of no other test: they share the fake."""
    return "test." + WORLD.token()


def last_write(google: Google) -> Any:
    commit = [call for call in google.calls if call.path.partition("?")[0].endswith(":commit")][-1]
    return normal(commit)


def normal(call: Call) -> Any:
    """A request as protobuf sees it: order, defaults and spellings make no difference."""
    return MessageToDict(ParseDict(call.json(), CommitRequest.pb(CommitRequest())))["writes"][0]


def test_a_first_write_equals_theirs(google: Google, records: Any, store: FirestoreStore, key: str) -> None:
    store.put(key, {"a": "ü"}, expect=None, expires_at=int(THEN.timestamp()), deadline=Deadline(5))
    ours = last_write(google)
    mark = ours["update"]["fields"]["write"]["stringValue"]
    other = records.document(key + ".theirs")
    other.create({"value": '{"a":"ü"}', "write": mark, EXPIRES: THEN})
    theirs = last_write(google)
    assert theirs["update"].pop("name") == ours["update"].pop("name") + ".theirs"
    assert ours == theirs


def test_a_later_write_is_on_their_condition(
    google: Google, records: Any, store: FirestoreStore, key: str
) -> None:
    version = store.put(key, {}, expect=None, expires_at=NEVER, deadline=Deadline(5))
    document = records.document(key)
    option = document._client.write_option(last_update_time=document.get().update_time)
    calls = len(google.calls)
    document.update({"value": "changed"}, option=option)
    theirs = normal(google.calls[calls])
    with pytest.raises(VersionConflict):
        store.put(key, {}, expect=version, expires_at=NEVER, deadline=Deadline(5))
    ours = normal(google.calls[calls + 1])
    assert ours["currentDocument"] == theirs["currentDocument"]


def test_an_addition_equals_theirs(google: Google, records: Any, store: FirestoreStore, key: str) -> None:
    for amount, expiry in ((5, {EXPIRES: THEN}), (-3, {})):
        expires_at = int(THEN.timestamp()) if expiry else NEVER
        store.add(key, amount, limit=None, expires_at=expires_at, deadline=Deadline(5))
        ours = last_write(google)
        records.document(key).set({"count": firestore.Increment(amount), **expiry}, merge=True)
        assert last_write(google) == ours
    assert records.document(key).get().to_dict() == {"count": 4, EXPIRES: THEN}


def test_they_read_what_we_wrote(records: Any, store: FirestoreStore, key: str) -> None:
    store.put(key, {"a": [1, "ü"]}, expect=None, expires_at=int(THEN.timestamp()), deadline=Deadline(5))
    document = records.document(key).get().to_dict()
    assert document.pop("write")
    assert document == {"value": '{"a":[1,"ü"]}', EXPIRES: THEN}


def test_we_read_what_they_wrote(records: Any, store: FirestoreStore, clock: Clock, key: str) -> None:
    expires = datetime.fromtimestamp(NOON + 10, UTC)
    records.document(key).create({"value": '{"a":1}', EXPIRES: expires})
    record = store.get(key, Deadline(5))
    assert record is not None
    assert record.value == {"a": 1}
    clock.now += 10
    assert store.get(key, Deadline(5)) is None


def test_each_sees_the_others_change_as_a_conflict(records: Any, store: FirestoreStore, key: str) -> None:
    version = store.put(key, {}, expect=None, expires_at=NEVER, deadline=Deadline(5))
    with pytest.raises(exceptions.Conflict):
        records.document(key).create({})
    option = records._client.write_option(last_update_time=records.document(key).get().update_time)
    store.put(key, {"a": 1}, expect=version, expires_at=NEVER, deadline=Deadline(5))
    with pytest.raises(exceptions.BadRequest):
        records.document(key).update({"value": "{}"}, option=option)
    records.document(key).update({"value": "changed"})
    with pytest.raises(VersionConflict):
        store.put(key, {}, expect=version, expires_at=NEVER, deadline=Deadline(5))


def test_they_count_together_with_us(records: Any, store: FirestoreStore, key: str) -> None:
    assert store.add(key, 5, limit=10, expires_at=NEVER, deadline=Deadline(5)) == 5
    records.document(key).update({"count": firestore.Increment(4)})
    with pytest.raises(LimitReached):
        store.add(key, 2, limit=10, expires_at=NEVER, deadline=Deadline(5))
    assert store.add(key, 1, limit=10, expires_at=NEVER, deadline=Deadline(5)) == 10


def test_a_missing_database_is_refused_by_its_name(google: Google, clock: Clock) -> None:
    missing = COLLECTION.replace("/chat/", "/missing/")
    store = firestore_store(google.url, clock, collection=missing)
    for call in (
        lambda: store.get("k", Deadline(5)),
        lambda: store.put("k", {}, expect=None, expires_at=NEVER, deadline=Deadline(5)),
        lambda: store.add("k", 1, limit=None, expires_at=NEVER, deadline=Deadline(5)),
        lambda: store.add("k", 1, limit=5, expires_at=NEVER, deadline=Deadline(5)),
    ):
        with pytest.raises(Refused, match=r"NOT_FOUND.*missing.* does not exist"):
            call()


@pytest.mark.parametrize("key", [".", "..", "__x__", "a/b", ""])
def test_a_key_that_is_no_id_of_a_document_is_refused(store: FirestoreStore, key: str) -> None:
    with pytest.raises(Refused, match="INVALID_ARGUMENT"):
        store.put(key, {}, expect=None, expires_at=NEVER, deadline=Deadline(5))


@given(st.text(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 253_402_300_799))
def test_values_are_written_as_they_write_them(text: str, number: int, seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    theirs = _helpers.encode_dict({"s": text, "i": number, "t": moment})
    ours = {
        "s": {"stringValue": text},
        "i": {"integerValue": str(number)},
        "t": {"timestampValue": moment.strftime("%Y-%m-%dT%H:%M:%SZ")},
    }
    assert {name: MessageToDict(value._pb) for name, value in theirs.items()} == {
        **ours, "t": {"timestampValue": moment.isoformat().replace("+00:00", "Z")},
    }  # fmt: skip
