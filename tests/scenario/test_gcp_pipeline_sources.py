"""What only Google Cloud has as a source: documents of Firestore, and calls that are recorded."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from pipeline_gcp_world import PipelineGcpWorld
from world import eventually

from serverless_ai_local import launch
from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.project import PROJECT, REGION
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets.pulumi_program import PulumiProgram

PROGRAM = """
import pulumi
import pulumi_gcp as gcp
from serverless_ai_patterns.event_pipeline import AuditLog, EventPipelineSettings, Sources, WorkerSettings
from serverless_ai_pulumi.gcp import EventPipeline
from serverless_ai_pulumi.gcp.outputs import outputs

notes = gcp.firestore.Database(
    "notes", name="notes", location_id="us-central1", type="FIRESTORE_NATIVE", deletion_policy="DELETE"
)
recorded = AuditLog(service="pubsub.googleapis.com", method="google.pubsub.v1.Publisher.CreateTopic")
made = EventPipeline(
    "docs",
    EventPipelineSettings(
        sources=Sources(uploads=None, firestore="notes", audit_log=recorded),
        function=WorkerSettings(timeout_s=4, log_retention_days=7),
    ),
    firestore_database=notes.name,
    force_destroy=True,
    deletion_protection=False,
)
for name, value in outputs(made).items():
    pulumi.export(f"main_{name}", value)
"""
DOCUMENTS = f"projects/{PROJECT}/databases/notes/documents"


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    running = launch.start(tmp_path_factory.mktemp("gcp-sources"), env={"LOCAL_ASYNC_RETRY_SECONDS": "0.2"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def world(own_cloud: RunningCloud, tmp_path_factory: pytest.TempPathFactory) -> PipelineGcpWorld:
    folder = tmp_path_factory.mktemp("program")
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "Pulumi.yaml").write_text("name: sources\nruntime: python\n")
    outputs = PulumiProgram(cloud=own_cloud, program_dir=folder, stack="test").deploy().outputs
    return PipelineGcpWorld(target="pulumi-gcp", cloud=own_cloud, outputs=outputs)


def write(cloud: RunningCloud, *writes: dict[str, Any]) -> None:
    connection = http.client.HTTPConnection(urlsplit(cloud.url).netloc, timeout=10)
    headers = {"authorization": "Bearer owner", "content-type": "application/json"}
    path = f"/v1/{quote(DOCUMENTS)}:commit"
    connection.request("POST", path, json.dumps({"writes": list(writes)}), headers)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    assert response.status == 200, text


def note(ident: str, text: str, collection: str = "notes") -> dict[str, Any]:
    fields = {"message": {"stringValue": text}, "stars": {"integerValue": "5"}}
    return {"update": {"name": f"{DOCUMENTS}/{collection}/{ident}", "fields": fields}}


def summaries(world: PipelineGcpWorld, source: str) -> list[str]:
    found = world.results().values()
    return [one["output"]["summary"] for one in found if one["item"]["source"] == source]


@pytest.mark.row("gcp-06", "gcp-25", "gcp-26")
def test_each_version_of_a_document_is_processed_once_and_deletions_and_others_are_not(
    own_cloud: RunningCloud, world: PipelineGcpWorld
) -> None:
    write(own_cloud, note("grüße 1", "The lamp is lit ☂. It is bright."), note("x", "Never seen.", "others"))
    eventually(lambda: len(summaries(world, "firestore")) == 1, within=30, what="the first version")
    with world.held(duplicates=1.0):
        write(own_cloud, note("grüße 1", "The lamp is out. It is dark."))
        write(own_cloud, {"delete": f"{DOCUMENTS}/notes/grüße 1"})
    eventually(lambda: len(summaries(world, "firestore")) == 2, within=30, what="the second version")
    seen = summaries(world, "firestore")
    assert any("lit ☂" in one for one in seen)
    assert any("out" in one for one in seen)
    assert world.dead_letters() == []
    assert len(world.model_calls()) == 2


@pytest.mark.row("gcp-24", "gcp-25", "gcp-26")
def test_a_recorded_call_becomes_a_result_and_other_calls_do_not(
    own_cloud: RunningCloud, world: PipelineGcpWorld
) -> None:
    for token, inputs in (
        (types.BUCKET, {"name": "noise", "location": REGION}),
        (types.TOPIC, {"name": "recorded-topic"}),
    ):
        given = {"token": token, "inputs": inputs, "project": PROJECT, "region": REGION}
        own_cloud.admin("POST", "gcp/resources/create", given)
    (summary,) = eventually(lambda: summaries(world, "audit"), within=30, what="the result of the call")
    assert "CreateTopic" in summary
    assert "recorded-topic" in summary


def test_the_function_used_nothing_that_it_was_not_granted(
    own_cloud: RunningCloud, world: PipelineGcpWorld
) -> None:
    world.send("The bell rings. It is noon.")
    eventually(lambda: summaries(world, "queue"), within=30, what="the result of the message")
    checks = own_cloud.admin("GET", "iam/checks")["checks"]
    assert [check for check in checks if not check["allowed"]] == []
