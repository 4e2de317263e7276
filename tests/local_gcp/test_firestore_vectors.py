"""Vector search of the local Firestore: our store on it, Google's client beside, indexes and who may what."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreRestTransport
from google.cloud.firestore_v1.types import CommitRequest, Document, RunQueryRequest, StructuredQuery, Write
from google.cloud.firestore_v1.vector import Vector
from google_calls import cloud
from google_local import HERE, Local
from memory_ports import Clock

from serverless_ai_local.gcp import types
from serverless_ai_patterns.gcp.firestore_vectors import FILTERS, place
from serverless_ai_runtime.adapters.gcp import firestore_vectors
from serverless_ai_runtime.adapters.gcp.embeddings import QUESTIONS, VertexEmbedder
from serverless_ai_runtime.adapters.gcp.firestore_vectors import FirestoreVectors
from serverless_ai_runtime.adapters.gcp.identity import SCOPE
from serverless_ai_runtime.adapters.gcp.vertex import vertex_service
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused
from serverless_ai_runtime.core.rag.ports import MOST_DOCUMENTS, Access, Entry, Hit

INDEX = "i0123456789ab"
DATABASE = f"{HERE}/databases/state"
COLLECTION = place(HERE.partition("/")[2], "state", INDEX)
HOSTILE = [
    "",
    "'",
    '"}],"x":[{',
    "\x00\n",
    "漢字🙂",
    "half \ud83d",
    "\u202e",
    "a/b/../c",
    "x" * 3000,
    "__x__",
]


@pytest.fixture
def database(local: Local) -> str:
    local.make(types.DATABASE, name="state", locationId="us-central1", type="FIRESTORE_NATIVE")
    return DATABASE


@pytest.fixture
def indexes(local: Local, database: str) -> list[Any]:
    return [local.make(types.INDEX, **index(filters)) for filters in FILTERS.values()]


@pytest.fixture
def store(local: Local, indexes: list[Any]) -> FirestoreVectors:
    return made(local)


def index(filters: Sequence[str] = ("tenant",), dimension: int = 3, **more: Any) -> dict[str, Any]:
    vector = {"fieldPath": "vector", "vectorConfig": {"dimension": float(dimension), "flat": {}}}
    ordered = [{"fieldPath": one, "order": "ASCENDING"} for one in filters]
    return {"database": "state", "collection": INDEX, "fields": [*ordered, vector], **more}


def made(local: Local, token: str = "owner", dimension: int = 3) -> FirestoreVectors:
    service = Service(cloud(Clock().world(), token), "Firestore", local.url, SCOPE)
    return FirestoreVectors(service, COLLECTION, dimension)


def entry(id_: str, *vector: float, document: str = "d", tenant: str = "ada", text: str = "t") -> Entry:
    return Entry(id_, document, Access(tenant), text, "h", vector or (1.0, 0.0, 0.0))


def search(
    store: FirestoreVectors, *vector: float, most: int = 10, tenant: str = "ada", documents: Any = ()
) -> list[Hit]:
    return store.search(vector or (1.0, 0.0, 0.0), most, Access(tenant), Deadline(10), documents)


def ids(store: FirestoreVectors, **more: Any) -> list[str]:
    return [hit.id for hit in search(store, **more)]


class TestOurStore:
    def test_it_finds_the_nearest_first(self, store: FirestoreVectors) -> None:
        chance = random.Random(7)
        vectors = {str(number): [chance.gauss(0, 1) for _ in range(3)] for number in range(60)}
        store.upsert([entry(name, *vector) for name, vector in vectors.items()], Deadline(10))
        asked = [chance.gauss(0, 1) for _ in range(3)]

        def similarity(name: str) -> float:
            dot = sum(left * right for left, right in zip(vectors[name], asked, strict=True))
            return dot / math.hypot(*vectors[name]) / math.hypot(*asked)

        found = search(store, *asked, most=7)
        assert [hit.id for hit in found] == sorted(vectors, key=similarity, reverse=True)[:7]
        assert [hit.score for hit in found] == pytest.approx([similarity(hit.id) for hit in found], abs=1e-6)
        assert found[0] == Hit(found[0].id, "d", "t", "h", found[0].score)

    def test_an_entry_is_there_once_as_it_was_written_last(self, store: FirestoreVectors) -> None:
        for text in ("old", "new", "new"):
            store.upsert([entry("1", text=text)], Deadline(10))
        assert [(hit.id, hit.text) for hit in search(store)] == [("1", "new")]

    def test_what_is_deleted_is_not_found_and_may_be_deleted_again(self, store: FirestoreVectors) -> None:
        store.upsert([entry(one) for one in "123"], Deadline(10))
        for _ in range(2):
            store.delete(["1", "3", "none"], Deadline(10))
        assert ids(store) == ["2"]

    def test_tenants_see_their_own(self, store: FirestoreVectors) -> None:
        store.upsert([entry("1"), entry("2", tenant="bob"), entry("3", tenant="")], Deadline(10))
        assert [ids(store, tenant=one) for one in ("ada", "bob", "", "none")] == [["1"], ["2"], ["3"], []]

    def test_a_search_may_be_narrowed_to_documents(self, store: FirestoreVectors) -> None:
        store.upsert([entry(f"{one}1", document=one) for one in "abc"], Deadline(10))
        store.upsert([entry("x", document="a", tenant="bob")], Deadline(10))
        assert sorted(ids(store, documents=["a", "c"])) == ["a1", "c1"]
        assert ids(store, documents=["none"]) == []
        assert sorted(ids(store, documents=["a", *(str(one) for one in range(MOST_DOCUMENTS - 1))])) == ["a1"]

    @pytest.mark.parametrize("text", HOSTILE)
    def test_any_text_survives_wherever_it_stands(self, store: FirestoreVectors, text: str) -> None:
        one = Entry(text, text, Access(text, frozenset((text,))), text, text, (0.0, 1.0, 0.0))
        store.upsert([one, entry("other", tenant=text + "!")], Deadline(10))
        assert search(store, 0.0, 1.0, 0.0, tenant=text, documents=[text]) == [
            Hit(text, text, text, text, 1.0)
        ]
        store.delete([text], Deadline(10))
        assert ids(store, tenant=text) == []

    def test_many_large_entries_are_written_in_several_commits(self, local: Local, database: str) -> None:
        local.make(types.INDEX, **index(dimension=64))
        store, text = made(local, dimension=64), "漢" * 20_000
        vector = [1.0, *[0.123456789] * 63]
        store.upsert([entry(str(number), *vector, text=text) for number in range(120)], Deadline(60))
        assert len(store.search(vector, 1000, Access("ada"), Deadline(10))) == 120

    def test_a_vector_without_a_direction_is_near_to_nothing(self, store: FirestoreVectors) -> None:
        store.upsert([entry("zero", 0.0, 0.0, 0.0), entry("near", 1.0, 0.1, 0.0)], Deadline(10))
        assert [(hit.id, hit.score > 0.5) for hit in search(store)] == [("near", True), ("zero", False)]

    @pytest.mark.parametrize("model", ["gemini-embedding-001", "text-embedding-005"])
    def test_a_question_finds_the_text_that_answers_it(self, local: Local, database: str, model: str) -> None:
        local.make(types.INDEX, **index(dimension=256))
        endpoint = f"{HERE}/locations/global"
        vertex = vertex_service(cloud(Clock().world(), "owner"), endpoint, local.url)
        texts = ["The lamp in the hall is red.", "Tea takes four minutes.", "half \ud83d of a pair", " "]
        vectors = VertexEmbedder(vertex, endpoint, model, 256).embed(texts, Deadline(10))
        store = made(local, dimension=256)
        store.upsert([entry(str(n), *v, text=texts[n]) for n, v in enumerate(vectors)], Deadline(10))
        (asked,) = VertexEmbedder(vertex, endpoint, model, 256, QUESTIONS).embed(
            ["a red lamp?"], Deadline(10)
        )
        assert ids_of(store, asked)[0] == "0"


def ids_of(store: FirestoreVectors, vector: Sequence[float]) -> list[str]:
    return [hit.id for hit in store.search(vector, 10, Access("ada"), Deadline(10))]


class TestGooglesClient:
    @pytest.fixture
    def sdk(self, local: Local, database: str) -> Iterator[FirestoreClient]:
        transport = FirestoreRestTransport(
            host=local.url.removeprefix("http://"), url_scheme="http", credentials=AnonymousCredentials()
        )
        client = FirestoreClient(transport=transport)
        transport._session.headers["authorization"] = "Bearer owner"
        yield client
        transport.close()

    def test_it_writes_what_our_store_finds_and_finds_what_our_store_writes(
        self, sdk: FirestoreClient, store: FirestoreVectors
    ) -> None:
        store.upsert([entry("1", 1.0, 0.5, 0.25)], Deadline(10))
        (there,) = run(sdk, nearest(select=("tenant", "of", "entry", "vector")))
        fields = _helpers.decode_dict(there.document.fields, None)
        assert fields["vector"] == Vector([1.0, 0.5, 0.25])
        copied = _helpers.encode_dict({**fields, "vector": Vector([0.0, 1.0, 0.0])})
        document = Document(name=f"{COLLECTION}/copy", fields=copied)
        sdk.commit(request=CommitRequest(database=DATABASE, writes=[Write(update=document)]))
        assert [hit.score for hit in search(store, 0.0, 1.0, 0.0)] == pytest.approx([1.0, 0.4364], abs=1e-4)

    @pytest.mark.parametrize(
        ("measure", "order", "first"),
        [("COSINE", ["same", "long", "other"], 0.0), ("DOT_PRODUCT", ["long", "same", "other"], 9.0),
         ("EUCLIDEAN", ["same", "other", "long"], 0.0)],
    )  # fmt: skip
    def test_each_measure_has_its_own_order(
        self, local: Local, sdk: FirestoreClient, measure: str, order: list[str], first: float
    ) -> None:
        local.make(types.INDEX, **index(()))
        vectors = {"long": [9, 0.9, 0], "same": [1, 0, 0], "other": [0, 1, 0], "short": [1, 0]}
        documents = [
            Document(
                name=f"{COLLECTION}/{name}", fields=_helpers.encode_dict({"vector": Vector(map(float, one))})
            )
            for name, one in vectors.items()
        ]
        documents.append(Document(name=f"{COLLECTION}/bare"))
        documents.append(Document(name=documents[1].name + "/below/x", fields=documents[1].fields))
        sdk.commit(request=CommitRequest(database=DATABASE, writes=[Write(update=one) for one in documents]))
        found = run(sdk, nearest(measure, select=None))
        assert [one.document.name.rpartition("/")[2] for one in found] == order
        assert found[0].document.fields["far"].double_value == pytest.approx(first)
        limit = found[1].document.fields["far"].double_value
        assert len(run(sdk, nearest(measure, distance_threshold=limit))) == 2

    def test_a_search_that_finds_nothing_says_when_it_looked(
        self, local: Local, sdk: FirestoreClient
    ) -> None:
        local.make(types.INDEX, **index(()))
        (nothing,) = run(sdk, nearest())
        assert nothing.read_time
        assert not nothing.document.name

    def test_a_search_without_its_index_is_refused_and_the_index_named(
        self, local: Local, sdk: FirestoreClient
    ) -> None:
        for other in (
            index(()) | {"queryScope": "COLLECTION_GROUP"}, index((), 4), index(("tenant",)),
            index(()) | {"collection": "other"},
        ):  # fmt: skip
            local.make(types.INDEX, **other)
        with pytest.raises(exceptions.BadRequest, match="Missing vector index configuration") as refused:
            run(sdk, nearest())
        for part in (
            f"--collection-group={INDEX}",
            '"dimension": "3"',
            "field-path=vector",
            "--database=state",
        ):
            assert part in str(refused.value)
        local.make(types.INDEX, **index(()))
        run(sdk, nearest())


def nearest(measure: str = "COSINE", select: Sequence[str] | None = None, **more: Any) -> StructuredQuery:
    (vector,) = _helpers.encode_dict({"v": Vector([1.0, 0.0, 0.0])}).values()
    return StructuredQuery(
        from_=[{"collection_id": INDEX}],
        select=None if select is None else {"fields": [{"field_path": one} for one in select]},
        where=None
        if select is None
        else {
            "field_filter": {
                "field": {"field_path": "tenant"},
                "op": StructuredQuery.FieldFilter.Operator.EQUAL,
                "value": {"string_value": firestore_vectors.digest("ada")},
            }
        },
        find_nearest={
            "vector_field": {"field_path": "vector"},
            "query_vector": vector,
            "distance_measure": StructuredQuery.FindNearest.DistanceMeasure[measure],
            "limit": 10,
            "distance_result_field": "far",
            **more,
        },
    )


def run(sdk: FirestoreClient, query: StructuredQuery) -> list[Any]:
    request = RunQueryRequest(parent=f"{DATABASE}/documents", structured_query=query)
    return list(sdk.run_query(request=request))


class TestRefusals:
    def test_our_store_says_which_index_is_missing(self, local: Local, database: str) -> None:
        with pytest.raises(Refused, match=r"FAILED_PRECONDITION.*Missing vector index.*field-path=tenant"):
            search(made(local))
        local.make(types.INDEX, **index())
        assert search(made(local)) == []
        with pytest.raises(Refused, match=r"field-path=tenant.*field-path=of"):
            search(made(local), documents=["d"])

    @pytest.mark.parametrize(
        ("change", "status", "why"),
        [
            ({"findNearest": None}, 400, "find_nearest must be an object"),
            ({"limit": 5}, 501, "structured_query.limit"),
            ({"from": []}, 400, "exactly one collection"),
            ({"from": [{"collectionId": INDEX, "allDescendants": True}]}, 501, "collection groups"),
            ({"where": {"unaryFilter": {}}}, 501, "filters other than"),
            ({"where": {"compositeFilter": {"op": "OR", "filters": []}}}, 501, "other than AND"),
            ({"where": {"fieldFilter": {"field": {"fieldPath": "n"}, "op": "LESS_THAN", "value": {}}}},
             501, "EQUAL and IN"),
            ({"where": {"fieldFilter": {"field": {"fieldPath": "n"}, "op": "IN", "value": {}}}}, 400, "'IN'"),
            ({"where": {"fieldFilter": {"field": {"fieldPath": "a.b"}, "op": "EQUAL", "value": {}}}},
             501, "plain names"),
            ({"limit_": 0}, 400, "find_nearest.limit"), ({"limit_": 1001}, 400, "no more than 1000"),
            ({"distanceMeasure": "HAMMING"}, 400, "distance_measure"), ({"queryVector": {}}, 400, "vector"),
            ({"distanceThreshold": "x"}, 400, "distance_threshold"), ({"hint": 1}, 501, "hint"),
        ],
        ids=lambda value: str(value)[:40],
    )  # fmt: skip
    def test_what_a_query_cannot_ask_is_said(
        self, local: Local, indexes: list[Any], change: dict[str, Any], status: int, why: str
    ) -> None:
        near: dict[str, Any] = {
            "vectorField": {"fieldPath": "vector"}, "queryVector": vector_value([1.0, 0.0, 0.0]),
            "distanceMeasure": "COSINE", "limit": 5,
        }  # fmt: skip
        query: dict[str, Any] = {"from": [{"collectionId": INDEX}], "findNearest": near}
        for name, value in change.items():
            whole = name in ("findNearest", "limit", "from", "where", "hint")
            (query if whole else near)[name.rstrip("_")] = value
        answer = local.send("POST", f"/v1/{DATABASE}/documents:runQuery", {"structuredQuery": query})
        assert (answer.status, why in answer.body["error"]["message"]) == (status, True), answer.body

    @pytest.mark.parametrize(
        "value",
        [
            {"mapValue": {"fields": {"__type__": {"stringValue": "__vector__"}}}},
            {"mapValue": {"fields": {"__type__": {"stringValue": "vector"}, "value": {"arrayValue": {}}}}},
            {"mapValue": {"fields": {"__other__": {"stringValue": "x"}}}},
            {"stringValue": "\ud800"},
        ],
    )
    def test_a_value_that_firestore_cannot_hold_is_refused(
        self, local: Local, database: str, value: dict[str, Any]
    ) -> None:
        document = {"name": f"{COLLECTION}/a", "fields": {"vector": value}}
        answer = local.send("POST", f"/v1/{database}/documents:commit", {"writes": [{"update": document}]})
        assert (answer.status, answer.body["error"]["status"]) == (400, "INVALID_ARGUMENT")

    def test_a_vector_has_at_most_2048_numbers(self, local: Local, database: str) -> None:
        for count, status in ((0, 400), (2048, 200), (2049, 400)):
            document = {"name": f"{COLLECTION}/a", "fields": {"vector": vector_value([1.0] * count)}}
            answer = local.send(
                "POST", f"/v1/{database}/documents:commit", {"writes": [{"update": document}]}
            )
            assert answer.status == status

    def test_a_request_has_at_most_10_mib(self, local: Local, database: str) -> None:
        answer = local.send("POST", f"/v1/{database}/documents:commit", b" " * (10 * 1024 * 1024 + 1))
        assert (answer.status, "exceeds the limit" in answer.body["error"]["message"]) == (400, True)


def vector_value(numbers: Sequence[float]) -> dict[str, Any]:
    values = {"arrayValue": {"values": [{"doubleValue": one} for one in numbers]}}
    return {"mapValue": {"fields": {"__type__": {"stringValue": "__vector__"}, "value": values}}}


class TestIndexes:
    def test_an_index_is_named_by_firestore_and_gone_when_it_is_deleted(
        self, local: Local, database: str
    ) -> None:
        one = local.make(types.INDEX, **index())
        assert (
            one["id"] == one["outputs"]["name"] == f"{database}/collectionGroups/{INDEX}/indexes/{one['uid']}"
        )
        assert one["outputs"]["queryScope"] == "COLLECTION"
        made(local).upsert([entry("1")], Deadline(10))
        assert ids(made(local)) == ["1"]
        local.drop(one)
        with pytest.raises(Refused, match="Missing vector index"):
            ids(made(local))
        local.make(types.INDEX, **index())
        assert ids(made(local)) == ["1"], "what is kept does not go with its index"

    def test_the_same_index_cannot_be_made_twice(self, local: Local, indexes: list[Any]) -> None:
        assert "already exists" in local.refused(types.INDEX, **index())

    @pytest.mark.parametrize(
        ("inputs", "why"),
        [
            (index(database="none"), "Database projects/serverless-ai-local/databases/none was not found"),
            (index(dimension=2049), "from 1 to 2048"), (index(dimension=0), "from 1 to 2048"),
            (index() | {"fields": index()["fields"][:1]}, "as the last, one with vector_config"),
            (index() | {"fields": index()["fields"][::-1]}, "as the last, one with vector_config"),
            (index() | {"fields": []}, "as the last, one with vector_config"),
            (index() | {"fields": [{"fieldPath": "v", "vectorConfig": {"dimension": 3}}]}, "flat"),
        ],
        ids=lambda value: str(value)[-50:],
    )  # fmt: skip
    def test_an_index_that_cannot_be_is_refused(
        self, local: Local, database: str, inputs: dict[str, Any], why: str
    ) -> None:
        assert why in local.refused(types.INDEX, **inputs)


class TestPermissions:
    def token(self, local: Local, name: str, *permissions: str) -> tuple[str, str]:
        where = f'resource.name == "{DATABASE}"'
        email = local.account(name, *permissions, condition=where if permissions else "")
        return email, local.access_token(email)

    def test_a_reader_searches_and_changes_nothing(self, local: Local, store: FirestoreVectors) -> None:
        store.upsert([entry("1")], Deadline(10))
        email, token = self.token(local, "reader", *firestore_vectors.READ_PERMISSIONS)
        reader = made(local, token)
        assert ids(reader) == ["1"]
        assert {one["action"] for one in local.checks(email)} == set(firestore_vectors.READ_PERMISSIONS)
        with pytest.raises(Refused, match=r"PERMISSION_DENIED.*entities\.create"):
            reader.upsert([entry("2")], Deadline(10))
        with pytest.raises(Refused, match=r"PERMISSION_DENIED.*entities\.delete"):
            reader.delete(["1"], Deadline(10))
        assert ids(store) == ["1"]

    def test_a_writer_writes_with_what_the_runtime_says_that_it_needs_and_does_not_search(
        self, local: Local, store: FirestoreVectors
    ) -> None:
        email, token = self.token(local, "writer", *firestore_vectors.WRITE_PERMISSIONS)
        writer = made(local, token)
        writer.upsert([entry("1"), entry("2")], Deadline(10))
        writer.delete(["1"], Deadline(10))
        assert {one["action"] for one in local.checks(email)} == set(firestore_vectors.WRITE_PERMISSIONS)
        with pytest.raises(Refused, match=r"PERMISSION_DENIED.*entities\.get"):
            ids(writer)
        assert ids(store) == ["2"]

    def test_whoever_may_read_one_by_one_may_not_search(self, local: Local, store: FirestoreVectors) -> None:
        _, token = self.token(local, "getter", "datastore.entities.get")
        with pytest.raises(Refused, match=r"PERMISSION_DENIED.*entities\.list"):
            ids(made(local, token))
