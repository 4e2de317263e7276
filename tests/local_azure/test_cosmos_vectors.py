"""Vector search of the local Cosmos DB: by our store, by Microsoft's SDK, and what it refuses.

Below them, the containers: which vector policies can be made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from azure.cosmos import ContainerProxy, CosmosClient
from azure.cosmos.exceptions import CosmosBatchOperationError, CosmosHttpResponseError
from azure_callers import Authorise, ours
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serverless_ai_local.azure.access import _may
from serverless_ai_local.azure.cosmos import ItemError, Items, Partition
from serverless_ai_local.azure.from_pulumi.azure_cloud import AzureCloud
from serverless_ai_local.azure.roles import COSMOS_ROLES
from serverless_ai_local.doors.pulumi.clouds import CloudError
from serverless_ai_patterns.azure import roles
from serverless_ai_runtime.adapters.azure import cosmos, cosmos_vectors
from serverless_ai_runtime.adapters.azure.cosmos_vectors import CosmosVectors
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused
from serverless_ai_runtime.core.rag.ports import Access, Entry

READER = "00000000-0000-0000-0000-000000000001"
WRITER = roles.USE_RECORDS.id
POLICY = {"path": "/vector", "dataType": "float32", "dimensions": 3, "distanceFunction": "cosine"}
INDEX = {"path": "/vector", "type": "flat"}
HOSTILE = ["", " ", "'", '"; DROP c --', "a/b\\c?d#e", "漢字🙂", "..", "\x00\r\n", "x" * 3000]
NUMBERS = st.floats(-10, 10, width=32).filter(lambda number: abs(number) > 0.01)
VECTORS = st.lists(NUMBERS, min_size=3, max_size=3)


class Database:
    """An account with a database whose containers have vectors."""

    def __init__(self, subscription: Any, *capabilities: str) -> None:
        self.subscription = subscription
        self.account = subscription.make(
            "cosmosdb:DatabaseAccount",
            kind="GlobalDocumentDB",
            capabilities=[{"name": name} for name in ("EnableServerless", *capabilities)],
        )
        subscription.make(
            "cosmosdb:SqlResourceSqlDatabase", accountName=self.account.name, databaseName="rag"
        )

    def container(
        self, policy: Sequence[Any] = (POLICY,), indexes: Sequence[Any] = (INDEX,), name: str = ""
    ) -> str:
        name = name or self.subscription.name("c")
        self.subscription.make(
            "cosmosdb:SqlResourceSqlContainer",
            accountName=self.account.name,
            databaseName="rag",
            containerName=name,
            resource={
                "id": name,
                "partitionKey": {"kind": "Hash", "paths": ["/tenant"]},
                "indexingPolicy": {"indexingMode": "consistent", "vectorIndexes": list(indexes)},
                "vectorEmbeddingPolicy": {"vectorEmbeddings": list(policy)},
            },
        )
        return name

    def grant(self, principal: str, role: str = WRITER) -> None:
        self.subscription.make(
            "cosmosdb:SqlResourceSqlRoleAssignment",
            accountName=self.account.name,
            principalId=principal,
            roleDefinitionId=f"{self.account.id}/sqlRoleDefinitions/{role}",
            scope=self.account.id,
        )

    def url(self, container: str) -> str:
        return f"{self.account.outputs['documentEndpoint']}dbs/rag/colls/{container}"

    def store(self, container: str, principal: str | None = None) -> CosmosVectors:
        cloud = ours(self.subscription, principal)
        url, resource = self.url(container), cosmos.RESOURCE
        return CosmosVectors(Service(cloud, "CosmosDB", url, resource, authorization=cosmos.authorization), 3)

    def sdk(self, container: str) -> ContainerProxy:
        transport = Authorise(self.subscription.token(cosmos.RESOURCE))
        client = CosmosClient(self.account.outputs["documentEndpoint"], "a2V5", transport=transport)
        return client.get_database_client("rag").get_container_client(container)


@pytest.fixture(scope="module")
def database(subscription: Any) -> Database:
    return Database(subscription, cosmos_vectors.CAPABILITY)


@pytest.fixture
def container(database: Database) -> str:
    return database.container()


@pytest.fixture
def store(database: Database, container: str) -> CosmosVectors:
    return database.store(container)


def entry(id_: str, vector: Sequence[float] = (1, 0, 0), tenant: str = "ada", text: str = "t") -> Entry:
    return Entry(id_, "d", Access(tenant, frozenset({"a", "b"})), text, "h", vector)


def ids(
    store: CosmosVectors, vector: Sequence[float] = (1, 0, 0), most: int = 100, tenant: str = "ada"
) -> list[str]:
    return [hit.id for hit in store.search(vector, most, Access(tenant), Deadline(10))]


class TestOurStore:
    def test_the_nearest_are_found_first_with_all_that_is_known_of_them(self, store: CosmosVectors) -> None:
        entries = [entry("far", (-1, 0, 0)), entry("near", (5, 0.1, 0)), entry("mid", (1, 1, 0))]
        store.upsert(entries, Deadline(10))
        hits = store.search((1, 0, 0), 2, Access("ada"), Deadline(10))
        assert [(hit.id, hit.document, hit.text, hit.heading) for hit in hits] == [
            ("near", "d", "t", "h"),
            ("mid", "d", "t", "h"),
        ]
        assert math.isclose(hits[1].score, math.sqrt(0.5), rel_tol=1e-6)

    def test_an_entry_written_again_is_there_once_as_it_was_last(self, store: CosmosVectors) -> None:
        for text in ("old", "new", "new"):
            store.upsert([entry("1", text=text)], Deadline(10))
        assert [hit.text for hit in store.search((1, 0, 0), 9, Access("ada"), Deadline(10))] == ["new"]

    def test_what_is_deleted_is_gone_and_what_is_not_there_too(self, store: CosmosVectors) -> None:
        store.upsert([entry("1"), entry("2"), entry("3", tenant="bob")], Deadline(10))
        for _ in range(2):
            store.delete(["1", "3", "none"], Deadline(10))
        assert (ids(store), ids(store, tenant="bob")) == (["2"], [])

    def test_any_text_may_be_an_id_a_tenant_a_tag_and_a_chunk(self, store: CosmosVectors) -> None:
        for tenant in HOSTILE:
            entries = [
                Entry(f"{one}-{tenant}", one, Access(tenant, frozenset(HOSTILE)), one, one, (1, 0, 0))
                for one in HOSTILE
            ]
            store.upsert(entries, Deadline(10))
        for tenant in HOSTILE:
            hits = store.search((1, 0, 0), 100, Access(tenant), Deadline(10))
            assert {(hit.id, hit.document, hit.text, hit.heading) for hit in hits} == {
                (f"{one}-{tenant}", one, one, one) for one in HOSTILE
            }
        store.delete([f"{one}-{HOSTILE[0]}" for one in HOSTILE], Deadline(10))
        assert ids(store, tenant=HOSTILE[0]) == []
        assert len(ids(store, tenant=HOSTILE[1])) == len(HOSTILE)

    def test_more_than_a_page_and_a_batch_come_and_go(self, store: CosmosVectors) -> None:
        names = [f"e{number}" for number in range(230)]
        store.upsert([entry(name) for name in names], Deadline(10))
        assert set(ids(store, most=1000)) == set(names)
        store.delete(names, Deadline(10))
        assert ids(store) == []

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 9), st.booleans(), VECTORS), max_size=12),
        st.sets(st.integers(0, 9)),
        VECTORS,
        st.integers(1, 8),
    )
    def test_it_is_an_exact_search_and_two_tenants_never_see_each_others(
        self,
        database: Database,
        written: list[tuple[int, bool, list[float]]],
        deleted: set[int],
        asked: list[float],
        most: int,
    ) -> None:
        tenants = {True: f"t{database.subscription.name('')}", False: f"t{database.subscription.name('')}"}
        kept: dict[str, dict[str, list[float]]] = {tenant: {} for tenant in tenants.values()}
        store = database.store(database.container(name="property"))
        entries: list[Entry] = []
        for number, first, vector in written:
            tenant = tenants[first]
            entries.append(entry(f"{number} of {tenant}", vector, tenant))
            kept[tenant][f"{number} of {tenant}"] = vector
        store.upsert(entries, Deadline(10))
        gone = [f"{number} of {tenants[True]}" for number in deleted]
        store.delete(gone, Deadline(10))
        for name in gone:
            kept[tenants[True]].pop(name, None)
        for tenant in tenants.values():
            hits = store.search(asked, most, Access(tenant, frozenset({"a"})), Deadline(10))
            assert {hit.id for hit in hits} <= kept[tenant].keys()
            scores = sorted((_cosine(asked, vector) for vector in kept[tenant].values()), reverse=True)
            assert [hit.score for hit in hits] == pytest.approx(scores[:most], abs=1e-5)


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    dot = sum(left * right for left, right in zip(one, other, strict=True))
    return dot / (math.hypot(*one) * math.hypot(*other))


class TestTheSdk:
    @pytest.mark.parametrize(
        ("function", "order", "score"),
        [
            ("cosine", ["same", "long", "other"], 1.0),
            ("dotproduct", ["long", "same", "other"], 9.0),
            ("euclidean", ["same", "other", "long"], 0.0),
        ],
    )
    def test_each_function_has_its_own_order(
        self, database: Database, function: str, order: list[str], score: float
    ) -> None:
        proxy = database.sdk(database.container([{**POLICY, "distanceFunction": function}]))
        for name, vector in (("long", [9, 0.9, 0]), ("same", [1, 0, 0]), ("other", [0, 1, 0])):
            proxy.upsert_item({"id": name, "tenant": "a", "vector": vector})
        proxy.upsert_item({"id": "bare", "tenant": "a"})
        near = "VectorDistance(c.vector, @v)"
        found: list[Any] = list(
            proxy.query_items(
                f"SELECT TOP @k c.id, {near} AS score FROM c ORDER BY {near}",
                parameters=[{"name": "@v", "value": [1, 0, 0]}, {"name": "@k", "value": 9}],
                partition_key="a",
            )
        )
        assert [one["id"] for one in found] == order
        assert found[0]["score"] == pytest.approx(score)

    def test_a_query_asks_for_items_by_what_is_in_them(self, database: Database, container: str) -> None:
        proxy = database.sdk(container)
        for number in range(4):
            proxy.upsert_item({"id": str(number), "tenant": "a", "n": number, "deep": {"b": True}})
        assert [one["id"] for one in proxy.query_items("select * from c", partition_key="a")] == list("0123")
        query = "SELECT c.id, c.deep.b AS deep, c.none FROM c WHERE c.n IN (1, @n) AND c.deep.b = true"
        found = list(proxy.query_items(query, [{"name": "@n", "value": 3}], partition_key="a"))
        assert found == [{"id": "1", "deep": True}, {"id": "3", "deep": True}]
        assert list(proxy.query_items("SELECT c.id FROM c WHERE c.deep.b = 1", partition_key="a")) == []
        pages = proxy.query_items("SELECT c.id FROM c", partition_key="a", max_item_count=3).by_page()
        assert [len(list(page)) for page in pages] == [3, 1]

    def test_a_batch_is_done_as_a_whole_or_not_at_all(self, database: Database, container: str) -> None:
        proxy = database.sdk(container)
        item = {"id": "1", "tenant": "a", "n": 1}
        results = proxy.execute_item_batch(
            [
                ("create", (item,)),
                ("upsert", ({**item, "n": 2},)),
                ("patch", ("1", [{"op": "incr", "path": "/n", "value": 5}])),
                ("read", ("1",)),
                ("replace", ("1", {**item, "n": 9})),
                ("delete", ("1",)),
                ("upsert", (item,)),
            ],
            partition_key="a",
        )
        assert [one["statusCode"] for one in results] == [201, 200, 200, 200, 200, 204, 201]
        assert results[3]["resourceBody"]["n"] == 7
        changes: list[Any] = [("replace", ("1", {**item, "n": 3})), ("upsert", ({"id": "2", "tenant": "a"},))]
        with pytest.raises(CosmosBatchOperationError) as caught:
            proxy.execute_item_batch([*changes, ("delete", ("none",))], partition_key="a")
        statuses = [one["statusCode"] for one in caught.value.operation_responses]
        assert (caught.value.error_index, statuses) == (2, [424, 424, 404])
        assert [(one["id"], one["n"]) for one in proxy.query_items("SELECT * FROM c", partition_key="a")] == [
            ("1", 1)
        ]

    def test_a_batch_is_of_one_partition_and_of_bounded_size(
        self, database: Database, container: str
    ) -> None:
        proxy = database.sdk(container)
        with pytest.raises(CosmosBatchOperationError) as caught:
            proxy.execute_item_batch([("upsert", ({"id": "1", "tenant": "b"},))], partition_key="a")
        assert caught.value.status_code == 400
        many = [("upsert", ({"id": str(number), "tenant": "a"},)) for number in range(101)]
        with pytest.raises(CosmosHttpResponseError, match="more operations than what is supported"):
            proxy.execute_item_batch(many, partition_key="a")
        large = {"id": "1", "tenant": "a", "text": "x" * 2_200_000}
        with pytest.raises(CosmosHttpResponseError, match="Request size is too large") as too_large:
            proxy.upsert_item(large)
        assert too_large.value.status_code == 413

    @pytest.mark.parametrize(
        "item",
        [
            {"id": "x" * 1024}, {"id": "a/b"}, {"id": "a\\b"}, {"id": "1", "vector": [1, 2]},
            {"id": "1", "vector": [1, 2, "3"]}, {"id": "1", "vector": 5}, {"id": "1", "vector": [1, 2, True]},
        ],
    )  # fmt: skip
    def test_an_item_that_cannot_be_kept_is_refused(
        self, database: Database, container: str, item: dict[str, Any], call: Any
    ) -> None:
        headers = _headers(database) | {"x-ms-documentdb-is-upsert": "true"}
        refused = call(
            "POST", database.url(container) + "/docs", body={"tenant": "a", **item}, headers=headers
        )
        assert (refused.status, refused.body["code"]) == (400, "BadRequest")

    @pytest.mark.parametrize(
        ("query", "why"),
        [
            ("SELECT TOP 1 c.id FROM c ORDER BY VectorDistance(c.vector, [1, 2])", "3 numbers"),
            ("SELECT TOP 1 c.id FROM c ORDER BY VectorDistance(c.other, [1, 2, 3])", "vector policy"),
            ("SELECT VectorDistance(c.vector, 5) FROM c", "an array"),
            ("SELECT TOP 1 c.id FROM c ORDER BY VectorDistance(c.vector, [1, 2, 3]) DESC", "sorting order"),
            ("SELECT c.id FROM c ORDER BY c.id", "VECTORDISTANCE is expected"),
            ("SELECT COUNT(1) FROM c", "C is expected"),
            ("SELECT c.id FROM c WHERE c.id = @none", "@none is not given"),
            ("SELECT c.id FROM c WHERE c.id = 'a'", "near"),
            ("SELECT c.id FROM c; DELETE", "near"),
            ("SELECT TOP -1 c.id FROM c", "TOP takes"),
            ("SELECT c FROM c", "c.field"),
            ("", "SELECT is expected"),
        ],
    )
    def test_a_query_that_it_cannot_answer_is_refused_by_name(
        self, database: Database, container: str, query: str, why: str, call: Any
    ) -> None:
        refused = _query(database, container, call, query, {"x-ms-documentdb-partitionkey": '["a"]'})
        assert (refused.status, refused.body["code"]) == (400, "BadRequest")
        assert why in refused.body["message"]

    def test_only_simple_queries_cross_partitions(
        self, database: Database, container: str, call: Any
    ) -> None:
        across = {"x-ms-documentdb-query-enablecrosspartition": "true"}
        refused = _query(database, container, call, "SELECT c.id FROM c", {})
        assert "Cross partition query is required but disabled" in refused.body["message"]
        refused = _query(database, container, call, "SELECT TOP 1 c.id FROM c", across)
        assert (refused.status, refused.headers["x-ms-substatus"]) == (400, "1004")
        assert _query(database, container, call, "SELECT c.id FROM c", across).body["Documents"] == []


def _headers(database: Database) -> dict[str, str]:
    token = database.subscription.token(cosmos.RESOURCE)
    return {"authorization": cosmos.authorization(token), "x-ms-documentdb-partitionkey": '["a"]'}


def _query(database: Database, container: str, call: Any, query: str, more: dict[str, str]) -> Any:
    headers = {
        "authorization": _headers(database)["authorization"],
        "x-ms-documentdb-isquery": "true",
        **more,
    }
    body = {"query": query, "parameters": []}
    return call("POST", database.url(container) + "/docs", body=body, headers=headers)


class TestPermissions:
    def test_a_reader_searches_and_changes_nothing(
        self, database: Database, container: str, principal: str
    ) -> None:
        database.grant(principal, READER)
        database.store(container).upsert([entry("1")], Deadline(10))
        store = database.store(container, principal)
        assert ids(store) == ["1"]
        with pytest.raises(Refused, match=r"Forbidden.*items/upsert"):
            store.upsert([entry("2")], Deadline(10))
        with pytest.raises(Refused, match=r"Forbidden.*items/delete"):
            store.delete(["1"], Deadline(10))
        assert ids(store) == ["1"]

    def test_a_writer_does_what_the_runtime_says_that_it_needs(
        self, database: Database, container: str, principal: str, subscription: Any
    ) -> None:
        database.grant(principal)
        store = database.store(container, principal)
        store.upsert([entry("1")], Deadline(10))
        store.delete(["1"], Deadline(10))
        checks = subscription.checks(principal)
        assert {one["action"] for one in checks} == set(cosmos_vectors.WRITE_ACTIONS)
        assert all(one["allowed"] for one in checks)

    def test_nobody_searches_without_a_role(self, database: Database, container: str, principal: str) -> None:
        with pytest.raises(Refused, match=r"Forbidden.*executeQuery"):
            ids(database.store(container, principal))

    def test_the_roles_allow_what_the_calls_need(self) -> None:
        assert COSMOS_ROLES[READER].name == cosmos_vectors.READ_ROLE
        assert COSMOS_ROLES[WRITER].name == cosmos_vectors.WRITE_ROLE
        assert all(_may(COSMOS_ROLES[READER], one) for one in cosmos_vectors.READ_ACTIONS)
        assert all(_may(COSMOS_ROLES[WRITER], one) for one in cosmos_vectors.WRITE_ACTIONS)


class TestPolicies:
    def test_every_kind_of_index_can_be_made(self, database: Database) -> None:
        policy = [
            {"path": "/flat", "dataType": "float32", "dimensions": 505, "distanceFunction": "euclidean"},
            {"path": "/quantized", "dataType": "int8", "dimensions": 4096, "distanceFunction": "dotproduct"},
            {"path": "/a/b", "dataType": "float16", "dimensions": 400, "distanceFunction": "cosine"},
        ]
        indexes = [
            {"path": "/flat", "type": "flat", "indexingSearchListSize": 100},
            {"path": "/quantized", "type": "quantizedFlat", "quantizationByteSize": 512},
            {
                "path": "/a/b",
                "type": "diskANN",
                "vectorIndexShardKey": ["/tenant"],
                "indexingSearchListSize": 25,
            },
        ]
        properties = database.sdk(database.container(policy, indexes)).read()
        assert properties["vectorEmbeddingPolicy"]["vectorEmbeddings"] == policy
        assert properties["indexingPolicy"]["vectorIndexes"] == indexes

    @pytest.mark.parametrize(
        ("policy", "index", "why"),
        [
            ({"dataType": "float33"}, {}, "Vector Embedding Policy has an invalid DataType"),
            ({"dimensions": 8000}, {}, "has Dimensions:8000 which is more than the maximum supported value"),
            ({"dimensions": -1}, {}, "The Vector Embedding Policy has Dimensions:-1"),
            ({"dimensions": 1.5}, {}, "Dimensions:1.5"),
            ({"distanceFunction": "handMeasured"}, {}, "an invalid DistanceFunction:handMeasured"),
            ({"path": "vector"}, {}, "an invalid Path:vector"),
            ({"path": "/other"}, {}, "path::/vector not matching in Embedding's path."),
            ({}, {"type": "notFlat"}, "Index Type::notFlat is invalid"),
            ({"dimensions": 506}, {}, "at most 505 dimensions"),
            ({"dimensions": 256}, {"quantizationByteSize": 0},
             "value :: 0 is out of range. The allowed range is between 1 and 256."),
            ({"dimensions": 550}, {"type": "quantizedFlat", "quantizationByteSize": 513},
             "QuantizationByteSize value :: 513 is out of range."),
            ({}, {"type": "diskANN", "indexingSearchListSize": 5},
             "IndexingSearchListSize value :: 5 is out of range. The allowed range is between 25 and 500."),
            ({}, {"type": "diskANN", "vectorIndexShardKey": "/country"}, "the specified inputs is invalid"),
            ({}, {"type": "diskANN", "vectorIndexShardKey": ["country"]}, "an invalid Shard Path: country."),
            ({}, {"type": "diskANN", "vectorIndexShardKey": ["/a", "/b", "/c"]},
             "The number of shard paths defined in the Vector Indexing Policy: 3 exceeds the maximum: 1."),
        ],
    )  # fmt: skip
    def test_a_policy_that_the_service_refuses_is_refused_in_its_words(
        self, database: Database, policy: dict[str, Any], index: dict[str, Any], why: str
    ) -> None:
        with pytest.raises(CloudError) as refused:
            database.container([{**POLICY, **policy}], [{**INDEX, **index}])
        assert why in str(refused.value)

    def test_a_pulumi_program_may_say_what_the_sdk_has(self) -> None:
        kind = AzureCloud().kind("azure-native:cosmosdb:SqlResourceSqlContainer")
        index = {**INDEX, "indexingSearchListSize": 100.0}
        resource = {"id": "c", "vectorEmbeddingPolicy": {"vectorEmbeddings": [POLICY]}}
        kind.check({"resource": {**resource, "indexingPolicy": {"vectorIndexes": [index]}}})
        wrong = {"vectorEmbeddings": [{**POLICY, "model": "small"}]}
        with pytest.raises(CloudError, match=r"vector_embeddings\.model is not supported"):
            kind.check({"resource": {"vectorEmbeddingPolicy": wrong}})

    def test_a_path_has_one_policy_and_one_index(self, database: Database) -> None:
        with pytest.raises(CloudError, match="duplicate"):
            database.container([POLICY, POLICY])
        with pytest.raises(CloudError, match="given twice"):
            database.container(indexes=[INDEX, INDEX])

    def test_an_account_without_the_capability_has_no_vectors(self, subscription: Any) -> None:
        plain = Database(subscription)
        assert plain.container([], [])
        with pytest.raises(CloudError, match="the capability has not been enabled on your account"):
            plain.container()

    def test_a_policy_stays_as_it_was_made(self, database: Database, container: str) -> None:
        with pytest.raises(CloudError, match="existing embedding policy cannot be modified"):
            database.container([{**POLICY, "dimensions": 4}], name=container)
        with pytest.raises(CloudError, match="existing vector indexing policy cannot be modified"):
            database.container(indexes=[{**INDEX, "type": "diskANN"}], name=container)
        other = {**POLICY, "path": "/other"}
        assert database.container([POLICY, other], name=container) == container


def test_a_batch_that_fails_brings_back_what_it_has_deleted() -> None:
    items, there = Items(lambda: 100.0), Partition("c", "k", -1)
    items.create(there, {"id": "a", "ttl": 10})

    def work() -> None:
        items.delete(there, "a", "")
        items.create(there, {"id": "b"})
        raise ItemError(409, "no")

    with pytest.raises(ItemError, match="no"):
        items.together(there, ["a", "b"], work)
    assert [one["id"] for one in items.select("c", None)] == ["a"]
