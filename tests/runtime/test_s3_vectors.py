"""S3 Vectors behind the `VectorStore`: what it is asked, within its limits, and what its answers mean."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest
from botocore.validate import validate_parameters
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.aws import s3_vectors
from serverless_ai_runtime.adapters.aws.s3_vectors import S3Vectors
from serverless_ai_runtime.adapters.aws.service import Aws, Service
from serverless_ai_runtime.config import AwsConfig
from serverless_ai_runtime.core.ports import Deadline, Refused, Throttled, Unavailable
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.core.records import digest
from serverless_ai_runtime.http import HttpClient

ARN = "arn:aws:s3vectors:us-east-1:123456789012:bucket/documents/index/chunks"
MODEL = botocore.session.Session().get_service_model("s3vectors")
HOSTILE = 'it\'s a "#1" 100% ☂ \x00 \\ \n 😀'
LIMITS = {"PutVectors": ("vectors", 500), "DeleteVectors": ("keys", 500)}


def store(server: Loopback) -> S3Vectors:
    world = Clock().world()
    aws = Aws(HttpClient(world), world, lambda: AwsConfig("us-east-1", "AKID", "secret", "token"))
    return S3Vectors(Service(aws, "S3 Vectors", server.url, "s3vectors"), ARN)


def entry(
    number: int = 0, *, tenant: str = "a", text: str = "words", vector: tuple[float, ...] = (1, 0)
) -> Entry:
    return Entry(f"id-{number}", "bucket/a.txt", Access(tenant), text, "Heading", vector)


def asked(server: Loopback) -> list[tuple[str, dict[str, Any]]]:
    """Operation and body of every request, each as AWS's own SDK would take it."""
    found: list[tuple[str, dict[str, Any]]] = []
    for sent in server.requests:
        operation, body = sent.target.removeprefix("/"), sent.json()
        model = MODEL.operation_model(operation)
        assert (sent.method, sent.target) == (model.http["method"], model.http["requestUri"])
        validate_parameters(body, model.input_shape)
        name, most = LIMITS.get(operation, ("", 0))
        assert not name or 1 <= len(body[name]) <= most
        assert body["indexArn"] == ARN
        found.append((operation, body))
    return found


def found(key: str = "id-0", distance: Any = 0.25, **metadata: Any) -> dict[str, Any]:
    kept = {"tenant": "x", "document": "bucket/a.txt", "text": "words", "heading": "Heading"}
    return {"key": key, "distance": distance, "metadata": kept | metadata}


def search(server: Loopback, most: int = 5, tenant: str = "a") -> list[Hit]:
    return store(server).search([1.0, 0.0], most, Access(tenant), Deadline(5))


def test_an_entry_is_put_with_all_that_a_hit_needs(server: Loopback) -> None:
    server.answer(reply(body={}))
    store(server).upsert([entry(text=HOSTILE)], Deadline(5))
    [(operation, body)] = asked(server)
    [vector] = body["vectors"]
    assert (operation, vector["key"], vector["data"]) == ("PutVectors", "id-0", {"float32": [1, 0]})
    tenant = vector["metadata"].pop("tenant")
    assert vector["metadata"].pop("of") == digest("bucket/a.txt")
    assert vector["metadata"] == {"document": "bucket/a.txt", "text": HOSTILE, "heading": "Heading"}
    assert set(vector["metadata"]) == set(s3_vectors.NOT_FILTERABLE)
    assert len(tenant) == 64
    assert set(tenant) <= set("0123456789abcdef")


def test_the_same_entry_twice_in_one_call_is_put_once_the_latter(server: Loopback) -> None:
    server.answer(reply(body={}))
    store(server).upsert([entry(text="old"), entry(1), entry(text="new")], Deadline(5))
    [(_, body)] = asked(server)
    assert [(one["key"], one["metadata"]["text"]) for one in body["vectors"]] == [
        ("id-0", "new"),
        ("id-1", "words"),
    ]


def test_nothing_to_put_or_delete_is_no_call(server: Loopback) -> None:
    store(server).upsert([], Deadline(5))
    store(server).delete([], Deadline(5))
    assert server.requests == []


@pytest.mark.parametrize(("count", "calls"), [(500, [500]), (501, [500, 1]), (1200, [500, 500, 200])])
def test_no_call_has_more_than_it_may(server: Loopback, count: int, calls: list[int]) -> None:
    server.answer(*(reply(body={}) for _ in range(2 * len(calls))))
    store(server).upsert([entry(number) for number in range(count)], Deadline(30))
    store(server).delete([f"id-{number}" for number in range(count)], Deadline(30))
    sent = asked(server)
    assert [len(body["vectors"]) for operation, body in sent if operation == "PutVectors"] == calls
    assert [len(body["keys"]) for operation, body in sent if operation == "DeleteVectors"] == calls


