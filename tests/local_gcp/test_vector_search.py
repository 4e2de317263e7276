"""Vector Search 2.0 on the local cloud: words, strictness, and collections that come and go."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google_local import Local
from hypothesis import event, given, settings
from hypothesis import strategies as st
from vector_stores import COLLECTION, HOSTILE, Made, entry, ids, make_collection

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.errors import RpcError
from serverless_ai_local.gcp.project import REGION
from serverless_ai_local.gcp.services.vector_filter import parse
from serverless_ai_runtime.adapters.gcp.vector_search import VectorSearch
from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.core.rag.ports import Access

DENSE = {"vector": {"dense": {"values": [1, 0, 0]}}}


@pytest.fixture
def collection(local: Local) -> Any:
    return make_collection(local)


@pytest.fixture
def store(local: Local, collection: Any) -> VectorSearch:
    store = Made(local).store()
    assert isinstance(store, VectorSearch)
    return store


def post(local: Local, method: str, body: Any, token: str = "owner") -> Any:
    return local.send("POST", f"/v1/{COLLECTION}/dataObjects:{method}", body, token)


def create(*keys: str, **fields: str) -> dict[str, Any]:
    made = {"data": fields, "vectors": DENSE}
    return {"requests": [{"dataObjectId": key, "dataObject": made} for key in keys]}


def by_words(store: VectorSearch, text: str, tenant: str = "a", **more: Any) -> list[str]:
    return [hit.id for hit in store.search_text(text, 10, Access(tenant), Deadline(10), **more)]


def test_chunks_with_any_of_the_words_are_found_those_with_more_first(store: VectorSearch) -> None:
    store.upsert(
        [
            entry(0, text="The refund takes ten days."),
            entry(1, text="Parcels take three days."),
            entry(2, text="A REFUND of parcels"),
            entry(3, text="nothing of it"),
            entry(4, text="refund parcels", tenant="b"),
            entry(5, text="refund", document="b/other"),
        ],
        Deadline(10),
    )
    assert by_words(store, "parcels, refund?")[0] == "id-2"
    assert sorted(by_words(store, "parcels, refund?")) == ["id-0", "id-1", "id-2", "id-5"]
    assert by_words(store, "refund", documents=["b/other"]) == ["id-5"]
    assert by_words(store, "REFUND", tenant="b") == ["id-4"]
    assert by_words(store, "unheard") == by_words(store, "?! --") == by_words(store, "") == []


def test_a_heading_is_searched_too_and_the_best_have_the_greatest_score(store: VectorSearch) -> None:
    store.upsert([entry(0), entry(1, text="heading words")], Deadline(10))
    hits = store.search_text("heading words", 10, Access("a"), Deadline(10))
    assert len(hits) == 2
    assert hits[0].score > hits[1].score > 0
    assert hits[0][:4] != hits[1][:4]
    assert len(store.search_text("heading", 1, Access("a"), Deadline(10))) == 1


@pytest.mark.parametrize(
    "question",
    ['-refund "days" OR parcels', "NOT (refund)", f"{HOSTILE} refund", "\ud800 days", "é ß 東京 ten " * 50],
)
def test_a_question_is_words_and_nothing_else(store: VectorSearch, question: str) -> None:
    store.upsert([entry(0, text="refund in ten days"), entry(1, text="nothing else")], Deadline(10))
    assert by_words(store, question) == ["id-0"]


def test_a_batch_is_done_as_a_whole_or_not_at_all(local: Local, collection: Any, store: VectorSearch) -> None:
    assert post(local, "batchCreate", create("e1", "e2", text="x")).status == 200
    again = post(local, "batchCreate", create("e3", "e2"))
    assert (again.status, again.body["error"]["status"]) == (409, "ALREADY_EXISTS")
    names = [{"name": f"{COLLECTION}/dataObjects/{key}"} for key in ("e1", "e9")]
    gone = post(local, "batchDelete", {"requests": names})
    updated = post(local, "batchUpdate", {"requests": [{"dataObject": one} for one in names]})
    assert [one.body["error"]["status"] for one in (gone, updated)] == ["NOT_FOUND"] * 2
    found = post(local, "query", {"pageSize": 1, "outputFields": {"dataFields": ["*"]}})
    assert [one["data"] for one in found.body["dataObjects"]] == [{"text": "x"}]
    more = post(local, "query", {"pageSize": 1, "pageToken": found.body["nextPageToken"]})
    assert [one["name"] for one in more.body["dataObjects"]] == [f"{COLLECTION}/dataObjects/e2"]
    assert set(more.body["dataObjects"][0]) == {"name", "createTime", "updateTime"}
    assert "nextPageToken" not in more.body


SEARCH = {
    "searchField": "vector",
    "vector": {"values": [1, 0, 0]},
    "distanceMetric": "COSINE_DISTANCE",
}


@pytest.mark.parametrize(
    ("method", "body", "message"),
    [
        ("batchCreate", {"requests": []}, "1 to 1000"),
        ("batchCreate", create("E1"), "data_object_id"),
        ("batchCreate", create("e1" * 40), "data_object_id"),
        ("batchCreate", create("e1", colour="red"), "additional property colour"),
        ("batchCreate", {"requests": [{"dataObjectId": "e1", "etag": "x"}]}, 'Unknown name "etag"'),
        ("batchCreate", {"requests": [{"dataObjectId": "e1", "parent": "x"}]}, "must match the parent"),
        ("batchUpdate", {"requests": [{"dataObject": {"name": "e1"}}]}, "is no data object of"),
        ("search", {"vectorSearch": SEARCH, "textSearch": {}}, "one of vectorSearch"),
        ("search", {"semanticSearch": {}}, "does not offer semanticSearch"),
        ("search", {"vectorSearch": {**SEARCH, "searchField": "other"}}, "vector schema"),
        ("search", {"vectorSearch": {**SEARCH, "topK": 0}}, "topK must be positive"),
        ("search", {"vectorSearch": {**SEARCH, "search_field": "vector"}}, "Unknown name"),
        ("search", {"vectorSearch": {**SEARCH, "distanceMetric": "DOT_PRODUCT"}}, "distanceMetric other"),
        ("search", {"textSearch": {"searchText": "x", "dataFieldNames": ["colour"]}}, "data_field_names"),
        ("batchSearch", {"searches": [{"vectorSearch": SEARCH}], "combine": {"ranker": {}}}, "one weight"),
        ("query", {"filter": {"colour": {"$eq": "red"}}}, "not in the data schema"),
        ("aggregate", {"aggregate": "COUNT"}, "does not offer POST dataObjects:aggregate"),
    ],
)
def test_what_the_service_or_the_local_cloud_does_not_take_is_named(
    local: Local, collection: Any, method: str, body: Any, message: str
) -> None:
    answer = post(local, method, body)
    assert answer.status in (400, 501), answer
    assert message in answer.body["error"]["message"]


def test_without_a_ranker_each_search_of_a_batch_has_its_own_answer(local: Local, collection: Any) -> None:
    post(local, "batchCreate", create("e1", text="blue"))
    text = {"searchText": "blue", "dataFieldNames": ["text"]}
    answer = post(local, "batchSearch", {"searches": [{"vectorSearch": SEARCH}, {"textSearch": text}]})
    first, second = answer.body["results"]
    assert [one["distance"] for one in (*first["results"], *second["results"])] == [0.0, 1.0]


FIELDS = st.sampled_from(["of", "tenant"])
LEAVES = st.builds(
    lambda field, wanted, operator: {field: {operator: wanted[0] if operator in ("$eq", "$ne") else wanted}},
    FIELDS,
    st.lists(st.sampled_from("abc"), min_size=1, max_size=3),
    st.sampled_from(["$eq", "$ne", "$in", "$nin"]),
)
JOINED = st.builds(
    lambda name, parts: {name: parts}, st.sampled_from(["$and", "$or"]), st.lists(LEAVES, min_size=1)
)


@settings(max_examples=100, deadline=None)
@given(JOINED, st.dictionaries(FIELDS, st.sampled_from("abc")))
def test_a_filter_lets_through_what_it_says(expression: Any, data: dict[str, str]) -> None:
    ((name, parts),) = expression.items()
    each = [parse(one, ("of", "tenant"))(data) for one in parts]
    assert parse(expression, ("of", "tenant"))(data) == (all(each) if name == "$and" else any(each))
    for one, lets in zip(parts, each, strict=True):
        ((field, condition),) = one.items()
        ((operator, wanted),) = condition.items()
        among = [wanted] if operator in ("$eq", "$ne") else wanted
        assert lets == ((data.get(field) in among) == (operator in ("$eq", "$in")))


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=3) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["$and", "$or", "$eq", "$in", "of", "$gt", ""]), inner, max_size=2
            )
        ),
    )
)
def test_any_filter_is_understood_or_refused(expression: Any) -> None:
    try:
        lets = parse(expression, ("of",))
    except RpcError as refusal:
        event(refusal.status)
    else:
        assert lets({"of": "a"}) in (True, False)


def test_a_deleted_collection_takes_its_objects_along(
    local: Local, collection: Any, store: VectorSearch
) -> None:
    store.upsert([entry(0)], Deadline(10))
    local.drop(collection)
    make_collection(local)
    assert ids(store) == []


def test_a_collection_that_may_not_go_stays(local: Local) -> None:
    made = make_collection(local, deletionPolicy="PREVENT")
    answer = local.send("POST", "/_local/gcp/resources/delete", {"uid": made["uid"]})
    assert answer.status == 400
    assert "its deletion_policy is PREVENT" in answer.body["message"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"collectionId": "Chunks"}, "collection_id 'Chunks'"),
        ({"dataSchema": "{"}, "must be a JSON schema"),
        ({"dataSchema": json.dumps({"type": "object", "additionalProperties": True})}, "nothing else"),
        ({"dataSchema": json.dumps({"properties": {"n": {"type": "number"}}})}, "must be of type string"),
        ({"vectorSchemas": [{"fieldName": "a b", "denseVector": {"dimensions": 3}}]}, "no name of a field"),
        ({"vectorSchemas": [{"fieldName": "a", "denseVector": {}}]}, "needs dimensions"),
    ],
)
def test_a_collection_that_cannot_be_is_refused(local: Local, inputs: Any, message: str) -> None:
    given = {"collectionId": "c", "location": REGION, **inputs}
    assert message in local.refused(types.COLLECTION, **given)
