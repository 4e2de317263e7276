"""Records of Cosmos DB by how their keys begin: what is asked for, page by page, and hostile answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from azure_fakes import CONTAINER, azure
from loopback import Loopback, raw, reply
from memory_ports import NOON, Clock

from serverless_ai_runtime.adapters.azure.cosmos import RESOURCE, authorization
from serverless_ai_runtime.adapters.azure.cosmos_scan import ScannableCosmos
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Record, Unavailable


@pytest.fixture
def store(server: Loopback) -> ScannableCosmos:
    url = server.url + CONTAINER
    cloud = azure(Clock().world())
    return ScannableCosmos(Service(cloud, "CosmosDB", url, RESOURCE, authorization=authorization))


def item(value: Any, *, etag: str = '"e1"', expires_at: int = 0) -> dict[str, Any]:
    found = {"id": "doc.i1.7", "pk": "doc.i1.7", "value": json.dumps(value), "_etag": etag}
    return found | ({"expires_at": expires_at} if expires_at else {})


def page(*items: Any, more: str = "") -> Any:
    headers = {"x-ms-continuation": more} if more else {}
    return reply(200, {"_rid": "", "Documents": list(items), "_count": len(items)}, headers)


def test_a_page_is_a_query_of_all_partitions_by_ids_that_begin_so(
    server: Loopback, store: ScannableCosmos
) -> None:
    server.answer(page(item({"n": 1}), item({"n": 2}, expires_at=int(NOON) + 5)))
    records, more = store.scan("doc.i1.", "", 25, Deadline(5))
    assert records == [Record({"n": 1}, '0 "e1"'), Record({"n": 2}, f'{int(NOON) + 5} "e1"')]
    assert more == ""
    (sent,) = server.requests
    assert (sent.method, sent.target) == ("POST", f"{CONTAINER}/docs")
    assert sent.json()["parameters"] == [{"name": "@v0", "value": "doc.i1."}]
    assert "STARTSWITH(c.id, @v0)" in sent.json()["query"]
    assert sent.headers["x-ms-documentdb-query-enablecrosspartition"] == "true"
    assert sent.headers["x-ms-max-item-count"] == "25"
    assert "x-ms-continuation" not in sent.headers
    assert "x-ms-documentdb-partitionkey" not in sent.headers


def test_it_goes_on_from_where_the_service_said(server: Loopback, store: ScannableCosmos) -> None:
    token = '{"token":"+RID:~abc#RT:1","range":{"min":"","max":"FF"}}'
    server.answer(page(more=token), page(item({"n": 1})))
    assert store.scan("doc.", "", 1, Deadline(5)) == ([], token)
    records, more = store.scan("doc.", token, 1, Deadline(5))
    assert ([one.value for one in records], more) == ([{"n": 1}], "")
    assert server.requests[1].headers["x-ms-continuation"] == token


def test_a_prefix_is_written_as_ids_are(server: Loopback, store: ScannableCosmos) -> None:
    server.answer(page())
    store.scan('a/"%_', "", 1, Deadline(5))
    assert server.requests[0].json()["parameters"][0]["value"] == "a_2f_22_25_5f"


def test_what_has_expired_is_not_there(server: Loopback, store: ScannableCosmos) -> None:
    server.answer(page(item({}, expires_at=int(NOON) - 1)))
    assert store.scan("doc.", "", 9, Deadline(5)) == ([], "")


@pytest.mark.parametrize(
    "answer",
    [
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"),
        reply(200, {}),
        reply(200, {"Documents": None}),
        reply(200, {"Documents": 7}),
        page("text"),
        page({}),
        page({"_etag": '"e"', "value": 7}),
        page({"_etag": '"e"', "value": "{"}),
        page({"value": "{}"}),
        page({**item({}), "expires_at": "soon"}),
    ],
)
def test_an_answer_that_is_no_list_of_records_is_malformed(
    server: Loopback, store: ScannableCosmos, answer: Any
) -> None:
    server.answer(answer)
    with pytest.raises(Unavailable, match="MalformedResponse"):
        store.scan("doc.", "", 9, Deadline(5))
