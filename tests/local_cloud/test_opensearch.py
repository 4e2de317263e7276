"""OpenSearch Serverless here: the adapter against it end to end, AWS's own client, and who may do what."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.credentials import Credentials as BotoCredentials
from botocore.exceptions import ClientError
from opensearch_caller import ROOT, store
from opensearchpy import (
    AuthorizationException,
    NotFoundError,
    OpenSearch,
    RequestError,
    RequestsAWSV4SignerAuth,
    RequestsHttpConnection,
    helpers,
)

from serverless_ai_local.launch import Credentials
from serverless_ai_patterns.aws import opensearch as data
from serverless_ai_patterns.rag.stores import OpenSearch as Settings
from serverless_ai_runtime.adapters.aws import opensearch
from serverless_ai_runtime.adapters.aws.opensearch import OpenSearch as Store
from serverless_ai_runtime.adapters.aws.opensearch_index import Place
from serverless_ai_runtime.core.ports import Deadline, Refused
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit

_numbers = itertools.count(1)
HOSTILE = 'it\'s a "#1" 100% ☂ \x00 \\ \n {"}} AND (b) 😀 ' + chr(0xD800)
WRONG = Credentials(access_key="test", secret_key="wrong", token="")


class Collection:
    """A collection of its own, open to the network."""

    def __init__(self, aoss: Any, name: str, *, classic: bool) -> None:
        self.aoss, self.name, self.classic = aoss, name, classic
        self.settings = Settings(classic=classic)
        for kind, policy in (
            ("encryption", data.encryption_policy(name, None)),
            ("network", data.network_policy(name)),
        ):
            aoss.create_security_policy(type=kind, name=name, policy=json.dumps(policy))
        group: dict[str, Any] = {}
        if not classic:
            aoss.create_collection_group(name=name, standbyReplicas="ENABLED", generation="NEXTGEN")
            group = {"collectionGroupName": name}
        made = aoss.create_collection(name=name, type="VECTORSEARCH", **group)
        self.id = made["createCollectionDetail"]["id"]
        [found] = aoss.batch_get_collection(ids=[self.id])["collectionDetails"]
        self.arn, self.url = found["arn"], found["collectionEndpoint"]

    def give(self, *, readers: list[str] | None = None, writers: list[str] | None = None) -> None:
        """The data access policy that a deployment makes, for the index `i1`."""
        policy = data.access_policy(
            self.name, ["i1"], self.settings, readers=readers or [], writers=writers or []
        )
        self.aoss.create_access_policy(type="data", name=self.name, policy=json.dumps(policy))

    def store(self, keys: Credentials = ROOT, index: str = "i1") -> Store:
        return store(Place(self.url, index, 3, self.classic), keys)

    def sdk(self, keys: Credentials = ROOT) -> Any:
        """AWS's own client."""
        address, _, path = self.url.removeprefix("http://").partition("/")
        host, _, port = address.partition(":")
        return OpenSearch(
            hosts=[{"host": host, "port": int(port), "url_prefix": path}],
            http_auth=RequestsAWSV4SignerAuth(
                BotoCredentials(keys.access_key, keys.secret_key, keys.token or None), "us-east-1", "aoss"
            ),
            connection_class=RequestsHttpConnection,
        )


@pytest.fixture(params=[False, True], ids=["nextgen", "classic"])
def collection(request: pytest.FixtureRequest, root: Callable[[str], Any]) -> Collection:
    return Collection(root("opensearchserverless"), f"oss-{next(_numbers)}", classic=request.param)


@pytest.fixture
def nextgen(root: Callable[[str], Any]) -> Collection:
    return Collection(root("opensearchserverless"), f"oss-{next(_numbers)}", classic=False)


@pytest.fixture
def classic(root: Callable[[str], Any]) -> Collection:
    return Collection(root("opensearchserverless"), f"oss-{next(_numbers)}", classic=True)


def entry(
    name: str,
    vector: tuple[float, float, float] = (1, 0, 0),
    *,
    tenant: str = "a",
    text: str = "plain words",
    document: str = "bucket/a.txt",
    heading: str = "",
) -> Entry:
    return Entry(name, document, Access(tenant), text, heading, vector)


