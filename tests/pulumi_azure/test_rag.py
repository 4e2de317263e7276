"""What Rag promises as a component for Azure: what is made, who may do what, what the functions are told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from serverless_ai_local.doors.pulumi import checks
from serverless_ai_patterns.azure import prices, roles
from serverless_ai_patterns.function_llm import Jwt
from serverless_ai_patterns.rag import Answers, Embedding, Endpoint, RagSettings
from serverless_ai_patterns.rag.stores import S3Vectors, index_name
from serverless_ai_pulumi.azure import Rag
from serverless_ai_runtime.config import AzureEdgeConfig, from_env
from serverless_ai_runtime.config_rag import RagIngestConfig, RagQueryConfig, indexes_of

CLIENT = "11111111-2222-3333-4444-555555555555"
SMALL, LARGE = "text-embedding-3-small@1", "text-embedding-3-large@1"
QUERY, INGEST = "notes", "notes-ingest"
RBAC = {role.id: role.name for role in vars(roles).values() if isinstance(role, roles.Role)}


@pytest.fixture(scope="module")
def usual(deploy):
    """`Rag("notes", entra_client_id=...)` and nothing else."""
    return of(deploy)


@pytest.fixture(scope="module")
def moving(deploy):
    """While the embedding model is being changed."""
    return of(deploy, embedding=Embedding(model="text-embedding-3-large"), previous_embedding=Embedding())


def of(deploy, **settings: Any):
    return deploy(lambda: Rag("notes", RagSettings(**settings), entra_client_id=CLIENT))


def whose(recording) -> dict[str, str]:
    """Principal id -> the function or topic that has it."""
    known = {f"{QUERY}-identity": "query", f"{INGEST}-identity": "ingest"}
    principals = {guid(f"{name}0a1b2c3d-principal"): word for name, word in known.items()}
    return principals | {guid(recording.one("SystemTopic").physical): "topic"}


def guid(of_name: str) -> str:
    return f"{sum(of_name.encode()):08x}-0000-4000-8000-000000000000"


def grants(recording) -> set[tuple[str, str, str]]:
    """Whose it is, role, and last two parts of the scope, of every assignment of Azure RBAC."""
    names = whose(recording)
    made = [
        (
            names[one.inputs["principalId"]],
            RBAC[one.inputs["roleDefinitionId"].split("/")[-1]],
            "/".join(one.inputs["scope"].split("/")[-2:]),
        )
        for one in recording.all("RoleAssignment")
    ]
    assert len(set(made)) == len(made)
    return set(made)


def data_grants(recording) -> set[tuple[str, str, str]]:
    """The same of the data plane of Cosmos DB, with database and container."""
    names = whose(recording)
    return {
        (
            names[one.inputs["principalId"]],
            RBAC[one.inputs["roleDefinitionId"].split("/")[-1]],
            one.inputs["scope"].partition("/dbs/")[2],
        )
        for one in recording.all("SqlResourceSqlRoleAssignment")
    }


def settings_of(recording, function: str) -> dict[str, str]:
    app = recording.one("WebApp", f"{function}-function")
    return {one["name"]: one["value"] for one in app.inputs["siteConfig"]["appSettings"]}


def account(recording, use: str) -> str:
    return recording.one("StorageAccount", f"notes-{use}").physical


def test_the_default_is_made_of_these_resources_and_no_other(usual):
    made = Counter(each.type for each in usual.resources if each.type.startswith("azure-native:"))
    assert {kind.rpartition(":")[2]: count for kind, count in made.items()} == {
        "Account": 1,
        "AppServicePlan": 2,
        "BlobContainer": 4,
        "BlobServiceProperties": 1,
        "Component": 1,
        "DatabaseAccount": 1,
        "Deployment": 2,
        "MetricAlert": 3,
        "Project": 1,
        "Queue": 2,
        "ResourceGroup": 1,
        "RoleAssignment": 11,
        "ScheduledQueryRule": 3,
        "SqlResourceSqlContainer": 2,
        "SqlResourceSqlDatabase": 2,
        "SqlResourceSqlRoleAssignment": 4,
        "StorageAccount": 3,
        "SystemTopic": 1,
        "SystemTopicEventSubscription": 1,
        "UserAssignedIdentity": 2,
        "WebApp": 2,
        "WebAppAuthSettingsV2": 2,
        "WebAppScmAllowed": 2,
        "Workbook": 1,
        "Workspace": 1,
    }


def test_everything_has_properties_that_the_sdk_knows_and_a_parent(usual):
    component = usual.one("Rag")
    for each in usual.resources:
        if each.type.startswith("azure-native:"):
            assert list(checks.resource(each.type, whole_numbers(each.inputs))) == [], each.name
            assert each.parent == component.urn
            assert each.name.startswith("notes-")


def whole_numbers(value):
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: whole_numbers(one) for key, one in value.items()}
    return [whole_numbers(one) for one in value] if isinstance(value, list) else value


def test_the_default_costs_nothing_but_its_alerts(usual):
    made = [one for one in usual.resources if one.type.startswith(("azure-native:", "pulumi-python:"))]
    alerts = 3 * prices.LOG_ALERT.usd + 3 * prices.METRIC_ALERT.usd
    assert sum(prices.idle(one.type, one.inputs).usd for one in made) == pytest.approx(alerts)


# -- rights -----------------------------------------------------------------------------------------------
def test_each_function_may_do_what_it_does_each_on_one_resource_and_nothing_else(usual):
    model = f"accounts/{usual.one('Account').physical}"
    insights = f"components/{usual.one('Component').physical}"
    assert grants(usual) == {
        ("query", "Storage Blob Data Owner", f"storageAccounts/{account(usual, 'storage')}"),
        ("query", "Monitoring Metrics Publisher", insights),
        ("query", "Cognitive Services OpenAI User", model),
        ("ingest", "Storage Blob Data Owner", f"storageAccounts/{account(usual, 'ingest-storage')}"),
        ("ingest", "Monitoring Metrics Publisher", insights),
        ("ingest", "Cognitive Services OpenAI User", model),
        ("ingest", "Storage Queue Data Contributor", "queues/events"),
        ("ingest", "Storage Queue Data Message Sender", "queues/events-poison"),
        ("ingest", "Storage Blob Data Reader", "containers/documents"),
        ("topic", "Storage Queue Data Message Sender", "queues/events"),
        ("topic", "Storage Blob Data Contributor", "containers/undelivered"),
    }


def test_who_answers_searches_vectors_and_only_who_takes_documents_in_writes_them(usual, moving):
    contributor, reader = "Cosmos DB Built-in Data Contributor", "Cosmos DB Built-in Data Reader"
    new, old = index_name(LARGE, 3072), index_name(SMALL, 1536)
    for recording, indexes in ((usual, [old]), (moving, [new, old])):
        assert data_grants(recording) == {
            ("query", contributor, "state/colls/records"),
            ("ingest", contributor, "state/colls/records"),
            *(("query", reader, f"vectors/colls/{index}") for index in indexes),
            *(("ingest", contributor, f"vectors/colls/{index}") for index in indexes),
        }


def test_each_function_waits_for_everything_that_its_identity_was_granted(usual):
    principals = whose(usual)
    granted = [*usual.all("RoleAssignment"), *usual.all("SqlResourceSqlRoleAssignment")]
    for function, name in (("query", QUERY), ("ingest", INGEST)):
        own = {one.urn for one in granted if principals[one.inputs["principalId"]] == function}
        assert len(own) >= 5
        assert own <= set(usual.one("WebApp", f"{name}-function").dependencies)


def test_documents_are_in_an_account_that_no_host_may_change(usual):
    homes = {
        one.inputs["containerName"]: one.inputs["accountName"]
        for one in usual.all("BlobContainer")
        if one.inputs["containerName"] != "package"
    }
    assert set(homes.values()) == {account(usual, "documents")}
    hosts = {scope for _, role, scope in grants(usual) if role == "Storage Blob Data Owner"}
    assert f"storageAccounts/{account(usual, 'documents')}" not in hosts


def test_documents_may_be_lost_only_if_one_says_so(deploy, usual):
    lost = deploy(lambda: Rag("notes", entra_client_id=CLIENT, force_destroy=True))
    for recording, kept in ((usual, {"notes-documents"}), (lost, set())):
        assert {one.name for one in recording.resources if one.protect} == kept


# -- vectors and models -----------------------------------------------------------------------------------
def test_vectors_have_a_container_for_each_model_in_the_account_of_the_records(usual, moving):
    old = index_name(SMALL, 1536)
    made = usual.one("SqlResourceSqlContainer", f"notes-vectors-{old}").inputs
    assert made["accountName"] == usual.one("DatabaseAccount").physical
    resource = made["resource"]
    assert resource["partitionKey"] == {"kind": "Hash", "paths": ["/tenant"]}
    assert "defaultTtl" not in resource, "vectors never expire"
    (embedding,) = resource["vectorEmbeddingPolicy"]["vectorEmbeddings"]
    assert embedding == {
        "path": "/vector",
        "dataType": "float32",
        "dimensions": 1536,
        "distanceFunction": "cosine",
    }
    indexing = resource["indexingPolicy"]
    assert indexing["vectorIndexes"] == [{"path": "/vector", "type": "quantizedFlat"}]
    assert indexing["excludedPaths"] == [{"path": "/*"}]
    capabilities = {one["name"] for one in usual.one("DatabaseAccount").inputs["capabilities"]}
    assert capabilities == {"EnableServerless", "EnableNoSQLVectorSearch"}
    names = {one.inputs["containerName"] for one in moving.all("SqlResourceSqlContainer")}
    assert names == {"records", old, index_name(LARGE, 3072)}


def test_models_of_the_account_are_deployed_one_after_the_other(moving):
    chat, large, small = (
        moving.one("Deployment", f"notes-model-{name}")
        for name in ("deployment", "text-embedding-3-large-1", "text-embedding-3-small-1")
    )
    assert large.inputs["properties"]["model"] == {
        "format": "OpenAI",
        "name": "text-embedding-3-large",
        "version": "1",
    }
    project = moving.one("Project")
    assert chat.urn in project.dependencies
    assert project.urn in large.dependencies
    assert large.urn in small.dependencies


def test_one_model_in_two_dimensions_is_deployed_once(deploy):
    recording = of(deploy, embedding=Embedding(dimension=256), previous_embedding=Embedding())
    assert len(recording.all("Deployment")) == 2
    assert len(recording.all("SqlResourceSqlContainer")) == 3


def test_a_model_of_unknown_dimension_and_a_store_of_another_cloud_are_refused(deploy):
    with pytest.raises(ValueError, match=r"Embedding\.dimension must be given for embed-v-4-0@1"):
        of(deploy, embedding=Embedding(model="Cohere/embed-v-4-0@1"))
    with pytest.raises(ValueError, match=r"RagSettings\.store must be one of Cosmos, AiSearch on azure"):
        of(deploy, store=S3Vectors())


# -- what the functions are told ----------------------------------------------------------------------------
def test_both_functions_are_told_of_the_same_indexes(moving):
    ingest = from_env(RagIngestConfig, settings_of(moving, INGEST))
    query = from_env(RagQueryConfig, settings_of(moving, QUERY))
    assert ingest.indexes == query.indexes
    new, old = indexes_of(query.indexes)
    assert (new.name, new.model, new.dimension) == (
        index_name(LARGE, 3072),
        "text-embedding-3-large-1",
        3072,
    )
    assert (old.name, old.model, old.store) == (index_name(SMALL, 1536), "text-embedding-3-small-1", "cosmos")
    cosmos = moving.one("DatabaseAccount").physical
    assert new.place == f"https://{cosmos}.documents.azure.com/dbs/vectors/colls/{new.name}"
    assert new.model_endpoint == query.model_endpoint
    assert query.model_endpoint.endswith(".services.ai.azure.com/openai/v1")
    assert query.store == ingest.store == f"https://{cosmos}.documents.azure.com/dbs/state/colls/records"
    assert query.model == "chat"


def test_the_one_that_takes_documents_in_is_told_its_queue_and_its_container(usual):
    settings = settings_of(usual, INGEST)
    told, edge = from_env(RagIngestConfig, settings), from_env(AzureEdgeConfig, settings)
    queues = f"https://{account(usual, 'ingest-storage')}.queue.core.windows.net"
    assert (told.queue, told.dead_letters) == (f"{queues}/events", f"{queues}/events-poison")
    assert told.objects == f"https://{account(usual, 'documents')}.blob.core.windows.net"
    assert told.inputs == "documents"
    assert (edge.events_queue, edge.queue_service) == ("events", queues)
    most = int(settings["AzureFunctionsJobHost__extensions__queues__maxDequeueCount"])
    assert most > told.max_attempts


def test_each_function_acts_as_its_own_identity(usual):
    ids = [settings_of(usual, name)["AZURE_CLIENT_ID"] for name in (QUERY, INGEST)]
    assert ids == [guid(f"{name}-identity0a1b2c3d-client") for name in (QUERY, INGEST)]


def test_changed_and_deleted_documents_are_told_and_nothing_else(usual):
    rule = usual.one("SystemTopicEventSubscription").inputs
    assert rule["filter"] == {
        "includedEventTypes": ["Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted"],
        "subjectBeginsWith": "/blobServices/default/containers/documents/blobs/",
        "isSubjectCaseSensitive": True,
    }
    assert rule["deliveryWithResourceIdentity"]["destination"]["queueName"] == "events"
    assert rule["deadLetterWithResourceIdentity"]["deadLetterDestination"]["blobContainerName"] == (
        "undelivered"
    )


# -- who gets in ------------------------------------------------------------------------------------------
def test_nobody_calls_before_callers_are_checked_and_nobody_at_all_where_there_is_no_route(usual, deploy):
    for name in (QUERY, INGEST):
        closed = usual.one("WebAppAuthSettingsV2", f"{name}-authentication")
        assert closed.inputs["globalValidation"]["requireAuthentication"] is True
        assert closed.urn in usual.one("Package", f"{name}-code").dependencies
    own = usual.one("WebAppAuthSettingsV2", f"{INGEST}-authentication").inputs["identityProviders"]
    client = settings_of(usual, INGEST)["AZURE_CLIENT_ID"]
    assert own["azureActiveDirectory"]["validation"]["allowedAudiences"] == [client]
    with pytest.raises(ValueError, match="entra_client_id"):
        deploy(lambda: Rag("notes"))


def test_callers_with_tokens_of_an_issuer_name_their_tenant(deploy):
    auth = Jwt(issuer="https://login.example.com/", audience=("rag",))
    endpoint = Endpoint(auth=auth, tenant_claim="tenant", tags_claim="groups")
    recording = of(deploy, endpoint=endpoint, answers=Answers(top_k=3))
    told = from_env(RagQueryConfig, settings_of(recording, QUERY))
    assert (told.tenant_claim, told.tags_claim, told.top_k) == ("tenant", "groups", 3)
    assert from_env(RagIngestConfig, settings_of(recording, INGEST)).tenants
    providers = recording.one("WebAppAuthSettingsV2", f"{QUERY}-authentication").inputs["identityProviders"]
    assert providers.keys() == {"customOpenIdConnectProviders"}


def test_only_who_searches_by_words_pays_for_their_index(deploy, usual):
    def parts(recording):
        account = recording.one("DatabaseAccount").inputs
        kept = [one.inputs["resource"] for one in recording.all("SqlResourceSqlContainer")]
        (resource,) = [one for one in kept if "vectorEmbeddingPolicy" in one]
        return {one["name"] for one in account["capabilities"]}, resource

    capabilities, resource = parts(of(deploy, answers=Answers(search="hybrid")))
    assert "EnableNoSQLFullTextSearch" in capabilities
    path = {"path": "/words", "language": "en-US"}
    assert resource["fullTextPolicy"] == {"defaultLanguage": "en-US", "fullTextPaths": [path]}
    assert resource["indexingPolicy"]["fullTextIndexes"] == [{"path": "/words"}]
    capabilities, resource = parts(usual)
    assert "EnableNoSQLFullTextSearch" not in capabilities
    assert "fullTextPolicy" not in resource
    assert "fullTextIndexes" not in resource["indexingPolicy"]
