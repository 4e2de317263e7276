"""Vector Search 1.0 on the local cloud: strictness, and indexes that are deployed, undeployed and deleted."""

from __future__ import annotations

from typing import Any

import pytest
from google_local import Local
from vector_stores import INDEX, MACHINE, Made, entry, ids, make_index

from serverless_ai_local.gcp import types
from serverless_ai_runtime.core.ports import Deadline, Refused


@pytest.fixture
def database(local: Local) -> None:
    local.make(types.DATABASE, name="texts", locationId="us-central1", type="FIRESTORE_NATIVE")


def test_an_index_goes_after_its_deployment_and_its_vectors_with_it(local: Local, database: None) -> None:
    place, (index, endpoint, deployed) = make_index(local)
    store = Made(local, place).store()
    store.upsert([entry(0)], Deadline(10))
    for one, why in ((index, "Index"), (endpoint, "IndexEndpoint")):
        answer = local.send("POST", "/_local/gcp/resources/delete", {"uid": one["uid"]})
        assert answer.status == 400
        assert f"{why} {one['id']} has deployed indexes: chunks" in answer.body["message"]
    local.drop(deployed)
    with pytest.raises(Refused, match="DeployedIndex chunks was not found"):
        ids(store)
    local.drop(index)
    local.drop(endpoint)
    assert ids(Made(local, make_index(local)[0]).store()) == []


def test_vectors_whose_text_is_gone_are_left_out(local: Local, database: None) -> None:
    place, _ = make_index(local)
    made = Made(local, place)
    made.store().upsert([entry(0), entry(1)], Deadline(10))
    names = {one["name"] for one in local_documents(local, place.texts, "id-0", "id-1")}
    assert len(names) == 2
    write = {"writes": [{"delete": sorted(names)[0]}]}
    assert local.send("POST", f"/v1/{place.texts.rpartition('/')[0]}:commit", write).status == 200
    assert len(ids(made.store())) == 1


def local_documents(local: Local, collection: str, *entry_ids: str) -> list[dict[str, Any]]:
    from serverless_ai_runtime.core.records import digest

    names = [f"{collection}/{digest(one)}" for one in entry_ids]
    answer = local.send("POST", f"/v1/{collection.rpartition('/')[0]}:batchGet", {"documents": names})
    return [one["found"] for one in answer.body if "found" in one]


POINT = {"datapointId": "p", "featureVector": [1, 0, 0]}
QUERY = {"datapoint": {"featureVector": [1, 0, 0]}}


@pytest.mark.parametrize(
    ("method", "body", "message"),
    [
        ("upsertDatapoints", {"datapoints": []}, "1 to 1000"),
        ("upsertDatapoints", {"datapoints": [POINT], "updateMask": "x"}, 'Unknown name "updateMask"'),
        ("upsertDatapoints", {"datapoints": [{**POINT, "featureVector": [1]}]}, "1 dimensions, expected 3"),
        ("upsertDatapoints", {"datapoints": [{**POINT, "datapointId": ""}]}, "need a datapoint_id"),
        ("upsertDatapoints", {"datapoints": [{**POINT, "embeddingMetadata": {}}]}, "embeddingMetadata"),
        (
            "upsertDatapoints",
            {"datapoints": [{**POINT, "restricts": [{"namespace": "a", "allowList": []}] * 2}]},
            "multiple restricts",
        ),
        ("removeDatapoints", {"datapointIds": None}, "1 to 1000"),
        ("findNeighbors", {"deployedIndexId": "other", "queries": [QUERY]}, "other was not found"),
        ("findNeighbors", {"deployedIndexId": "chunks", "queries": [{}]}, "with a datapoint"),
        (
            "findNeighbors",
            {"deployedIndexId": "chunks", "queries": [{**QUERY, "neighborCount": 0}]},
            "must be positive",
        ),
        ("readIndexDatapoints", {}, "does not offer POST indexEndpoints:readIndexDatapoints"),
    ],
)
def test_what_the_service_or_the_local_cloud_does_not_take_is_named(
    local: Local, method: str, body: Any, message: str
) -> None:
    place, _ = make_index(local)
    name = place.vectors if "Datapoints" in method and "Index" not in method else place.endpoint
    answer = local.send("POST", f"/v1/{name}:{method}", body)
    assert answer.status >= 400, answer
    assert message in answer.body["error"]["message"]


def test_what_cannot_be_deployed_is_refused(local: Local) -> None:
    config = INDEX["metadata"]["config"]
    for change, message in (
        ({"indexUpdateMethod": "BATCH_UPDATE"}, "must be STREAM_UPDATE here"),
        (
            {"metadata": {"config": {**config, "distanceMeasureType": "COSINE_DISTANCE"}}},
            "SQUARED_L2_DISTANCE",
        ),
        ({"metadata": {"config": {**config, "algorithmConfig": {}}}}, "needs one of"),
        ({"metadata": {"config": {**config, "approximateNeighborsCount": 0}}}, "is required"),
    ):
        assert message in local.refused(types.VERTEX_INDEX, **{**INDEX, **change})
    assert "public_endpoint_enabled" in local.refused(types.INDEX_ENDPOINT, displayName="x")
    _, (index, endpoint, _) = make_index(local)
    given = {"deployedIndexId": "d", "index": index["id"], "indexEndpoint": endpoint["id"]}
    for change, message in (
        ({"deployedIndexId": "1-d"}, "may have letters"),
        ({"index": "other"}, "Index other was not found"),
        ({"dedicatedResources": {"machineSpec": {"machineType": "e2-micro"}}}, "cannot serve"),
    ):
        assert message in local.refused(
            types.DEPLOYED_INDEX, **{**given, "dedicatedResources": MACHINE, **change}
        )
