"""The local AI Search: by our store, by Microsoft's SDK, and what it refuses."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.transport import RequestsTransport
from azure.search.documents import SearchClient
from azure.search.documents.indexes import SearchIndexClient
from azure.search.documents.indexes.models import SearchIndex
from azure.search.documents.models import VectorizedQuery
from azure_callers import ours
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serverless_ai_local.azure.from_pulumi.azure_cloud import AzureCloud
from serverless_ai_local.azure.roles import ROLES
from serverless_ai_local.doors.pulumi.clouds import CloudError
from serverless_ai_patterns.azure import roles
from serverless_ai_runtime.adapters.azure import ai_search
from serverless_ai_runtime.adapters.azure.ai_search import AiSearch
from serverless_ai_runtime.adapters.azure.ai_search_index import definition
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused
from serverless_ai_runtime.core.rag.ports import Access, Entry

HOSTILE = ["", " ", "'", "' or tenant ne '", "a/b\\c?d#e|f", "漢字🙂", "..", "\x00\r\n", "x" * 3000]
NUMBERS = st.floats(-10, 10, width=32).filter(lambda number: abs(number) > 0.01)
VECTORS = st.lists(NUMBERS, min_size=3, max_size=3)


class Searches:
    """A search service, and who calls it."""

    def __init__(self, subscription: Any) -> None:
        self.subscription = subscription
        self.made = subscription.make(
            "search:Service", sku={"name": "basic"}, replicaCount=1, disableLocalAuth=True
        )
        self.url = self.made.outputs["endpoint"]
        self.secure = self.url.replace("http://", "https://", 1)

    def name(self) -> str:
        return self.subscription.name("i")

    def store(self, index: str, principal: str | None = None) -> AiSearch:
        cloud = ours(self.subscription, principal)
        return AiSearch(Service(cloud, "AiSearch", self.url, ai_search.RESOURCE), index, 3)

    def sdk(self, index: str) -> SearchClient:
        return SearchClient(self.secure, index, _Token(self.subscription), transport=_Plainly())

    def indexes(self) -> SearchIndexClient:
        return SearchIndexClient(self.secure, _Token(self.subscription), transport=_Plainly())


class _Token:
    def __init__(self, subscription: Any) -> None:
        self._subscription = subscription

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        assert scopes == (f"{ai_search.RESOURCE}/.default",)
        return AccessToken(self._subscription.token(ai_search.RESOURCE), int(time.time()) + 600)


class _Plainly(RequestsTransport):
    """The SDK sends tokens over https only: here they go without TLS."""

    def send(self, request: Any, **options: Any) -> Any:
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **options)


@pytest.fixture(scope="module")
def searches(subscription: Any) -> Searches:
    return Searches(subscription)


@pytest.fixture
def index(searches: Searches) -> str:
    return searches.name()


@pytest.fixture
def store(searches: Searches, index: str) -> AiSearch:
    return searches.store(index)


def entry(id_: str, vector: Sequence[float] = (1, 0, 0), tenant: str = "ada", text: str = "t") -> Entry:
    return Entry(id_, "d", Access(tenant, frozenset({"a"})), text, "h", vector)


def ids(store: AiSearch, most: int = 100, tenant: str = "ada", documents: Sequence[str] = ()) -> list[str]:
    return [hit.id for hit in store.search((1, 0, 0), most, Access(tenant), Deadline(10), documents)]


def named(store: AiSearch, text: str, most: int = 9, tenant: str = "ada", **more: Any) -> list[str]:
    return [hit.id for hit in store.search_text(text, most, Access(tenant), Deadline(10), **more)]


class TestOurStore:
    def test_the_nearest_are_found_first_with_all_that_is_known_of_them(self, store: AiSearch) -> None:
        entries = [entry("far", (-1, 0, 0)), entry("near", (5, 0.1, 0)), entry("mid", (1, 1, 0))]
        store.upsert(entries, Deadline(10))
        hits = store.search((1, 0, 0), 2, Access("ada"), Deadline(10))
        assert [(hit.id, hit.document, hit.text, hit.heading) for hit in hits] == [
            ("near", "d", "t", "h"),
            ("mid", "d", "t", "h"),
        ]
        assert math.isclose(hits[1].score, math.sqrt(0.5), rel_tol=1e-6)

    def test_where_no_index_is_nothing_is_found_and_the_first_write_makes_it(self, store: AiSearch) -> None:
        assert (ids(store), named(store, "t")) == ([], [])
        store.delete(["1"], Deadline(10))
        for _ in range(2):
            store.upsert([entry("1")], Deadline(10))
        assert ids(store) == ["1"]

    def test_an_entry_written_again_is_there_once_as_it_was_last(self, store: AiSearch) -> None:
        store.upsert([entry("1", text="old"), entry("1", text="new")], Deadline(10))
        store.upsert([entry("1", text="newer")], Deadline(10))
        assert [hit.text for hit in store.search((1, 0, 0), 9, Access("ada"), Deadline(10))] == ["newer"]

    def test_what_is_deleted_is_gone_and_what_is_not_there_too(self, store: AiSearch) -> None:
        store.upsert([entry("1"), entry("2"), entry("3", tenant="bob")], Deadline(10))
        for _ in range(2):
            store.delete(["1", "3", "none", "1"], Deadline(10))
        assert (ids(store), ids(store, tenant="bob")) == (["2"], [])

    def test_any_text_may_be_an_id_a_tenant_a_document_and_a_chunk(self, store: AiSearch) -> None:
        for tenant in HOSTILE:
            entries = [Entry(f"{one}-{tenant}", one, Access(tenant), one, one, (1, 0, 0)) for one in HOSTILE]
            store.upsert(entries, Deadline(10))
        for tenant in HOSTILE:
            hits = store.search((1, 0, 0), 100, Access(tenant), Deadline(10))
            assert {(hit.id, hit.document, hit.text, hit.heading) for hit in hits} == {
                (f"{one}-{tenant}", one, one, one) for one in HOSTILE
            }
            assert ids(store, tenant=tenant, documents=HOSTILE[2:3]) == [f"{HOSTILE[2]}-{tenant}"]
        store.delete([f"{one}-{HOSTILE[0]}" for one in HOSTILE], Deadline(10))
        assert ids(store, tenant=HOSTILE[0]) == []
        assert len(ids(store, tenant=HOSTILE[1])) == len(HOSTILE)

    def test_half_a_character_is_written_as_no_character(self, store: AiSearch) -> None:
        store.upsert([entry("1", text="a\ud800b", tenant="\udfff")], Deadline(10))
        (hit,) = store.search((1, 0, 0), 9, Access("\udfff"), Deadline(10))
        assert hit.text == "a\ufffdb"

    def test_a_search_is_narrowed_to_documents(self, store: AiSearch) -> None:
        entries = [entry(f"{one}{two}")._replace(document=one) for one in "abc" for two in range(2)]
        store.upsert(entries, Deadline(10))
        assert set(ids(store, documents=["a", "c", "x"])) == {"a0", "a1", "c0", "c1"}
        assert ids(store, documents=["x"]) == ids(store, tenant="bob", documents=["a"]) == []
        assert set(named(store, "t", documents=["b"])) == {"b0", "b1"}

    def test_more_than_a_batch_comes_and_goes(self, store: AiSearch) -> None:
        names = [f"e{number}" for number in range(1010)]
        store.upsert([entry(name) for name in names], Deadline(30))
        assert len(ids(store, most=5000)) == ai_search.MOST_HITS
        store.delete(names, Deadline(30))
        assert ids(store) == []

    def test_chunks_that_hold_any_of_the_words_come_best_first(self, store: AiSearch) -> None:
        texts = {"both": "The red bicycle by the red door", "red": "A red house", "none": "Rain"}
        store.upsert([entry(name, text=text) for name, text in texts.items()], Deadline(10))
        store.upsert([entry("other", text="red bicycle", tenant="bob")], Deadline(10))
        hits = store.search_text("RED bicycle?", 9, Access("ada"), Deadline(10))
        assert [hit.id for hit in hits] == ["both", "red"]
        assert hits[0].score > hits[1].score > 0
        assert named(store, "red", most=1) == ["both"]

    @pytest.mark.parametrize(
        "text",
        ["", " ", "*", '"', "?!", "-+|()~", "\\", "' or 1 eq 1", "-x", "re*", "\ud800", "🙂", "y" * 9000],
    )
    def test_nothing_in_a_question_is_an_operator(self, store: AiSearch, text: str) -> None:
        store.upsert([entry("1", text="red"), entry("2", text="blue")], Deadline(10))
        assert named(store, text) == []
        assert named(store, f'blue "{text}') == ["2"]

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.text(), st.lists(st.text(max_size=20), max_size=4))
    def test_any_text_can_be_asked(self, store: AiSearch, text: str, documents: list[str]) -> None:
        store.upsert([entry("1", text="red")], Deadline(10))
        assert named(store, text, tenant="nobody", documents=documents) == []

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 9), st.booleans(), VECTORS), max_size=12),
        VECTORS,
        st.integers(1, 8),
    )
    def test_it_is_an_exact_search_and_two_tenants_never_see_each_others(
        self,
        searches: Searches,
        written: list[tuple[int, bool, list[float]]],
        asked: list[float],
        most: int,
    ) -> None:
        store = searches.store(searches.name())
        kept: dict[str, dict[str, list[float]]] = {"ada": {}, "bob": {}}
        for number, first, vector in written:
            tenant = "ada" if first else "bob"
            kept[tenant][f"{number} of {tenant}"] = vector
            store.upsert([entry(f"{number} of {tenant}", vector, tenant)], Deadline(10))
        for tenant, entries in kept.items():
            hits = store.search(asked, most, Access(tenant), Deadline(10))
            assert {hit.id for hit in hits} <= entries.keys()
            scores = sorted((_cosine(asked, vector) for vector in entries.values()), reverse=True)
            assert [hit.score for hit in hits] == pytest.approx(scores[:most], abs=1e-5)


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    dot = sum(left * right for left, right in zip(one, other, strict=True))
    return dot / (math.hypot(*one) * math.hypot(*other))


class TestTheSdk:
    def test_it_makes_reads_and_removes_our_index(self, searches: Searches, index: str) -> None:
        client = searches.indexes()
        made = client.create_or_update_index(SearchIndex(definition(index, 3)))
        assert [field.name for field in made.fields][-1] == "vector"
        assert client.get_index(index).vector_search.profiles[0].algorithm_configuration_name == "graph"
        assert ids(searches.store(index)) == []
        client.delete_index(index)
        with pytest.raises(ResourceNotFoundError):
            client.get_index(index)

    def test_it_finds_what_we_have_written(self, searches: Searches, index: str, store: AiSearch) -> None:
        store.upsert([entry("1", (1, 1, 0), text="a red house"), entry("2", text="rain")], Deadline(10))
        client = searches.sdk(index)
        assert client.get_document_count() == 2
        query = VectorizedQuery(vector=[1, 0, 0], k_nearest_neighbors=2, fields="vector")
        found = list(client.search(vector_queries=[query], select=["entry"]))
        assert [one["entry"] for one in found] == ids(store) == ["2", "1"]
        assert found[0]["@search.score"] == pytest.approx(1)
        assert [one["entry"] for one in client.search("red", search_fields=["text"])] == ["1"]

    def test_it_writes_what_we_find_and_is_told_of_what_it_may_not(
        self, searches: Searches, index: str, store: AiSearch
    ) -> None:
        store.upsert([entry("1")], Deadline(10))
        client = searches.sdk(index)
        bad = {"id": "a b", "entry": "x"}
        results = client.index_documents(_batch([{"id": "_", "text": "x"}, bad, {"id": "k", "vector": [1]}]))
        assert [(one.succeeded, one.status_code) for one in results] == [(False, 400)] * 3
        (done,) = client.merge_or_upload_documents([{"id": "k", "text": "x"}])
        assert (done.succeeded, done.status_code) == (True, 201)
        (missing,) = client.merge_documents([{"id": "none", "text": "x"}])
        assert (missing.succeeded, missing.status_code) == (False, 404)
        (gone,) = client.delete_documents([{"id": "none"}])
        assert gone.succeeded

    @pytest.mark.parametrize(
        ("asked", "why"),
        [
            ({"filter": "tenant ne 'a'"}, "does not understand"),
            ({"filter": "tenant eq 'a' or tenant eq 'b'"}, "does not understand"),
            ({"filter": "text eq 'a'"}, "'text' is not a filterable field"),
            ({"filter": "none eq 'a'"}, "'none' is not a filterable field"),
            ({"search_text": "red +house"}, r"the operator \+ is not offered"),
            ({"search_text": "red", "query_type": "full"}, "query type simple"),
            ({"search_text": "red", "search_fields": ["entry"]}, "not searchable"),
            ({"select": ["tenant"]}, "not a retrievable field"),
            ({"top": 1001}, "at most 1000"),
            ({"order_by": ["entry"]}, "orderby of a search is not offered"),
            ({"search_text": " ".join(map(str, range(3001)))}, "ClauseLimitExceeded"),
            ({"vector_queries": [VectorizedQuery(vector=[1], fields="vector")]}, "dimension 3"),
            ({"vector_queries": [VectorizedQuery(vector=[1, 0, 0], fields="text")]}, "Unknown vector field"),
        ],
    )
    def test_what_it_cannot_answer_is_refused_by_name(
        self, searches: Searches, index: str, store: AiSearch, asked: dict[str, Any], why: str
    ) -> None:
        store.upsert([entry("1")], Deadline(10))
        with pytest.raises(HttpResponseError, match=why):
            list(searches.sdk(index).search(**asked))

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"suggesters": []}, "suggesters of an index is not offered"),
            ({"vectorSearch": {}}, "must have the property 'vectorSearchProfile'"),
            ({"fields": []}, "one key field"),
        ],
    )
    def test_an_index_that_it_cannot_keep_is_refused(
        self, searches: Searches, index: str, change: dict[str, Any], why: str
    ) -> None:
        with pytest.raises(HttpResponseError, match=why):
            searches.indexes().create_or_update_index(SearchIndex({**definition(index, 3), **change}))


def _batch(documents: list[dict[str, Any]]) -> Any:
    from azure.search.documents import IndexDocumentsBatch

    batch = IndexDocumentsBatch()
    batch.add_upload_actions(documents)
    return batch


class TestPermissions:
    def test_a_reader_searches_and_changes_nothing(
        self, searches: Searches, index: str, store: AiSearch, principal: str
    ) -> None:
        store.upsert([entry("1")], Deadline(10))
        stranger = searches.store(index, principal)
        with pytest.raises(Refused, match=r"Forbidden.*documents/read"):
            ids(stranger)
        searches.subscription.grant(principal, roles.READ_INDEX, searches.made)
        assert ids(stranger) == named(stranger, "t") == ["1"]
        with pytest.raises(Refused, match=r"Forbidden.*documents/write"):
            stranger.upsert([entry("2")], Deadline(10))
        with pytest.raises(Refused, match=r"Forbidden.*documents/delete"):
            stranger.delete(["1"], Deadline(10))

    def test_a_writer_does_what_the_runtime_says_that_it_needs(
        self, searches: Searches, index: str, principal: str
    ) -> None:
        writer = searches.store(index, principal)
        searches.subscription.grant(principal, roles.WRITE_INDEX, searches.made)
        with pytest.raises(Refused, match=r"Forbidden.*indexes/write"):
            writer.upsert([entry("1")], Deadline(10))
        searches.subscription.grant(principal, roles.DEFINE_INDEX, searches.made)
        writer.upsert([entry("1")], Deadline(10))
        writer.delete(["1"], Deadline(10))
        checks = searches.subscription.checks(principal)
        allowed = {one["action"] for one in checks if one["allowed"]}
        assert allowed == {*ai_search.WRITE_ACTIONS, *ai_search.DEFINE_ACTIONS}

    def test_there_are_no_keys(self, searches: Searches, index: str, call: Any) -> None:
        url = f"{searches.url}/indexes('{index}')?api-version={ai_search.API_VERSION}"
        assert call("GET", url, headers={"api-key": "k"}).status == 403
        assert call("GET", url).status == 401
        token = searches.subscription.token("https://storage.azure.com")
        assert call("GET", url, token).status == 401

    def test_the_roles_are_those_that_the_runtime_names(self) -> None:
        for role in (roles.READ_INDEX, roles.WRITE_INDEX, roles.DEFINE_INDEX):
            assert ROLES[role.id].name == role.name


class TestTheResource:
    def test_indexes_go_with_their_service(self, subscription: Any) -> None:
        searches = Searches(subscription)
        store = searches.store("i1")
        store.upsert([entry("1")], Deadline(10))
        subscription.remove(searches.made)
        with pytest.raises(HttpResponseError, match="no search service"):
            searches.indexes().get_index("i1")
        again = subscription.make(
            "search:Service", searchServiceName=searches.made.name, sku={"name": "basic"}
        )
        assert again.outputs["endpoint"] == searches.url
        assert ids(store) == []

    def test_a_version_without_vectors_is_refused(self, searches: Searches, index: str, call: Any) -> None:
        token = searches.subscription.token(ai_search.RESOURCE)
        refused = call("GET", f"{searches.url}/indexes('{index}')?api-version=2020-06-30", token)
        assert (refused.status, refused.body["error"]["code"]) == (400, "UnsupportedApiVersion")

    def test_another_sku_is_another_service(self) -> None:
        kind = AzureCloud().kind("azure-native:search:Service")
        usual = {
            "searchServiceName": "s",
            "resourceGroupName": "g",
            "location": "l",
            "sku": {"name": "basic"},
        }
        assert kind.replaces(usual, {**usual, "sku": {"name": "standard"}})
        assert not kind.replaces(usual, {**usual, "replicaCount": 2})
        with pytest.raises(CloudError, match=r"network_rule_set.*is not supported"):
            kind.check({**usual, "networkRuleSet": {"bypass": "None"}})
