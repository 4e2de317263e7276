"""Eventarc: which triggers can be made, what reaches them, and that nothing else does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from google_local import HERE, Local

from serverless_ai_local.gcp import project, types
from serverless_ai_local.gcp.project import REGION
from serverless_ai_local.gcp.services.happenings import AUDIT_LOG, DELETED, FINALIZED, WRITTEN, Happening
from serverless_ai_runtime.adapters.gcp.documents import written

SEEN = """
import base64, json, functions_framework

@functions_framework.http
def go(request):
    told = {name: value for name, value in request.headers.items() if name.lower().startswith("ce-")}
    body = base64.b64encode(request.get_data()).decode()
    about = {"path": request.path, "ce": told, "type": request.content_type, "body": body}
    print(json.dumps({"seen": about}))
    return "ok"
"""
DATABASE = {"name": "notes", "locationId": REGION, "type": "FIRESTORE_NATIVE"}


@pytest.fixture
def function(local: Local) -> Any:
    made = local.function(SEEN)
    deliverer = local.account("deliverer", "eventarc.events.receiveEvent")
    local.make(
        types.SERVICE_MEMBER,
        name="fn",
        location=REGION,
        role="roles/run.invoker",
        member=f"serviceAccount:{deliverer}",
    )
    return {**made, "deliverer": deliverer}


def trigger(function: Any, path: str = "/ingress", **criteria: str) -> dict[str, Any]:
    """Its inputs."""
    wanted = [
        {"attribute": name, "value": value, **({"operator": "match-path-pattern"} if "{" in value else {})}
        for name, value in criteria.items()
    ]
    documents = criteria.get("type") == WRITTEN
    return {
        "name": "t",
        "location": REGION,
        "serviceAccount": function["deliverer"],
        "matchingCriterias": wanted,
        "destination": {"cloudRunService": {"service": "fn", "region": REGION, "path": path}},
        **({"eventDataContentType": "application/protobuf"} if documents else {}),
    }


def seen(local: Local) -> list[dict[str, Any]]:
    entries = local.admin("GET", "gcp/functions/fn/logs")["entries"]
    payloads = [one.get("jsonPayload") or {} for one in entries]
    texts = [one.get("textPayload") or "" for one in entries]
    parsed = [json.loads(text) for text in texts if text.startswith('{"seen"')]
    return [one["seen"] for one in (*payloads, *parsed) if "seen" in one]


def eventually(look: Callable[[], Any], within: float = 15.0) -> Any:
    end = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def write(local: Local, path: str, **fields: Any) -> None:
    name = f"{HERE}/databases/notes/documents/{path}"
    document = {"name": name, "fields": fields}
    answer = local.send(
        "POST", f"/v1/{HERE}/databases/notes/documents:commit", {"writes": [{"update": document}]}
    )
    assert answer.status == 200, answer


def test_a_written_document_reaches_the_trigger_of_its_collection_as_protobuf(
    local: Local, function: Any
) -> None:
    import base64

    local.make(types.DATABASE, **DATABASE)
    local.make(
        types.TRIGGER,
        **trigger(function, "/ingress/docs", type=WRITTEN, database="notes", document="orders/{id}"),
    )
    write(local, "orders/1", text={"stringValue": "seven chairs"})
    write(local, "others/1", text={"stringValue": "not this"})
    write(local, "orders/1/lines/2", text={"stringValue": "nor this"})
    (event,) = eventually(lambda: seen(local))
    time.sleep(0.3)
    assert len(seen(local)) == 1
    assert (event["path"], event["type"]) == ("/ingress/docs", "application/protobuf")
    told = {name.lower(): value for name, value in event["ce"].items()}
    assert (told["ce-type"], told["ce-document"], told["ce-database"]) == (WRITTEN, "orders/1", "notes")
    document = written(base64.b64decode(event["body"]))
    assert document is not None
    assert document.fields == {"text": "seven chairs"}


def test_a_recorded_call_reaches_the_trigger_of_its_method(local: Local, function: Any) -> None:
    criteria = {
        "type": AUDIT_LOG,
        "serviceName": "pubsub.googleapis.com",
        "methodName": "google.pubsub.v1.Publisher.CreateTopic",
    }
    local.make(types.TRIGGER, **trigger(function, **criteria))
    local.make(types.BUCKET, name="noise", location=REGION)
    local.make(types.TOPIC, name="orders")
    (event,) = eventually(lambda: seen(local))
    told = {name.lower(): value for name, value in event["ce"].items()}
    assert told["ce-methodname"] == criteria["methodName"]
    assert told["ce-resourcename"].endswith("topics/orders")


def storage_agent_may_publish(local: Local) -> None:
    member = f"serviceAccount:{project.agent('storage.googleapis.com')}"
    local.make(types.PROJECT_MEMBER, role="roles/pubsub.publisher", member=member)


def test_an_object_that_is_deleted_or_written_over_reaches_the_trigger_of_deletions(
    local: Local, function: Any
) -> None:
    import base64

    local.make(types.BUCKET, name="docs", location=REGION)
    storage_agent_may_publish(local)
    local.make(types.TRIGGER, **trigger(function, "/ingress/gone", type=DELETED, bucket="docs"))
    path = "/upload/storage/v1/b/docs/o?uploadType=media&name="
    kept = [local.send("POST", path + "a%2Fb.txt", text).body["generation"] for text in (b"old", b"new")]
    assert local.send("POST", path + "other.txt", b"stays").status == 200
    eventually(lambda: seen(local))
    assert local.send("DELETE", "/storage/v1/b/docs/o/a%2Fb.txt").status == 204
    assert local.send("DELETE", "/storage/v1/b/docs/o/a%2Fb.txt").status == 404
    eventually(lambda: len(seen(local)) == 2)
    time.sleep(0.3)
    told = [json.loads(base64.b64decode(event["body"])) for event in seen(local)]
    assert [(one["name"], one["generation"]) for one in told] == [("a/b.txt", each) for each in kept]
    assert all(one["timeDeleted"] >= one["timeCreated"] for one in told)
    headers = [{name.lower(): value for name, value in event["ce"].items()} for event in seen(local)]
    assert [(one["ce-type"], one["ce-bucket"]) for one in headers] == [(DELETED, "docs")] * 2


@pytest.mark.parametrize(
    ("criteria", "words"),
    [
        ({"type": "google.cloud.other.v1.happened"}, "the type must be one of"),
        ({"type": FINALIZED, "bucket": "gone"}, "was not found"),
        ({"type": DELETED, "bucket": "gone"}, "was not found"),
        ({"type": WRITTEN, "database": "gone", "document": "a/{b}"}, "was not found"),
    ],
)
def test_a_trigger_that_nothing_could_reach_is_refused(
    local: Local, function: Any, criteria: dict[str, str], words: str
) -> None:
    assert words in local.refused(types.TRIGGER, **trigger(function, **criteria))


def test_documents_come_as_protobuf_and_from_the_same_place_only(local: Local, function: Any) -> None:
    local.make(types.DATABASE, **{**DATABASE, "locationId": "eur3"})
    given = trigger(function, type=WRITTEN, database="notes", document="a/{b}")
    assert "must be in the same location" in local.refused(types.TRIGGER, **given)


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("orders/{id}", "orders/1", True),
        ("orders/{id}", "orders/1/lines/2", False),
        ("orders/*", "orders/ä b", True),
        ("orders/{rest=**}", "orders/1/lines/2", True),
        ("{any}/1", "orders/1", True),
        ("o.ders/{id}", "orders/1", False),
        ("orders/{id}", "xorders/1", False),
    ],
)
def test_patterns_of_paths_match_segments_and_nothing_by_accident(
    pattern: str, path: str, fits: bool
) -> None:
    happening = Happening({"document": path}, {}, b"")
    criterion = {"attribute": "document", "operator": "match-path-pattern", "value": pattern}
    assert happening.fits([criterion]) is fits
    assert happening.fits([{"attribute": "gone", "value": "x"}]) is False
