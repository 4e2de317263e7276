"""A secret on Google Cloud, from a stack's configuration to the function's process, and nowhere else."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from gcp_world import GcpWorld
from processes import environment
from world import eventually

from serverless_ai_local import launch
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets import DeployError
from serverless_ai_local.targets.pulumi_program import PulumiProgram

SECRET, NEXT = "sunny-with-a-chance-of-hunter2", "cloudy-with-a-chance-of-hunter3"
ACCOUNT = "gcp:serviceaccount/account:Account"
FUNCTION = "gcp:cloudfunctionsv2/function:Function"
VERSION = "gcp:secretmanager/secretVersion:SecretVersion"
MEMBER = "gcp:secretmanager/secretIamMember:SecretIamMember"
PROGRAM = """
import pulumi
from serverless_ai_patterns.function_llm import FunctionLlmSettings, FunctionSettings
from serverless_ai_pulumi.gcp import FunctionLlm
from serverless_ai_pulumi.gcp.outputs import outputs

config = pulumi.Config()
made = FunctionLlm(
    "chat",
    FunctionLlmSettings(function=FunctionSettings(memory_mb=config.get_int("memory") or 256)),
    invokers=["domain:example.com"],
    secrets={"WEATHER_API_KEY": config.require_secret("weather")},
    deletion_protection=False,
)
for name, value in outputs(made).items():
    pulumi.export(f"main_{name}", value)
pulumi.export("secret", made.secrets["WEATHER_API_KEY"].name)
"""

pytestmark = pytest.mark.row("security-09")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulumiProgram]:
    folder = tmp_path_factory.mktemp("program")
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "Pulumi.yaml").write_text("name: secrets\nruntime: python\n")
    running = launch.start(tmp_path_factory.mktemp("gcp-secrets"))
    yield PulumiProgram(cloud=running, program_dir=folder, stack="test", config={"weather": SECRET})
    running.stop()


@pytest.fixture
def world(program: PulumiProgram) -> Iterator[GcpWorld]:
    """The deployed function, which has answered once; destroyed afterwards."""
    outputs = {name: str(value) for name, value in program.up().outputs.items()}
    found = GcpWorld(target="pulumi-gcp", cloud=program.cloud, outputs=outputs)
    assert found.chat({"message": "hello"}).status == 200
    yield found
    program.destroy()
    assert inventory(program.cloud) == []


def inventory(cloud: RunningCloud, *tokens: str) -> list[dict[str, Any]]:
    everything = cloud.admin("GET", "gcp/resources")["resources"]
    return [one for one in everything if not tokens or one["token"] in tokens]


def instances(cloud: RunningCloud) -> list[int]:
    return [one["pid"] for one in cloud.admin("GET", "gcp/functions/instances")["instances"]]


def read(world: GcpWorld, account: str) -> tuple[int, Any]:
    """The secret by Secret Manager's own API, as an account."""
    token = world.cloud.admin("POST", "gcp/access-token", {"email": account})["token"]
    url = urlsplit(f"{world.cloud.url}/v1/{world.outputs['secret']}/versions/latest:access")
    connection = http.client.HTTPConnection(url.netloc, timeout=40)
    try:
        connection.request("GET", url.path, headers={"authorization": f"Bearer {token}"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_the_function_gets_it_and_it_stands_nowhere_else(program: PulumiProgram, world: GcpWorld) -> None:
    (pid,) = instances(program.cloud)
    assert f"WEATHER_API_KEY={SECRET}" in environment(pid)
    again = program.up()
    assert {step.op for step in again.steps} == {"same"}
    service = inventory(program.cloud, FUNCTION)[0]["inputs"]["serviceConfig"]
    assert "WEATHER_API_KEY" not in service["environmentVariables"]
    told = {
        "the resources": json.dumps(inventory(program.cloud)),
        "what a deployment says": repr(again),
        "the function's log": "\n".join(world.logs()),
    }
    files = [file for file in program.cloud.state_dir.rglob("*") if file.is_file()]
    assert {"cloud.log", "secrets.test.json"} <= {file.name for file in files}, "its log, the stack's state"
    told |= {file.name: file.read_text(errors="replace") for file in files}
    assert [where for where, text in told.items() if SECRET in text] == []


def test_only_the_functions_own_account_may_read_it(program: PulumiProgram, world: GcpWorld) -> None:
    own = world.outputs["main_identity_name"]
    status, answer = read(world, own)
    assert status == 200, answer
    assert base64.b64decode(answer["payload"]["data"]).decode() == SECRET
    accounts = [one["id"].rpartition("/")[2] for one in inventory(program.cloud, ACCOUNT)]
    assert len(accounts) > 1
    for other in set(accounts) - {own}:
        status, answer = read(world, other)
        assert (status, answer["error"]["status"]) == (403, "PERMISSION_DENIED")


def test_another_value_is_another_version_that_new_instances_have(
    program: PulumiProgram, world: GcpWorld
) -> None:
    changed = replace(program, config={"weather": NEXT})
    steps = [(step.op, step.type) for step in changed.up().steps if step.op != "same"]
    assert ("update", FUNCTION) in steps
    assert {kind for _, kind in steps} == {FUNCTION, VERSION}
    assert world.chat({"message": "hello"}).status == 200
    (pid,) = instances(program.cloud)
    assert f"WEATHER_API_KEY={NEXT}" in environment(pid)
    assert [one["id"].rpartition("/")[2] for one in inventory(program.cloud, VERSION)] == ["2"]


def test_without_the_grant_no_instance_starts_and_no_revision_is_deployed(
    program: PulumiProgram, world: GcpWorld
) -> None:
    (grant,) = inventory(program.cloud, MEMBER)
    program.cloud.admin("POST", "gcp/resources/delete", {"uid": grant["uid"]})
    for pid in instances(program.cloud):
        os.killpg(pid, signal.SIGKILL)
    eventually(lambda: not instances(program.cloud), what="end of the instances")
    assert world.chat({"message": "hello"}).status == 503
    words = (
        rf"Permission denied on secret: .*/versions/1 for Revision service account "
        rf"{world.outputs['main_identity_name']}\. The service account used must be granted"
    )
    eventually(lambda: any("could not start successfully" in line for line in world.logs()), what="the log")
    assert SECRET not in str(world.logs())
    with pytest.raises(DeployError, match=words):
        replace(program, config={"weather": SECRET, "memory": "512"}).up()
