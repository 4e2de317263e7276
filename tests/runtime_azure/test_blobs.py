"""Blobs over REST: what is asked for, and what each answer means."""

from __future__ import annotations

import pytest
from azure_fakes import azure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.azure.blobs import RESOURCE, BlobObjects
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.objects import (
    ANY,
    ObjectChanged,
    ObjectHead,
    ObjectMissing,
    ObjectRef,
    ObjectTooLarge,
)
from serverless_ai_runtime.core.ports import Deadline, Refused, Unavailable, VersionConflict

REF = ObjectRef("results", "a b/ä#?.json")
PATH = "/results/a%20b/%C3%A4%23%3F.json"


def blobs(server: Loopback) -> BlobObjects:
    return BlobObjects(Service(azure(Clock().world()), "BlobStorage", server.url, RESOURCE))


def put(server: Loopback, expect: str | None, **metadata: str) -> None:
    blobs(server).put(
        REF, b"body", Deadline(5), content_type="application/json", metadata=metadata, expect=expect
    )


def code(name: str) -> dict[str, str]:
    return {"x-ms-error-code": name}


def test_a_blob_is_written_with_its_metadata(server: Loopback) -> None:
    server.answer(reply(201, b""))
    put(server, ANY, order="0007")
    (sent,) = server.requests
    assert (sent.method, sent.target, sent.body) == ("PUT", PATH, b"body")
    assert (
        sent.headers.items()
        >= {
            "authorization": "Bearer token-1",
            "content-type": "application/json",
            "x-ms-blob-type": "BlockBlob",
            "x-ms-date": "Tue, 24 Nov 2026 12:00:00 GMT",
            "x-ms-meta-order": "0007",
            "x-ms-version": "2021-12-02",
        }.items()
    )
    assert not {"if-match", "if-none-match"} & sent.headers.keys()


def test_a_write_says_what_it_expects(server: Loopback) -> None:
    server.answer(reply(201, b""))
    put(server, None)
    put(server, '"0x8D"')
    put(server, "0x8D")
    assert server.requests[0].headers["if-none-match"] == "*"
    assert [sent.headers.get("if-match") for sent in server.requests] == [None, '"0x8D"', '"0x8D"']


@pytest.mark.parametrize(
    ("status", "name"), [(409, "BlobAlreadyExists"), (412, "ConditionNotMet")], ids=["there", "changed"]
)
def test_another_content_is_a_conflict(server: Loopback, status: int, name: str) -> None:
    server.answer(reply(status, b"", code(name)))
    with pytest.raises(VersionConflict):
        put(server, None)


def test_no_other_refusal_of_a_write_is_taken_for_a_conflict(server: Loopback) -> None:
    server.answer(reply(409, b"", code("ContainerBeingDeleted")), reply(403, b"", code("Denied")))
    for _ in range(2):
        with pytest.raises(Refused):
            put(server, None)


def test_what_is_known_of_a_blob_and_of_none(server: Loopback) -> None:
    headers = {"etag": '"0x8D"', "content-type": "text/plain", "x-ms-meta-order": "7"}
    server.answer(reply(200, b"", headers), reply(404, b"", code("BlobNotFound")))
    assert blobs(server).head(REF, Deadline(5)) == ObjectHead('"0x8D"', 0, "text/plain", {"order": "7"})
    assert blobs(server).head(REF, Deadline(5)) is None
    assert [sent.method for sent in server.requests] == ["HEAD", "HEAD"]


def test_a_container_that_is_missing_is_no_blob_that_is(server: Loopback) -> None:
    server.answer(reply(404, b"", code("ContainerNotFound")))
    with pytest.raises(Refused, match="ContainerNotFound"):
        blobs(server).head(REF, Deadline(5))
    with pytest.raises(Refused, match="ContainerNotFound"):
        blobs(server).get(REF, Deadline(5), max_bytes=10)


def test_a_blob_is_read_at_the_version_that_its_event_named(server: Loopback) -> None:
    server.answer(reply(200, b"content"))
    assert blobs(server).get(REF, Deadline(5), version="0x8D", max_bytes=7) == b"content"
    blobs(server).get(REF, Deadline(5), max_bytes=7)
    assert [sent.headers.get("if-match") for sent in server.requests] == ['"0x8D"', None]


def test_what_cannot_be_read_says_why(server: Loopback) -> None:
    server.answer(
        reply(404, b"", code("BlobNotFound")),
        reply(412, b"", code("ConditionNotMet")),
        reply(200, b"8 bytes!"),
    )
    for error in (ObjectMissing, ObjectChanged, ObjectTooLarge):
        with pytest.raises(error):
            blobs(server).get(REF, Deadline(5), version="0x8D", max_bytes=7)


def test_a_token_that_is_not_taken_is_asked_for_again(server: Loopback) -> None:
    server.answer(reply(401, b"", code("InvalidAuthenticationInfo")), reply(200, b"content"))
    assert blobs(server).get(REF, Deadline(5), max_bytes=7) == b"content"
    assert [sent.headers["authorization"] for sent in server.requests] == ["Bearer token-1", "Bearer token-2"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40))
def test_any_key_is_one_ascii_path(server: Loopback, key: str) -> None:
    server.requests.clear()
    server.scripts.clear()
    server.answer(reply(200, b""))
    blobs(server).get(ObjectRef("uploads", key), Deadline(5), max_bytes=7)
    (sent,) = server.requests
    assert sent.target.startswith("/uploads/")
    assert not set(sent.target) & set(" ?#")


# -- keys -------------------------------------------------------------------------------------------------
def listed(names: str, marker: str = "") -> bytes:
    return (
        '\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://x/">'
        f"<Blobs>{names}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
    ).encode()


def test_keys_are_listed_by_page_as_they_were_written(server: Loopback) -> None:
    named = "<Blob><Name>a &amp; b/ä.txt</Name><Properties><Etag>0x1</Etag></Properties></Blob>"
    encoded = '<Blob><Name Encoded="true">x%EF%BF%BE%2525</Name></Blob>'
    server.answer(reply(200, listed(named + encoded, "2!72!MDAw")), reply(200, listed("")))
    assert blobs(server).keys("documents", "", 2, Deadline(5)) == (
        ["a & b/ä.txt", "x\ufffe%25"],
        "2!72!MDAw",
    )
    assert blobs(server).keys("documents", "2!72!MDAw", 2, Deadline(5)) == ([], "")
    first, second = (sent.target for sent in server.requests)
    assert first == "/documents?restype=container&comp=list&maxresults=2"
    assert second == first + "&marker=2%2172%21MDAw"


@pytest.mark.parametrize("body", [b"", b"nope", b"<a>", b'{"Blobs": []}', b"\xff"])
def test_a_list_that_is_none_is_malformed(server: Loopback, body: bytes) -> None:
    server.answer(reply(200, body))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        blobs(server).keys("documents", "", 2, Deadline(5))