def ids(store: Store, vector: tuple[float, float, float] = (1, 0, 0), **more: Any) -> list[str]:
    most, tenant = more.pop("most", 10), more.pop("tenant", "a")
    return [hit.id for hit in store.search(vector, most, Access(tenant), Deadline(10), **more)]


def worded(store: Store, question: str, tenant: str = "a", **more: Any) -> list[Hit]:
    return store.search_text(question, 10, Access(tenant), Deadline(10), **more)


class TestTheAdapter:
    def test_before_the_first_write_nothing_is_found_and_nothing_to_delete(
        self, collection: Collection
    ) -> None:
        store = collection.store()
        assert ids(store) == []
        assert worded(store, "plain") == []
        store.delete(["none"], Deadline(10))
        assert not collection.sdk().indices.exists(index="i1")

    def test_the_nearest_of_the_tenant_come_first_with_their_cosine(self, collection: Collection) -> None:
        store = collection.store()
        entries = [entry("far", (-1, 1, 0)), entry("near", (9, 1, 0)), entry("same", (2, 0, 0))]
        store.upsert([*entries, entry("theirs", tenant="b")], Deadline(10))
        hits = store.search((5, 0, 0), 10, Access("a"), Deadline(10))
        assert [hit.id for hit in hits] == ["same", "near", "far"]
        expected = [1.0, 9 / math.hypot(9, 1), -1 / math.hypot(1, 1)]
        assert [hit.score for hit in hits] == pytest.approx(expected, abs=1e-6)
        assert ids(store, most=1) == ["same"]
        assert ids(store, tenant="b") == ["theirs"]
        assert ids(store, tenant="") == []

    def test_what_is_written_again_is_there_once(self, collection: Collection) -> None:
        store = collection.store()
        for words in ("old", "new"):
            store.upsert([entry("1", text=words), entry("2", text=words)], Deadline(10))
        found = store.search((1, 0, 0), 10, Access("a"), Deadline(10))
        assert sorted((hit.id, hit.text) for hit in found) == [("1", "new"), ("2", "new")]
        assert len(collection.sdk().search(index="i1")["hits"]["hits"]) == 2

    def test_what_is_deleted_is_gone_and_stays_gone(self, collection: Collection) -> None:
        store = collection.store()
        store.upsert([entry("1"), entry("2")], Deadline(10))
        for _ in range(2):
            store.delete(["1", "1", "none"], Deadline(10))
            assert ids(store) == ["2"]

    def test_a_search_may_be_of_some_documents_only(self, collection: Collection) -> None:
        store = collection.store()
        names = ["b/1", "b/2", "b/3"]
        store.upsert([entry(name, document=name) for name in names], Deadline(10))
        store.upsert([entry("theirs", document="b/1", tenant="b")], Deadline(10))
        assert sorted(ids(store, documents=["b/1", "b/3", "none"])) == ["b/1", "b/3"]
        assert sorted(hit.id for hit in worded(store, "words", documents=["b/2"])) == ["b/2"]
        assert ids(store, documents=["b/2"], tenant="b") == []

    def test_words_are_found_with_the_better_match_first(self, collection: Collection) -> None:
        store = collection.store()
        texts = {"1": "cats and dogs", "2": "dogs, dogs: dogs!", "3": "birds of the sea", "4": "nothing"}
        store.upsert([entry(name, text=one) for name, one in texts.items()], Deadline(10))
        store.upsert(
            [entry("5", text="x", heading="Whales"), entry("6", text="dogs", tenant="b")], Deadline(10)
        )
        assert [hit.id for hit in worded(store, "DOGS")] == ["2", "1"]
        assert [hit.id for hit in worded(store, "whales?")] == ["5"]
        assert {hit.id for hit in worded(store, "sea cats")} == {"1", "3"}
        scores = [hit.score for hit in worded(store, "dogs cats")]
        assert scores == sorted(scores, reverse=True)
        assert worded(store, "") == worded(store, " \n\t") == []

    @pytest.mark.parametrize(
        "question", ["dogs AND NOT cats", '"dogs', "dogs~2^5 +(", "te*t:", "\x00", HOSTILE, "犬" * 3000]
    )
    def test_a_question_is_words_and_no_query(self, nextgen: Collection, question: str) -> None:
        store = nextgen.store()
        store.upsert([entry("1", text=f"about dogs {question}"), entry("2", text="*")], Deadline(10))
        assert "2" not in [hit.id for hit in worded(store, question)]

    def test_a_long_question_has_no_more_words_than_a_query_may(self, nextgen: Collection) -> None:
        store = nextgen.store()
        store.upsert([entry("1", text="w7")], Deadline(10))
        assert [hit.id for hit in worded(store, " ".join(f"w{number}" for number in range(5000)))] == ["1"]

    def test_hostile_texts_and_ids_survive(self, collection: Collection) -> None:
        store = collection.store()
        sound = HOSTILE.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        odd = Entry(HOSTILE, HOSTILE, Access(HOSTILE), HOSTILE + "x" * 50_000, HOSTILE, (1, 0, 0))
        long = entry("x" * 5000, document="d" * 50_000)
        store.upsert([odd, long], Deadline(10))
        [hit] = store.search((1, 0, 0), 5, Access(HOSTILE), Deadline(10), [HOSTILE])
        assert (hit.id, hit.document, hit.heading) == (sound, sound, sound)
        assert hit.text == sound + "x" * 50_000
        assert ids(store, documents=["d" * 50_000]) == ["x" * 5000]
        store.delete([HOSTILE, "x" * 5000], Deadline(10))
        assert ids(store) == ids(store, tenant=HOSTILE) == []

    def test_more_than_a_request_takes_is_written_and_deleted(self, collection: Collection) -> None:
        store = collection.store()
        names = [f"id-{number}" for number in range(1100)]
        store.upsert([entry(name, (1, number, 0)) for number, name in enumerate(names)], Deadline(60))
        assert len(ids(store, most=2000)) == 1100
        store.upsert([entry(name) for name in names[:600]], Deadline(60))
        assert len(ids(store, most=2000)) == 1100
        store.delete(names, Deadline(60))
        assert ids(store) == []

    def test_an_index_that_was_removed_is_made_again(self, collection: Collection) -> None:
        store = collection.store()
        store.upsert([entry("1")], Deadline(10))
        collection.sdk().indices.delete(index="i1")
        assert ids(store) == []
        again = collection.store()
        again.upsert([entry("2")], Deadline(10))
        assert ids(store) == ["2"]

    def test_copies_in_a_classic_collection_are_one_hit(self, classic: Collection) -> None:
        store = classic.store()
        store.upsert([entry("1"), entry("2", (1, 1, 0))], Deadline(10))
        [kept, *_] = classic.sdk().search(
            index="i1", body={"_source": True, "query": {"knn": {"vector": {"vector": [1, 0, 0], "k": 1}}}}
        )["hits"]["hits"]
        classic.sdk().index(index="i1", body=kept["_source"])
        assert ids(store, most=2) == ["1", "2"]
        store.delete(["1"], Deadline(10))
        assert ids(store) == ["2"]

    def test_another_dimension_is_refused_before_any_call(self, nextgen: Collection) -> None:
        store = nextgen.store()
        with pytest.raises(Refused, match="the vector has 2 numbers, the index's have 3"):
            store.upsert([entry("1")._replace(vector=[1, 2])], Deadline(10))
        with pytest.raises(Refused, match="WrongDimension"):
            store.search([1.0], 1, Access(), Deadline(10))


