"""Vector Search as a block: what is made, what the handler is told, who may do what, what it costs idle."""

from __future__ import annotations

import json

import pulumi
import pulumi_gcp as gcp
import pytest
from gcp_provider import PROJECT, REGION

from serverless_ai_patterns.gcp.prices import idle
from serverless_ai_patterns.rag.stores import VertexVectorSearch
from serverless_ai_pulumi.gcp._place import Place
from serverless_ai_pulumi.gcp._vector_search import allow, vector_search
from serverless_ai_runtime.adapters.gcp import texts, vector_search_classic
from serverless_ai_runtime.adapters.gcp import vector_search as runtime
from serverless_ai_runtime.adapters.gcp.vector_search_classic import ClassicPlace, read_place
from serverless_ai_runtime.config import gcp_name

INDEXES = {"i123456789012": 768, "i999999999999": 1536}
KEY = f"projects/{PROJECT}/locations/{REGION}/keyRings/mine/cryptoKeys/mine"


def program(store, told, **more):
    """Makes both indexes, a reader and a writer; puts the places into `told`."""

    def run():
        place = Place(pulumi.Output.from_input(PROJECT), pulumi.Output.from_input(REGION))
        opts = pulumi.ResourceOptions()
        made = vector_search("rag", INDEXES, store, place=place, opts=opts, **more)
        for use, rights in (("query", made.read), ("ingest", made.write)):
            identity = gcp.serviceaccount.Account(use, account_id=f"account-{use}")
            allow("rag", use, identity, rights, made, project=place.project, opts=opts)
        pulumi.Output.all(**made.places).apply(told.update)

    return run


@pytest.fixture(scope="module")
def usual(deploy):
    told = {}
    return deploy(program(VertexVectorSearch(), told)), told


@pytest.fixture(scope="module")
def classic(deploy):
    told = {}
    return deploy(program(VertexVectorSearch(classic=True), told)), told


def permissions(recording):
    return {each.name: each.inputs["permissions"] for each in recording.all("IAMCustomRole")}


def test_each_index_is_a_collection_with_the_fields_of_an_entry(usual):
    recording, told = usual
    assert recording.all("AiIndex") == recording.all("Database") == []
    for name, dimension in INDEXES.items():
        made = recording.one("Collection", f"rag-vectors-{name}").inputs
        field = {"fieldName": runtime.VECTOR, "denseVector": {"dimensions": dimension}}
        assert made["vectorSchemas"] == [field]
        assert set(json.loads(made["dataSchema"])["properties"]) == set(runtime.FIELDS)
        assert made["location"] == REGION
        assert told[name] == f"projects/{PROJECT}/locations/{REGION}/collections/{made['collectionId']}"
        assert gcp_name("store", told[name], "projects", "locations", "collections") == told[name]


def test_a_reader_may_search_and_a_writer_may_write_and_nothing_else(usual, classic):
    assert permissions(usual[0]) == {
        "rag-query-vectors": list(runtime.READ_PERMISSIONS),
        "rag-ingest-vectors": list(runtime.WRITE_PERMISSIONS),
    }
    assert permissions(classic[0]) == {
        "rag-query-vectors": list(vector_search_classic.READ_PERMISSIONS),
        "rag-ingest-vectors": list(vector_search_classic.WRITE_PERMISSIONS),
        "rag-query-texts": list(texts.READ_PERMISSIONS),
        "rag-ingest-texts": list(texts.WRITE_PERMISSIONS),
    }
    for recording, _ in (usual, classic):
        for grant in recording.all("IAMMember"):
            use = "query" if "-query-" in grant.name else "ingest"
            assert grant.inputs["member"] == f"serviceAccount:account-{use}@{PROJECT}.iam.gserviceaccount.com"


def test_texts_of_another_database_are_out_of_reach(classic):
    recording, _ = classic
    database = recording.one("Database").physical
    for use in ("query", "ingest"):
        condition = recording.one("IAMMember", f"rag-{use}-on-texts").inputs["condition"]
        assert condition["expression"] == f'resource.name == "projects/{PROJECT}/databases/{database}"'


def test_a_classic_index_is_deployed_on_one_small_machine(classic):
    recording, told = classic
    endpoint = recording.one("AiIndexEndpoint")
    assert endpoint.inputs["publicEndpointEnabled"] is True
    for name, dimension in INDEXES.items():
        index = recording.one("AiIndex", f"rag-vectors-{name}")
        config = index.inputs["metadata"]["config"]
        assert (config["dimensions"], config["distanceMeasureType"]) == (dimension, "SQUARED_L2_DISTANCE")
        assert index.inputs["indexUpdateMethod"] == "STREAM_UPDATE"
        deployed = recording.one("AiIndexEndpointDeployedIndex", f"rag-deployed-{name}").inputs
        assert deployed["dedicatedResources"]["machineSpec"] == {"machineType": "e2-standard-2"}
        assert read_place(told[name]) == ClassicPlace(
            vectors=f"projects/{PROJECT}/locations/{REGION}/indexes/{index.physical}",
            endpoint=f"projects/{PROJECT}/locations/{REGION}/indexEndpoints/{endpoint.physical}",
            domain=f"{endpoint.physical}.europe-west1-42.vdb.vertexai.goog",
            deployed=deployed["deployedIndexId"],
            texts=f"projects/{PROJECT}/databases/{recording.one('Database').physical}/documents/{name}",
        )
        field = recording.one("Field", f"rag-texts-{name}").inputs
        assert (field["collection"], field["field"], field["indexConfig"]) == (name, "text", {"indexes": []})


@pytest.mark.parametrize("is_classic", [False, True])
def test_your_key_encrypts_what_is_kept_and_protection_keeps_it(deploy, is_classic):
    store = VertexVectorSearch(classic=is_classic)
    recording = deploy(program(store, {}, key=KEY, protected=True))
    for each in recording.resources:
        kind = each.type.rpartition(":")[2]
        if kind in ("Collection", "AiIndex"):
            assert KEY in each.inputs["encryptionSpec"].values()
            assert each.inputs["deletionPolicy"] == "PREVENT"
        elif kind == "AiIndexEndpoint":
            assert each.inputs["encryptionSpec"] == {"kmsKeyName": KEY}
        elif kind == "Database":
            assert each.inputs["cmekConfig"] == {"kmsKeyName": KEY}
            assert each.inputs["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"


def test_a_collection_idles_at_nothing_and_a_classic_index_at_its_machine(usual, classic):
    def bill(recording):
        prices = [(one.type, idle(one.type, one.inputs)) for one in recording.resources if "gcp:" in one.type]
        return {kind.rpartition(":")[2]: price.usd for kind, price in prices if price.usd}

    assert bill(usual[0]) == {}
    assert bill(classic[0]) == {"AiIndexEndpointDeployedIndex": pytest.approx(68.55, abs=0.01)}
