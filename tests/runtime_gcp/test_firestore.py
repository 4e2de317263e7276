"""What a Firestore store sends, and what it makes of lost replies, of contention and of foreign documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google_calls import cloud, firestore_store
from google_fakes import COLLECTION, Failure, Google
from loopback import Loopback, raw, reply
from memory_ports import NOON, Clock

from serverless_ai_runtime.adapters.gcp.firestore import EXPIRES, FirestoreStore
from serverless_ai_runtime.adapters.gcp.identity import SCOPE
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import (
    Deadline,
    LimitReached,
    Refused,
    Throttled,
    Unavailable,
    VersionConflict,
)

NEVER = 0
THEN = "2026-11-24T12:00:00.000001Z"
LATER = "2026-11-24T12:00:00.000002Z"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(server: Loopback, clock: Clock) -> FirestoreStore:
    """Over a scripted server; its writes are marked `mine`."""
    world = clock.world()._replace(token=lambda: "mine")
    return FirestoreStore(Service(cloud(world, "t"), "Firestore", server.url, SCOPE), COLLECTION)


def found(update_time: str = THEN, **fields: Any) -> bytes:
    document = {"name": f"{COLLECTION}/k", "fields": fields, "updateTime": update_time}
    return listed({"found": document, "readTime": LATER})


def listed(*elements: object) -> bytes:
    return json.dumps(elements).encode()


MISSING = listed({"missing": f"{COLLECTION}/k", "readTime": LATER})
WRITTEN = {"writeResults": [{"updateTime": LATER}], "commitTime": LATER}


def failed(status: int, code: str) -> Any:
    return reply(status, {"error": {"code": status, "message": "so it is", "status": code}})


CONFLICT = failed(400, "FAILED_PRECONDITION")


def text(value: str) -> dict[str, str]:
    return {"stringValue": value}


def number(value: int) -> dict[str, str]:
    return {"integerValue": str(value)}


def put(store: FirestoreStore, expect: str | None = f"0 {THEN}") -> str:
    return store.put("k", {}, expect=expect, expires_at=NEVER, deadline=Deadline(5))


def add(store: FirestoreStore, amount: int = 5, limit: int | None = None, seconds: float = 5) -> int:
    return store.add("k", amount, limit=limit, expires_at=NEVER, deadline=Deadline(seconds))


class TestRequests:
    def test_a_document_is_asked_for_by_its_name(self, server: Loopback, store: FirestoreStore) -> None:
        server.answer(reply(body=listed({"missing": f"{COLLECTION}/session.1", "readTime": LATER})))
        assert store.get("session.1", Deadline(5)) is None
        (sent,) = server.requests
        assert sent.target == "/v1/projects/p1/databases/chat/documents:batchGet"
        assert sent.json() == {"documents": [f"{COLLECTION}/session.1"]}
        assert sent.headers["authorization"] == "Bearer t"

    def test_a_first_write_is_on_condition_that_there_is_nothing(
        self, server: Loopback, store: FirestoreStore
    ) -> None:
        server.answer(reply(body=WRITTEN))
        version = store.put("k", {"a": "ü"}, expect=None, expires_at=2_000_000_000, deadline=Deadline(5))
        (sent,) = server.requests
        assert sent.target == "/v1/projects/p1/databases/chat/documents:commit"
        fields = {
            "value": text('{"a":"ü"}'),
            "write": text("mine"),
            EXPIRES: {"timestampValue": "2033-05-18T03:33:20Z"},
        }
        assert sent.json() == {
            "writes": [
                {
                    "update": {"name": f"{COLLECTION}/k", "fields": fields},
                    "currentDocument": {"exists": False},
                }
            ]
        }
        assert version.endswith(LATER)

    def test_a_later_write_is_on_condition_that_nothing_has_changed(
        self, server: Loopback, store: FirestoreStore
    ) -> None:
        server.answer(reply(body=WRITTEN))
        put(store)
        assert server.requests[0].json()["writes"][0]["currentDocument"] == {"updateTime": THEN}

    def test_a_counter_without_a_limit_is_left_to_firestore(
        self, server: Loopback, store: FirestoreStore
    ) -> None:
        result = {"updateTime": LATER, "transformResults": [number(12)]}
        server.answer(reply(body={"writeResults": [result]}))
        assert store.add("k", 5, limit=None, expires_at=2_000_000_000, deadline=Deadline(5)) == 12
        (sent,) = server.requests
        assert sent.json()["writes"] == [
            {
                "update": {
                    "name": f"{COLLECTION}/k",
                    "fields": {EXPIRES: {"timestampValue": "2033-05-18T03:33:20Z"}},
                },
                "updateMask": {"fieldPaths": [EXPIRES]},
                "updateTransforms": [{"fieldPath": "count", "increment": number(5)}],
            }
        ]

    def test_what_cannot_fit_costs_one_read(self, server: Loopback, store: FirestoreStore) -> None:
        server.answer(reply(body=found(count=number(6))))
        with pytest.raises(LimitReached):
            add(store, 5, 10)
        assert len(server.requests) == 1


class TestLostReplies:
    """What a retry makes of a write whose first attempt had arrived."""

    def test_a_put_that_had_arrived_is_not_a_conflict(self, server: Loopback, store: FirestoreStore) -> None:
        server.answer(raw(b""), CONFLICT, reply(body=found(LATER, write=text("mine"))))
        assert put(store).endswith(LATER)
        first, second, _ = server.requests
        assert first.body == second.body

    def test_a_put_that_lost_is_one(self, server: Loopback, store: FirestoreStore) -> None:
        server.answer(raw(b""), CONFLICT, reply(body=found(LATER, write=text("theirs"))))
        with pytest.raises(VersionConflict):
            put(store)

    def test_a_first_put_that_had_arrived_is_not_a_conflict(
        self, server: Loopback, store: FirestoreStore
    ) -> None:
        server.answer(raw(b""), failed(409, "ALREADY_EXISTS"), reply(body=found(LATER, write=text("mine"))))
        assert put(store, None).endswith(LATER)

    def test_a_takeover_that_had_arrived_is_not_a_conflict(
        self, server: Loopback, store: FirestoreStore
    ) -> None:
        past = {"timestampValue": "2020-01-01T00:00:00Z"}
        server.answer(
            failed(409, "ALREADY_EXISTS"),
            reply(body=found(THEN, write=text("theirs"), expires_at=past)),
            raw(b""),
            CONFLICT,
            reply(body=found(LATER, write=text("mine"))),
        )
        assert put(store, None).endswith(LATER)
        assert server.requests[2].json()["writes"][0]["currentDocument"] == {"updateTime": THEN}

    @pytest.mark.parametrize("code", ["FAILED_PRECONDITION", "NOT_FOUND"])
    def test_a_document_that_is_gone_is_a_conflict(
        self, server: Loopback, store: FirestoreStore, code: str
    ) -> None:
        server.answer(failed(404, code), reply(body=MISSING))
        with pytest.raises(VersionConflict):
            put(store)

    def test_a_document_that_came_and_went_is_a_conflict(
        self, server: Loopback, store: FirestoreStore
    ) -> None:
        server.answer(failed(409, "ALREADY_EXISTS"), reply(body=MISSING))
        with pytest.raises(VersionConflict):
            put(store, None)

    def test_a_missing_database_is_no_conflict(self, server: Loopback, store: FirestoreStore) -> None:
        server.answer(failed(404, "NOT_FOUND"))
        with pytest.raises(Refused, match="NOT_FOUND"):
            put(store, None)
        with pytest.raises(Refused, match="NOT_FOUND"):
            store.get("k", Deadline(5))

    def test_a_reservation_that_had_arrived_is_made_once(
        self, server: Loopback, store: FirestoreStore
    ) -> None:
        server.answer(
            reply(body=found(count=number(2), write=text("theirs"))),
            raw(b""),
            CONFLICT,
            reply(body=found(LATER, count=number(7), write=text("mine"))),
        )
        assert add(store, 5, 10) == 7

    def test_an_addition_is_rather_made_twice(self, server: Loopback, store: FirestoreStore) -> None:
        result = {"updateTime": LATER, "transformResults": [number(10)]}
        server.answer(raw(b""), reply(body={"writeResults": [result]}))
        assert add(store, 5) == 10
        assert len(server.requests) == 2

    @pytest.mark.parametrize("limit", [None, 10])
    def test_a_release_is_rather_left_out(
        self, server: Loopback, store: FirestoreStore, limit: int | None
    ) -> None:
        reads = [] if limit is None else [reply(body=found(count=number(7)))]
        server.answer(*reads, raw(b""))
        with pytest.raises(Unavailable):
            add(store, -5, limit)
        assert len(server.requests) == len(reads) + 1


class TestContention:
    @pytest.fixture
    def google_store(self, google: Google, clock: Clock) -> FirestoreStore:
        return firestore_store(google.url, clock)

    @pytest.fixture
    def aborted(self, google: Google) -> Iterator[Failure]:
        yield Failure(409, "ABORTED", "Too much contention on these documents. Please try again.")
        assert not google.failures["commit"], "every failure was met"

    def test_an_aborted_write_is_tried_again_beyond_the_usual_attempts(
        self, google: Google, google_store: FirestoreStore, aborted: Failure
    ) -> None:
        google.failures["commit"] = [aborted] * 10
        put(google_store, None)
        google.failures["commit"] = [aborted] * 10
        assert add(google_store, 5) == 5
        google.failures["commit"] = [aborted] * 10
        assert add(google_store, 5, 10) == 10
        google.failures["commit"] = [aborted]
        assert add(google_store, -5) == 5, "what was aborted did not happen"

    def test_a_write_that_is_always_aborted_ends_with_the_time(
        self, server: Loopback, store: FirestoreStore
    ) -> None:
        server.answer(failed(409, "ABORTED"))
        with pytest.raises(Throttled, match="ABORTED"):
            add(store, 5, None, seconds=0.2)

    def test_a_counter_that_others_keep_changing_ends_with_the_time(
        self, server: Loopback, store: FirestoreStore
    ) -> None:
        server.answer(
            *(reply(body=found(count=number(1))), failed(400, "FAILED_PRECONDITION")) * 50,
        )
        clock = Clock()
        world = clock.world()._replace(token=lambda: "mine")
        store = FirestoreStore(Service(cloud(world, "t"), "Firestore", server.url, SCOPE), COLLECTION)
        with pytest.raises(Throttled, match="concurrent writes"):
            store.add("k", 5, limit=10, expires_at=NEVER, deadline=clock.deadline(2))
        assert len(server.requests) > 6, "it did not give up at once"


class TestForeignDocuments:
    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"value": text("{")},
            {"value": number(5)},
            {"value": text("{}"), EXPIRES: number(5)},
            {"value": text("{}"), EXPIRES: {"timestampValue": "soon"}},
            {"value": text("{}"), EXPIRES: {"timestampValue": 5}},
            {"value": "text"},
            {"value": ["text"]},
        ],
    )
    def test_a_document_of_somebody_else_is_an_error(
        self, server: Loopback, store: FirestoreStore, fields: dict[str, Any]
    ) -> None:
        server.answer(reply(body=found(**fields)))
        with pytest.raises(Unavailable, match="not one of ours"):
            store.get("k", Deadline(5))

    @pytest.mark.parametrize("fields", [{}, {"count": text("many")}, {"count": {"doubleValue": 1.5}}])
    def test_so_is_a_counter(self, server: Loopback, store: FirestoreStore, fields: dict[str, Any]) -> None:
        server.answer(reply(body=found(**fields)))
        with pytest.raises(Unavailable, match="not one of ours"):
            add(store, 5, 10)

    @pytest.mark.parametrize(
        "body",
        [b"5", b"{}", b"[]", b"[5]", b"null", b'"text"', listed({"readTime": LATER}), listed({"found": {}}),
         listed({"found": {"updateTime": LATER, "fields": []}}), listed({"found": "k"})],
    )  # fmt: skip
    def test_a_malformed_answer_to_a_read_is_an_error(
        self, server: Loopback, store: FirestoreStore, body: bytes
    ) -> None:
        server.answer(reply(body=body))
        with pytest.raises(Unavailable, match="MalformedResponse"):
            store.get("k", Deadline(5))

    @pytest.mark.parametrize(
        "body",
        [b"5", b"[]", {}, {"writeResults": []}, {"writeResults": [5]}, {"writeResults": [{}]},
         {"writeResults": {"updateTime": LATER}}, {"writeResults": [{"updateTime": 5}]},
         {"writeResults": [{"updateTime": 5, "transformResults": [text("x")]}]}],
    )  # fmt: skip
    def test_a_malformed_answer_to_a_write_is_an_error(
        self, server: Loopback, store: FirestoreStore, body: Any
    ) -> None:
        server.answer(reply(body=body))
        for write in (put, add):
            with pytest.raises(Unavailable, match="MalformedResponse"):
                write(store)


def test_a_timestamp_of_any_precision_is_an_expiry(server: Loopback, store: FirestoreStore) -> None:
    for fraction in ("", ".5", ".123456", ".123456789"):
        moment = {"timestampValue": f"2026-11-24T12:00:10{fraction}Z"}
        server.scripts.clear()
        server.answer(reply(body=found(value=text("{}"), expires_at=moment)))
        record = store.get("k", Deadline(5))
        assert record is not None
        assert record.version == f"{int(NOON) + 10} {THEN}"