def test_no_request_is_larger_than_it_may_whatever_is_in_it(server: Loopback) -> None:
    server.answer(*(reply(body={}) for _ in range(20)))
    numbers = tuple(-0.12345678901234567 - number / 1e9 for number in range(4096))
    store(server).upsert(
        [entry(number, text="\x01" * 10_000, vector=numbers) for number in range(300)], Deadline(60)
    )
    sent = asked(server)
    assert sum(len(body["vectors"]) for _, body in sent) == 300
    assert all(len(json.dumps(body)) < s3_vectors.MOST_BYTES for _, body in sent)


def test_a_chunk_too_large_for_its_metadata_is_refused_before_any_call(server: Loopback) -> None:
    with pytest.raises(Refused, match="at most 40000 are allowed"):
        store(server).upsert([entry(), entry(1, text="€" * 14_000)], Deadline(5))
    assert server.requests == []


def test_what_is_deleted_twice_is_asked_for_once(server: Loopback) -> None:
    server.answer(reply(body={}))
    store(server).delete(["b", "a", "b"], Deadline(5))
    assert asked(server) == [("DeleteVectors", {"indexArn": ARN, "keys": ["b", "a"]})]


def test_the_nearest_come_first_with_their_similarity(server: Loopback) -> None:
    answer = [found(distance=0.25), found("id-1", 1.5, heading="")]
    server.answer(reply(body={"vectors": answer, "distanceMetric": "cosine"}))
    first, second = search(server)
    assert first == Hit("id-0", "bucket/a.txt", "words", "Heading", 0.75)
    assert (second.id, second.heading, second.score) == ("id-1", "", -0.5)
    [(operation, body)] = asked(server)
    assert operation == "QueryVectors"
    assert (body["topK"], body["returnMetadata"], body["returnDistance"]) == (5, True, True)


def test_more_hits_than_the_service_gives_are_not_asked_for(server: Loopback) -> None:
    server.answer(reply(body={"vectors": [], "distanceMetric": "cosine"}))
    assert search(server, most=1000) == []
    assert asked(server)[0][1]["topK"] == 100


def test_a_hit_without_a_heading_has_none(server: Loopback) -> None:
    one = found()
    del one["metadata"]["heading"]
    server.answer(reply(body={"vectors": [one]}))
    assert search(server)[0].heading == ""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=20), st.text(max_size=20))
def test_a_search_finds_what_was_put_for_its_own_tenant_only(
    server: Loopback, mine: str, asking: str
) -> None:
    server.requests.clear()
    server.scripts.clear()
    server.answer(reply(body={}), reply(body={"vectors": []}))
    store(server).upsert([entry(tenant=mine)], Deadline(5))
    search(server, tenant=asking)
    (_, put), (_, query) = asked(server)
    assert list(query["filter"]) == ["tenant"]
    same = query["filter"]["tenant"] == {"$eq": put["vectors"][0]["metadata"]["tenant"]}
    assert same == (mine == asking)


@pytest.mark.parametrize(
    "vectors",
    [
        None,
        [{"key": "id-0"}],
        [{**found(), "metadata": None}],
        [found(distance=None)],
        [found(distance="near")],
        [found(text=7)],
        [{**found(), "key": 1}],
        7,
        ["x"],
    ],
    ids=repr,
)
def test_an_answer_that_is_none_is_malformed(server: Loopback, vectors: Any) -> None:
    server.answer(reply(body={"vectors": vectors}))
    with pytest.raises(Unavailable) as error:
        search(server)
    assert error.value.code == "MalformedResponse"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "TooManyRequestsException", Throttled),
        (503, "ServiceUnavailableException", Unavailable),
        (400, "ValidationException", Refused),
        (403, "AccessDeniedException", Refused),
        (404, "NotFoundException", Refused),
    ],
)
def test_refusals_are_told_apart(server: Loopback, status: int, code: str, kind: type[Exception]) -> None:
    server.answer(*(reply(status, {"message": "no"}, {"x-amzn-errortype": code}) for _ in range(10)))
    with pytest.raises(kind) as error:
        search(server)
    assert code in str(error.value)


def test_a_throttled_put_is_put_again(server: Loopback) -> None:
    busy = reply(429, {"message": "slow down"}, {"x-amzn-errortype": "TooManyRequestsException"})
    server.answer(busy, reply(body={}))
    store(server).upsert([entry()], Deadline(5))
    first, second = asked(server)
    assert first == second


def test_half_a_surrogate_pair_never_fails_what_is_whole(server: Loopback) -> None:
    server.answer(reply(body={}))
    store(server).upsert([entry(text="half \ud83d of it")], Deadline(5))
    ((_, body),) = asked(server)
    assert body["vectors"][0]["metadata"]["text"] == "half � of it"
