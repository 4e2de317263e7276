"""The local Cosmos DB searched by words: by our store, in the same way by Microsoft's SDK, and refusals."""

from __future__ import annotations

from typing import Any

import pytest
from azure.cosmos import ContainerProxy
from azure.cosmos.exceptions import CosmosHttpResponseError
from azure_callers import ours
from test_cosmos_vectors import INDEX, POLICY, Database

from serverless_ai_local.doors.pulumi.clouds import CloudError
from serverless_ai_runtime.adapters.azure import cosmos, cosmos_vectors, cosmos_words
from serverless_ai_runtime.adapters.azure.cosmos_words import CosmosWords
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.core.rag.ports import Access, Entry
from serverless_ai_runtime.core.records import digest

TEXTS = {"fullTextPaths": [{"path": "/words", "language": "en-US"}], "defaultLanguage": "en-US"}
HOSTILE = '") OR 1=1 -- @word0 FullTextContains(c.words, "x") ☂ \x00 \\'
BOTH = (cosmos_vectors.CAPABILITY, cosmos_words.CAPABILITY)


def container(database: Database, policy: Any = TEXTS, indexes: Any = ({"path": "/words"},)) -> str:
    name = database.subscription.name("w")
    indexing = {"indexingMode": "consistent", "vectorIndexes": [INDEX], "fullTextIndexes": list(indexes)}
    database.subscription.make(
        "cosmosdb:SqlResourceSqlContainer",
        accountName=database.account.name,
        databaseName="rag",
        containerName=name,
        resource={
            "id": name,
            "partitionKey": {"kind": "Hash", "paths": ["/tenant"]},
            "indexingPolicy": indexing,
            "vectorEmbeddingPolicy": {"vectorEmbeddings": [POLICY]},
            "fullTextPolicy": policy,
        },
    )
    return name


@pytest.fixture(scope="module")
def database(subscription: Any) -> Database:
    return Database(subscription, *BOTH)


@pytest.fixture(scope="module")
def filled(database: Database) -> str:
    """A container with entries of two tenants."""
    name = container(database)
    store(database, name).upsert(
        [
            entry("ferry", "The ferry leaves at seven. The ferry is slow."),
            entry("lamp", "The lamp is lit at dusk and burns until sunrise.", heading="Lighthouse"),
            entry("pier", "Dogs must be kept on a leash on the pier near the ferry."),
            entry("other", "The ferry of another tenant leaves at nine.", tenant="bob"),
        ],
        Deadline(10),
    )
    return name


def entry(id_: str, text: str, *, tenant: str = "ada", heading: str = "") -> Entry:
    return Entry(id_, f"{id_}.txt", Access(tenant), text, heading, (1.0, 0.0, 0.0))


def store(database: Database, name: str) -> CosmosWords:
    service = Service(
        ours(database.subscription, None),
        "CosmosDB",
        database.url(name),
        cosmos.RESOURCE,
        authorization=cosmos.authorization,
    )
    return CosmosWords(service, 3)


def found(database: Database, name: str, text: str, *, tenant: str = "ada", **more: Any) -> list[str]:
    hits = store(database, name).search_text(text, more.pop("most", 9), Access(tenant), Deadline(10), **more)
    assert all(hit.score > 0 for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    return [hit.id for hit in hits]


def test_entries_with_any_of_the_words_are_ranked_by_how_well_they_match(
    database: Database, filled: str
) -> None:
    assert found(database, filled, "When does the ferry leave?")[:2] == ["ferry", "pier"]
    assert found(database, filled, "ferry", most=1) == ["ferry"]
    assert found(database, filled, "lighthouse") == ["lamp"], "the heading counts too"
    assert found(database, filled, "submarine opera") == []


def test_no_other_tenants_entries_are_found_or_counted(database: Database, filled: str) -> None:
    assert found(database, filled, "ferry", tenant="bob") == ["other"]
    assert found(database, filled, "ferry", tenant="nobody") == []
    alone = container(database)
    store(database, alone).upsert([entry("ferry", "The ferry leaves at seven.")], Deadline(10))
    score = store(database, alone).search_text("ferry", 1, Access("ada"), Deadline(10))[0].score
    others = [entry(f"other-{n}", "The ferry is full.", tenant="bob") for n in range(20)]
    store(database, alone).upsert(others, Deadline(10))
    assert store(database, alone).search_text("ferry", 1, Access("ada"), Deadline(10))[0].score == score


def test_a_search_is_narrowed_to_documents(database: Database, filled: str) -> None:
    assert found(database, filled, "ferry", documents=["pier.txt", "other.txt"]) == ["pier"]


def test_nothing_that_is_asked_is_an_operator(database: Database, filled: str) -> None:
    assert found(database, filled, HOSTILE) == []
    assert found(database, filled, f"{HOSTILE} leash") == ["pier"]


def test_microsofts_own_client_finds_the_same_in_the_same_order(database: Database, filled: str) -> None:
    sdk: ContainerProxy = database.sdk(filled)
    query = (
        'SELECT TOP 9 c.entry FROM c WHERE FullTextContainsAny(c.words, "leaves", "ferry") '
        'ORDER BY RANK FullTextScore(c.words, "leaves", "ferry")'
    )
    theirs = [one["entry"] for one in sdk.query_items(query, partition_key=digest("ada"))]
    assert theirs == found(database, filled, "leaves ferry") == ["ferry", "pier"]
    given = [{"name": "@a", "value": "leash"}]
    query = "SELECT TOP 5 * FROM c ORDER BY RANK FullTextScore(c.words, @a)"
    first = next(iter(sdk.query_items(query, parameters=given, partition_key=digest("ada"))))
    assert (first["entry"], first["document"]) == ("pier", "pier.txt")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT TOP 5 * FROM c ORDER BY RANK FullTextScore(c.heading, 'a')",
        'SELECT TOP 5 * FROM c ORDER BY RANK FullTextScore(c.heading, "a")',
        'SELECT * FROM c ORDER BY RANK FullTextScore(c.words, "a")',
        'SELECT TOP 5 * FROM c WHERE NOT_OFFERED(c.x) ORDER BY RANK FullTextScore(c.words, "a")',
    ],
)
def test_what_cannot_be_planned_is_refused(database: Database, filled: str, query: str) -> None:
    with pytest.raises(CosmosHttpResponseError, match="local Cosmos DB"):
        list(database.sdk(filled).query_items(query, partition_key=digest("ada")))


def test_policies_need_the_capability_a_language_and_a_path(subscription: Any, database: Database) -> None:
    with pytest.raises(CloudError, match=r"EnableNoSQLFullTextSearch"):
        container(Database(subscription, cosmos_vectors.CAPABILITY))
    with pytest.raises(CloudError, match=r"has a language of en-US"):
        container(database, {"fullTextPaths": [{"path": "/words", "language": "klingon"}]})
    with pytest.raises(CloudError, match=r"/text is of no path"):
        container(database, indexes=[{"path": "/text"}])
