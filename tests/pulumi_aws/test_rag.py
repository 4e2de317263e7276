"""RAG as a Pulumi component on AWS: the same resources, roles and configuration as the CDK construct."""

from __future__ import annotations

from collections import Counter

import pytest

from serverless_ai_patterns.rag import Embedding, Firestore, RagSettings
from serverless_ai_pulumi.aws import Rag
from serverless_ai_pulumi.aws.outputs import outputs
from serverless_ai_runtime.config import from_env
from serverless_ai_runtime.config_rag import RagIngestConfig, RagQueryConfig, indexes_of


def function(recording, part):
    name = {"query": "docs-function", "ingest": "docs-ingest-function"}[part]
    return recording.one("Function", name).inputs


def statements(recording, part):
    name = {"query": "docs-policy", "ingest": "docs-ingest-policy"}[part]
    (policy,) = [each for each in recording.all("RolePolicy") if each.name == name]
    return {one["Sid"]: one for one in policy.document("policy")["Statement"]}


def test_the_default_is_made_of_these_resources_and_no_other(usual_rag):
    made = Counter(each.type for each in usual_rag.resources if each.type.startswith("aws:"))
    assert {kind.rpartition(":")[2]: count for kind, count in made.items()} == {
        "Api": 1,
        "Bucket": 1,
        "BucketLifecycleConfiguration": 1,
        "BucketNotification": 1,
        "BucketOwnershipControls": 1,
        "BucketPolicy": 1,
        "BucketPublicAccessBlock": 1,
        "BucketServerSideEncryptionConfiguration": 1,
        "Dashboard": 1,
        "EventRule": 1,
        "EventSourceMapping": 1,
        "EventTarget": 1,
        "Function": 2,
        "Integration": 1,
        "LogGroup": 1,
        "MetricAlarm": 8,
        "Permission": 2,
        "Queue": 2,
        "QueuePolicy": 2,
        "Role": 2,
        "RolePolicy": 2,
        "Route": 2,
        "Stage": 1,
        "Table": 1,
        "VectorsIndex": 1,
        "VectorsVectorBucket": 1,
    }


def test_ingestion_may_write_vectors_and_the_endpoint_may_only_search(usual_rag):
    ingest, query = statements(usual_rag, "ingest"), statements(usual_rag, "query")
    (arn,) = ingest["WriteVectors"]["Resource"]
    assert query["SearchVectors"]["Resource"] == [arn]
    assert "SearchVectors" not in ingest
    assert not any(action.startswith("s3:") for one in query.values() for action in one["Action"])
    assert ingest["EmbedInvokeModel"]["Resource"] == [
        "arn:aws:bedrock:eu-west-1::foundation-model/amazon.titan-embed-text-v2:0"
    ]


def test_the_functions_are_told_where_everything_is(usual_rag):
    ingest = from_env(RagIngestConfig, function(usual_rag, "ingest")["environment"]["variables"])
    query = from_env(RagQueryConfig, function(usual_rag, "query")["environment"]["variables"])
    assert ingest.indexes == query.indexes
    (index,) = indexes_of(query.indexes)
    assert (index.store, index.dimension) == ("s3_vectors", 1024)
    assert index.place.startswith("arn:aws:s3vectors:")
    assert ingest.inputs == usual_rag.one("Bucket", "docs-documents").physical
    assert ingest.store == query.store == usual_rag.one("Table").physical
    assert query.model == "eu.amazon.nova-micro-v1:0"


def test_while_the_model_changes_there_are_two_indexes_in_one_bucket(deploy):
    settings = RagSettings(previous_embedding=Embedding(model="cohere.embed-english-v3"))
    made = deploy(lambda: Rag("docs", settings))
    assert len(made.all("VectorsIndex")) == 2
    assert len(made.all("VectorsVectorBucket")) == 1
    query = from_env(RagQueryConfig, function(made, "query")["environment"]["variables"])
    assert [one.model for one in indexes_of(query.indexes)] == [
        "amazon.titan-embed-text-v2:0",
        "cohere.embed-english-v3",
    ]


def test_a_store_of_another_cloud_is_refused(deploy):
    with pytest.raises(ValueError, match=r"RagSettings.store must be one of S3Vectors"):
        deploy(lambda: Rag("docs", RagSettings(store=Firestore())))


def test_every_output_is_a_name_or_a_url(deploy):
    found = {}

    def program():
        for name, value in outputs(Rag("docs")).items():
            value.apply(lambda text, name=name: found.setdefault(name, text))

    deploy(program)
    assert found["endpoint"].startswith("https://")
    assert all(isinstance(text, str) and text for text in found.values())
