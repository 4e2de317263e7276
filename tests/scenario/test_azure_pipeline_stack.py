"""The shipped Azure program with the event pipeline: telemetry in, results out, and no way to lose them."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from azure_world import bearer, send
from pipeline_azure_world import PipelineAzureWorld
from world import eventually

from serverless_ai_local import launch
from serverless_ai_local.azure.access import ASSIGNMENT
from serverless_ai_local.azure.iot_hub import signature
from serverless_ai_local.azure.roles import ROLES, Role
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets.base import DeployError
from serverless_ai_local.targets.pulumi_program import PulumiProgram

PROGRAM = Path(__file__).parents[2] / "pulumi" / "stacks" / "azure"
HUBS = "https://iothubs.azure.net"
SETTINGS = {"processor": {"summarize": {"max_words": 30}}, "sources": {"devices": True}}


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    running = launch.start(tmp_path_factory.mktemp("azure-pipeline"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def program(own_cloud: RunningCloud) -> PulumiProgram:
    config = {"settings": json.dumps(SETTINGS)}
    return PulumiProgram(cloud=own_cloud, program_dir=PROGRAM, stack="event-pipeline", config=config)


@pytest.fixture(scope="module")
def stack(own_cloud: RunningCloud, program: PulumiProgram) -> PipelineAzureWorld:
    outputs = program.deploy().outputs
    named = {f"main_{name}": str(value) for name, value in outputs.items()}
    return PipelineAzureWorld(target="pulumi-azure", cloud=own_cloud, outputs=named)


@pytest.mark.row("azure-21")
def test_what_a_device_says_becomes_a_result(own_cloud: RunningCloud, stack: PipelineAzureWorld) -> None:
    hub = f"{own_cloud.url}/_azure/iothub/{stack.outputs['main_hub_name']}"
    token = own_cloud.admin("POST", "azure/token", {"resource": HUBS})["access_token"]
    device = send("PUT", f"{hub}/devices/boiler", {"deviceId": "boiler"}, bearer(token)).body
    key = device["authentication"]["symmetricKey"]["primaryKey"]
    place = hub.partition("://")[2] + "/devices/boiler"
    body = {"message": "The boiler is at ninety degrees. It is too hot."}
    headers = {
        "authorization": signature(place, key, int(time.time()) + 60),
        "iothub-contenttype": "application/json",
        "iothub-contentencoding": "utf-8",
    }
    target = f"{hub}/devices/boiler/messages/events?api-version=2020-03-13"
    assert send("POST", target, body, headers).status == 204
    (result,) = eventually(stack.results, within=30, what="the result of the telemetry").values()
    assert "boiler" in result["output"]["summary"]
    assert result["item"]["source"] == "device"


def test_the_function_used_nothing_that_it_was_not_granted(
    own_cloud: RunningCloud, stack: PipelineAzureWorld
) -> None:
    stack.upload("note.txt", b"The bell rings at noon. It is loud.")
    eventually(lambda: "note.txt" in stack.results(), within=30, what="the result of the upload")
    checks = own_cloud.admin("GET", "iam/checks")["checks"]
    assert [check for check in checks if not check["allowed"]] == []
    used = Counter(check["action"].rpartition("/containers/")[2] for check in checks)
    assert used["blobs/read"] > 0
    assert used["blobs/write"] > 0
    scopes = {
        check["resource"].rpartition("/")[2] for check in checks if check["action"].endswith("blobs/write")
    }
    assert scopes <= {"results", "package"}, "never into the container of uploads"


def test_each_right_is_used(own_cloud: RunningCloud, stack: PipelineAzureWorld) -> None:
    stack.upload("blank.txt", b"   ")
    (letter,) = eventually(stack.dead_letters, within=30, what="the dead letter")
    assert letter["code"] == "no_text"
    checks = own_cloud.admin("GET", "iam/checks")["checks"]
    resources = own_cloud.admin("GET", "azure/resources")["resources"]
    unused = [
        (role_of(one).name, one["inputs"]["scope"])
        for one in resources
        if one["kind"] == ASSIGNMENT and not any(uses(check, one) for check in checks)
    ]
    # Only what cannot be delivered goes there: shown in tests/local_azure/test_events.py.
    assert {scope.rpartition("/")[2] for _, scope in unused} == {"undelivered"}


def role_of(assignment: dict[str, Any]) -> Role:
    return ROLES[assignment["inputs"]["roleDefinitionId"].rpartition("/")[2]]


def uses(check: dict[str, Any], assignment: dict[str, Any]) -> bool:
    within = check["resource"].lower().startswith(assignment["inputs"]["scope"].lower())
    return within and any(fnmatch(check["action"], action) for action in role_of(assignment).data_actions)


def test_up_again_changes_nothing_and_a_destroy_is_refused_until_documents_may_be_lost(
    stack: PipelineAzureWorld, program: PulumiProgram
) -> None:
    steps: list[Any] = [step for step in program.up().steps if step.op != "same"]
    assert steps == []
    with pytest.raises(DeployError, match="event-pipeline-documents"):
        program.destroy()
    assert stack.results(), "the documents are still there"
