"""RAG on Google Cloud: what is made, who may do what, and what the functions are told."""

from __future__ import annotations

import pytest

from serverless_ai_patterns.gcp.prices import idle
from serverless_ai_patterns.rag import Embedding, OpenSearch, RagSettings
from serverless_ai_pulumi.gcp import Rag
from serverless_ai_runtime.config import GcpEdgeConfig, from_env
from serverless_ai_runtime.config_event_pipeline import GcpPipelineEdge
from serverless_ai_runtime.config_rag import RagIngestConfig, RagQueryConfig, indexes_of


def variables(recording, part):
    name = {"query": "docs-function", "ingest": "docs-ingest-function"}[part]
    return recording.one("Function", name).inputs["serviceConfig"]["environmentVariables"]


def granted(recording, use):
    """Permissions and roles of one account, wherever they are granted."""
    member = recording.one("Account", f"docs-{use}").physical
    custom = {each.physical: tuple(each.inputs["permissions"]) for each in recording.all("IAMCustomRole")}
    found = set()
    for each in recording.resources:
        if "role" in each.inputs and member in str(each.inputs.get("member", "")):
            role = each.inputs["role"]
            found |= set(custom.get(role.rpartition("/")[2], (role,)))
    return found


def test_ingestion_may_write_and_the_endpoint_may_not_delete_or_read_documents(usual_rag):
    ingest, query = granted(usual_rag, "ingest"), granted(usual_rag, "function")
    assert {"datastore.entities.delete", "storage.objects.get", "roles/pubsub.publisher"} <= ingest
    assert "datastore.entities.delete" not in query
    assert not any(one.startswith("storage.") for one in query)
    assert "aiplatform.endpoints.predict" in query & ingest


def test_changes_and_deletions_come_by_eventarc_to_ingestion_only(usual_rag):
    triggers = {each.name: each.inputs for each in usual_rag.all("Trigger")}
    types = {
        name: next(c["value"] for c in one["matchingCriterias"] if c["attribute"] == "type")
        for name, one in triggers.items()
    }
    assert types == {
        "docs-upload": "google.cloud.storage.object.v1.finalized",
        "docs-deleted": "google.cloud.storage.object.v1.deleted",
    }
    service = usual_rag.one("Function", "docs-ingest-function").physical
    for one in triggers.values():
        assert one["destination"]["cloudRunService"]["service"] == service


def test_both_functions_are_told_the_same_indexes_the_configured_one_first(whole_rag):
    ingest = from_env(RagIngestConfig, variables(whole_rag, "ingest"))
    query = from_env(RagQueryConfig, variables(whole_rag, "query"))
    assert ingest.indexes == query.indexes
    first, second = indexes_of(query.indexes)
    assert (first.model, second.model) == ("gemini-embedding-001", "text-embedding-005")
    assert first.place.endswith(f"/documents/{first.name}")
    assert (ingest.tenants, query.tenant_claim) == (True, "org")
    edge = from_env(GcpEdgeConfig, variables(whole_rag, "query"))
    assert edge.gateway.startswith("unique-id-of-")
    assert from_env(GcpPipelineEdge, variables(whole_rag, "ingest")).deliverer.startswith("unique-id-of-")


def test_every_search_has_its_index_and_nothing_else_is_indexed(whole_rag):
    made = [each.inputs for each in whole_rag.all("Index")]
    assert len(made) == 4
    for one in made:
        assert one["fields"][-1]["vectorConfig"]["dimension"] == 768


def test_the_default_costs_its_alerts_and_nothing_else(usual_rag):
    paid = {}
    for each in usual_rag.resources:
        if each.type.startswith("gcp:"):
            usd = idle(each.type, each.inputs).usd
            paid[each.type] = paid.get(each.type, 0) + usd
    assert {kind for kind, usd in paid.items() if usd} == {"gcp:monitoring/alertPolicy:AlertPolicy"}


def test_only_the_deliverer_calls_ingestion_and_only_the_gateway_the_endpoint(whole_rag):
    bindings = {each.name: each.inputs["members"] for each in whole_rag.all("ServiceIamBinding")}
    (deliverer,) = bindings["docs-ingest-invokers"]
    (gateway,) = bindings["docs-invokers"]
    assert whole_rag.one("Account", "docs-deliverer").physical in deliverer
    assert whole_rag.one("Account", "docs-gateway").physical in gateway


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (RagSettings(store=OpenSearch()), "RagSettings.store must be one of Firestore"),
        (RagSettings(embedding=Embedding(dimension=3072)), "1 to 2048 dimensions"),
    ],
)
def test_what_google_cloud_cannot_have_is_refused(deploy, settings, says):
    with pytest.raises(ValueError, match=says):
        deploy(lambda: Rag("docs", settings))