class TestPermissions:
    @pytest.fixture
    def keys(self, role: Any) -> Credentials:
        return role.credentials

    def test_a_reader_searches_and_changes_nothing(
        self, collection: Collection, role: Any, keys: Credentials
    ) -> None:
        collection.store().upsert([entry("1")], Deadline(10))
        role.may({"Action": list(opensearch.ACTIONS), "Resource": collection.arn})
        collection.give(readers=[role.arn])
        store = collection.store(keys)
        assert ids(store) == ["1"]
        assert [hit.id for hit in worded(store, "plain")] == ["1"]
        with pytest.raises(Refused, match="User does not have permissions"):
            store.upsert([entry("2")], Deadline(10))
        with pytest.raises(Refused, match="User does not have permissions"):
            store.delete(["1"] if not collection.classic else ["1", "2"], Deadline(10))
        assert ids(store) == ["1"]
        checks = {(one["action"], one["resource"], one["allowed"]) for one in role.checks()}
        assert checks == {("aoss:APIAccessAll", collection.arn, True)}

    def test_a_writer_does_what_the_runtime_says_that_it_needs(
        self, collection: Collection, role: Any, keys: Credentials
    ) -> None:
        role.may({"Action": list(opensearch.ACTIONS), "Resource": collection.arn})
        collection.give(writers=[role.arn])
        store = collection.store(keys)
        for _ in range(2):
            store.upsert([entry("1"), entry("2")], Deadline(10))
        store.delete(["1"], Deadline(10))
        assert ids(collection.store()) == ["2"]
        if not collection.classic:
            with pytest.raises(Refused, match="User does not have permissions"):
                ids(store)

    def test_no_other_index_than_those_of_the_policy(
        self, nextgen: Collection, role: Any, keys: Credentials
    ) -> None:
        role.may({"Action": list(opensearch.ACTIONS), "Resource": nextgen.arn})
        nextgen.give(readers=[role.arn], writers=[role.arn])
        with pytest.raises(Refused, match="security_exception"):
            nextgen.store(keys, "i2").upsert([entry("1")], Deadline(10))

    def test_both_policies_are_needed(self, nextgen: Collection, role: Any, keys: Credentials) -> None:
        nextgen.give(readers=[role.arn])
        with pytest.raises(Refused, match="403 Forbidden"):
            ids(nextgen.store(keys))
        role.may({"Action": "aoss:APIAccessAll", "Resource": nextgen.arn})
        assert ids(nextgen.store(keys)) == []
        nextgen.aoss.delete_access_policy(type="data", name=nextgen.name)
        with pytest.raises(Refused, match="User does not have permissions"):
            ids(nextgen.store(keys))

    def test_a_wrong_signature_is_refused_as_is_a_closed_network(self, nextgen: Collection) -> None:
        with pytest.raises(Refused, match="403 Forbidden"):
            ids(nextgen.store(WRONG))
        with pytest.raises(AuthorizationException) as refused:
            nextgen.sdk(WRONG).search(index="i1")
        assert (refused.value.error, refused.value.status_code) == ("Forbidden", 403)
        nextgen.aoss.delete_security_policy(type="network", name=nextgen.name)
        with pytest.raises(Refused, match="403 Forbidden"):
            ids(nextgen.store())


MAPPING = {
    "dynamic": "strict",
    "properties": {
        "name": {"type": "keyword"},
        "words": {"type": "text"},
        "v": {"type": "knn_vector", "dimension": 2, "space_type": "l2"},
    },
}
INDEX = {"settings": {"index.knn": True}, "mappings": MAPPING}


def queried(sdk: Any, query: Mapping[str, Any], **more: Any) -> list[tuple[str, float]]:
    found = sdk.search(index="i", body={"query": query, **more})
    return [(hit["_id"], hit["_score"]) for hit in found["hits"]["hits"]]


class TestTheSdk:
    @pytest.fixture
    def sdk(self, nextgen: Collection) -> Iterator[Any]:
        sdk = nextgen.sdk()
        sdk.indices.create(index="i", body=INDEX)
        documents = [
            {"_id": "1", "name": "a", "words": "one fish two fish", "v": [0, 0]},
            {"_id": "2", "name": "b", "words": "red fish", "v": [3, 4]},
            {"_id": "3", "name": "b", "words": "no animals at all here", "v": [1, 0]},
            {"_id": "4", "name": "c"},
        ]
        done, errors = helpers.bulk(sdk, [{"_index": "i", **one} for one in documents])
        assert (done, errors) == (4, [])
        yield sdk
        sdk.close()

    def test_an_index_lives_and_is_described(self, sdk: Any) -> None:
        assert sdk.indices.get_mapping(index="i")["i"]["mappings"] == MAPPING
        assert sdk.indices.get(index="i")["i"]["settings"]["index"]["knn"] == "true"
        with pytest.raises(RequestError) as twice:
            sdk.indices.create(index="i", body=INDEX)
        assert twice.value.error == "resource_already_exists_exception"
        sdk.indices.delete(index="i")
        assert not sdk.indices.exists(index="i")
        with pytest.raises(NotFoundError) as missing:
            sdk.search(index="i")
        assert missing.value.error == "index_not_found_exception"

    @pytest.mark.parametrize(
        ("space", "order", "best"),
        [
            ("l2", ["near", "back", "far"], 1 / (1 + 1)),
            ("innerproduct", ["far", "near", "back"], 7.0),
            ("cosinesimil", ["near", "far", "back"], 1.0),
        ],
    )
    def test_each_space_has_its_own_order_and_score(
        self, nextgen: Collection, space: str, order: list[str], best: float
    ) -> None:
        sdk = nextgen.sdk()
        vector = {"type": "knn_vector", "dimension": 2, "space_type": space}
        sdk.indices.create(index="i", body={**INDEX, "mappings": {"properties": {"v": vector}}})
        for name, one in (("near", [2, 0]), ("far", [6, 6]), ("back", [-1, -0.5])):
            sdk.index(index="i", id=name, body={"v": one})
        found = queried(sdk, {"knn": {"v": {"vector": [1, 0], "k": 5}}})
        assert [name for name, _ in found] == order
        assert found[0][1] == pytest.approx(best)
        assert all(score > 0 for _, score in found)

    def test_queries_combine(self, sdk: Any) -> None:
        near = {"knn": {"v": {"vector": [0, 0], "k": 2}}}
        assert [name for name, _ in queried(sdk, near)] == ["1", "3"]
        of_b = {"bool": {"filter": [{"term": {"name": "b"}}]}}
        assert [name for name, _ in queried(sdk, {"knn": {"v": {**near["knn"]["v"], "filter": of_b}}})] == [
            "3", "2",
        ]  # fmt: skip
        assert {name for name, _ in queried(sdk, {"terms": {"name": ["a", "c", "z"]}})} == {"1", "4"}
        not_b = {"bool": {"must_not": [{"term": {"name": {"value": "b"}}}]}}
        assert {name for name, _ in queried(sdk, not_b)} == {"1", "4"}
        both = {"match": {"words": {"query": "red fish", "operator": "and"}}}
        assert [name for name, _ in queried(sdk, both)] == ["2"]
        either = {"bool": {"should": [both, {"term": {"name": "c"}}]}}
        assert {name for name, _ in queried(sdk, either)} == {"2", "4"}
        assert queried(sdk, {"match_all": {}}, size=1, **{"from": 1}) == [("2", 1.0)]

    def test_bm25_is_lucenes(self, sdk: Any) -> None:
        found = dict(queried(sdk, {"match": {"words": "fish"}}))
        rarity = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
        average = (4 + 2 + 5) / 3
        assert found["1"] == pytest.approx(rarity * 2 / (2 + 1.2 * (0.25 + 0.75 * 4 / average)))
        assert found["2"] == pytest.approx(rarity * 1 / (1 + 1.2 * (0.25 + 0.75 * 2 / average)))
        assert found.keys() == {"1", "2"}

    def test_vectors_are_shown_to_who_asks(self, sdk: Any, classic: Collection) -> None:
        about = {"query": {"term": {"name": "a"}}}
        [hit] = sdk.search(index="i", body=about)["hits"]["hits"]
        assert hit["_source"].keys() == {"name", "words"}
        [hit] = sdk.search(index="i", body={**about, "_source": True})["hits"]["hits"]
        assert hit["_source"]["v"] == [0, 0]
        [hit] = sdk.search(index="i", body={**about, "_source": ["v"]})["hits"]["hits"]
        assert hit["_source"] == {"v": [0, 0]}
        [hit] = sdk.search(index="i", body={**about, "_source": False})["hits"]["hits"]
        assert "_source" not in hit
        older = classic.sdk()
        older.index(index="i", body={"v": [1]})
        assert older.search(index="i")["hits"]["hits"][0]["_source"] == {"v": [1]}

    def test_documents_are_written_replaced_and_deleted_one_by_one(self, sdk: Any) -> None:
        assert sdk.index(index="i", id="x", body={"name": "1"})["result"] == "created"
        assert sdk.index(index="i", id="x", body={"name": "2"})["result"] == "updated"
        with pytest.raises(helpers.BulkIndexError, match="version_conflict_engine_exception"):
            helpers.bulk(sdk, [{"_index": "i", "_op_type": "create", "_id": "x", "name": "3"}])
        assert sdk.delete(index="i", id="x")["result"] == "deleted"
        with pytest.raises(NotFoundError):
            sdk.delete(index="i", id="x")

    def test_a_classic_collection_takes_no_ids(self, classic: Collection) -> None:
        sdk = classic.sdk()
        refused = "Document ID is not supported in create/index operation request"
        with pytest.raises(RequestError, match=refused):
            sdk.index(index="i", id="1", body={"a": 1})
        with pytest.raises(helpers.BulkIndexError, match=refused):
            helpers.bulk(sdk, [{"_index": "i", "_id": "1", "a": 1}])
        made = sdk.index(index="i", body={"a": 1})
        assert sdk.delete(index="i", id=made["_id"])["result"] == "deleted"

    def test_each_generation_has_its_own_way_to_name_the_engine(
        self, nextgen: Collection, classic: Collection
    ) -> None:
        named = {"type": "knn_vector", "dimension": 2, "method": {"name": "hnsw", "engine": "faiss"}}
        body = {"settings": {"index": {"knn": True}}, "mappings": {"properties": {"v": named}}}
        with pytest.raises(RequestError, match="Field parameter 'engine' is not supported"):
            nextgen.sdk().indices.create(index="i", body=body)
        classic.sdk().indices.create(index="i", body=body)
        del named["method"]
        classic.sdk().indices.create(index="j", body=body)
        near = {"vector": [1, 0], "k": 1, "filter": {"match_all": {}}}
        with pytest.raises(RequestError, match=r"Engine \[nmslib\] does not support filters"):
            classic.sdk().search(index="j", body={"query": {"knn": {"v": near}}})

    def test_a_write_makes_an_index_whose_vectors_cannot_be_searched(self, nextgen: Collection) -> None:
        sdk = nextgen.sdk()
        sdk.index(index="i", body={"v": [1, 0], "t": "words"})
        with pytest.raises(RequestError, match="Field 'v' is not knn_vector type"):
            queried(sdk, {"knn": {"v": {"vector": [1, 0], "k": 1}}})
        assert len(queried(sdk, {"match": {"t": "words"}})) == 1

    @pytest.mark.parametrize(
        ("document", "why"),
        [
            ({"other": 1}, "strict_dynamic_mapping_exception"),
            ({"v": [1]}, "Vector dimension mismatch. Expected: 2, Given: 1"),
            ({"v": [1, "2"]}, "failed to parse field"),
            ({"v": 5}, "failed to parse field"),
            ({"name": "x" * 32_767}, "immense term"),
            ({"words": {"a": 1}}, "failed to parse field"),
        ],
    )
    def test_a_document_that_cannot_be_kept_is_refused(
        self, sdk: Any, document: dict[str, Any], why: str
    ) -> None:
        with pytest.raises(helpers.BulkIndexError, match=why):
            helpers.bulk(sdk, [{"_index": "i", **document}])
        assert len(queried(sdk, {"match_all": {}})) == 4

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            ({"query": {"prefix": {"name": "a"}}}, r"unknown query \[prefix\]"),
            ({"query": {"knn": {"v": {"vector": [1], "k": 1}}}}, "Dimension should be: 2"),
            ({"query": {"knn": {"v": {"vector": [1, 0], "k": 0}}}}, "requires k"),
            ({"query": {"knn": {"v": {"vector": [1, 0], "k": 1, "min_score": 1}}}}, "does not support"),
            ({"query": {"knn": {"name": {"vector": [1, 0], "k": 1}}}}, "is not knn_vector type"),
            ({"query": {"match": {"words": {"query": "x", "fuzziness": 2}}}}, "does not support"),
            ({"query": {"match": {"name": "x"}}}, "text fields only"),
            ({"query": {"term": {"words": "x"}}}, "keyword fields only"),
            ({"query": {"term": {"name": ["x"]}}}, "does not support array"),
            ({"query": {"bool": {"minimum_should_match": 1}}}, "does not support"),
            ({"query": {"match": {"words": "w " * 1025}}}, "too many nested clauses"),
            ({"query": {}}, "query malformed"),
            ({"aggs": {}}, r"unknown key \[aggs\]"),
            ({"size": 10_001}, "Result window is too large"),
            ({"size": -1}, "cannot be negative"),
        ],
    )
    def test_a_search_that_it_cannot_answer_is_refused_by_name(
        self, sdk: Any, body: dict[str, Any], why: str
    ) -> None:
        with pytest.raises(RequestError, match=why):
            sdk.search(index="i", body=body)

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            ({"aliases": {}}, "unknown key"),
            ({"settings": {"number_of_shards": 2}}, r"unknown setting \[index.number_of_shards\]"),
            ({"mappings": {"properties": {"g": {"type": "geo_point"}}}}, r"No handler for type \[geo_"),
            ({"mappings": {"properties": {"v": {"type": "knn_vector"}}}}, "Dimension value must be 1"),
            ({"mappings": {"properties": {"n": {"type": "text", "boost": 2}}}}, "unknown parameter"),
        ],
    )
    def test_an_index_that_it_cannot_make_is_refused_by_name(
        self, nextgen: Collection, body: dict[str, Any], why: str
    ) -> None:
        with pytest.raises(RequestError, match=why):
            nextgen.sdk().indices.create(index="i", body=body)

    def test_what_the_service_does_not_have_is_refused(self, sdk: Any) -> None:
        with pytest.raises(RequestError, match="true refresh policy is not supported"):
            sdk.index(index="i", body={"name": "a"}, params={"refresh": "true"})
        with pytest.raises(NotFoundError):
            sdk.delete_by_query(index="i", body={"query": {"match_all": {}}})
        with pytest.raises(RequestError, match="unrecognized parameter"):
            sdk.search(index="i", params={"scroll": "1m"})
        with pytest.raises(RequestError, match="terminated by a newline"):
            sdk.transport.perform_request("POST", "/i/_bulk", body=b'{"index":{}}')


def test_a_group_goes_after_its_collections_which_may_be_protected(nextgen: Collection) -> None:
    aoss = nextgen.aoss
    [group] = aoss.batch_get_collection_group(names=[nextgen.name])["collectionGroupDetails"]
    assert (group["generation"], group["numberOfCollections"]) == ("NEXTGEN", 1)
    with pytest.raises(ClientError, match="still has collections"):
        aoss.delete_collection_group(id=group["id"])
    aoss.update_collection(id=nextgen.id, deletionProtection="ENABLED")
    with pytest.raises(ClientError, match="deletion protection"):
        aoss.delete_collection(id=nextgen.id)
    aoss.update_collection(id=nextgen.id, deletionProtection="DISABLED")
    assert nextgen.id in {one["id"] for one in aoss.list_collections()["collectionSummaries"]}
    aoss.delete_collection(id=nextgen.id)
    aoss.delete_collection_group(id=group["id"])
    [missing] = aoss.batch_get_collection(ids=[nextgen.id])["collectionErrorDetails"]
    assert missing["errorCode"] == "NOT_FOUND"
    with pytest.raises(ClientError, match="cannot be found"):
        aoss.delete_collection(id=nextgen.id)
