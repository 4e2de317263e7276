"""A secret on Azure, from a stack's configuration through Key Vault to the app, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from azure_world import CLIENT, AzureWorld, bearer, send
from processes import environment
from world import Reply, eventually

from serverless_ai_local import launch
from serverless_ai_local.azure.access import ASSIGNMENT
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets.pulumi_program import PulumiProgram
from serverless_ai_patterns.azure import roles

SECRET, NEXT = "sunny-with-a-chance-of-hunter2", "cloudy-with-a-chance-of-hunter3"
VAULT = "https://vault.azure.net"
STRANGER = "5f0c2f5e-0000-4000-8000-000000000001"
PROGRAM = f"""
import pulumi
from serverless_ai_pulumi.azure import FunctionLlm
from serverless_ai_pulumi.azure.outputs import outputs

config = pulumi.Config()
made = FunctionLlm(
    "chat", entra_client_id="{CLIENT}", secrets={{"WEATHER_API_KEY": config.require_secret("weather")}}
)
for name, value in outputs(made).items():
    pulumi.export(f"main_{{name}}", value)
"""

pytestmark = pytest.mark.row("security-08")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulumiProgram]:
    folder = tmp_path_factory.mktemp("program")
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "Pulumi.yaml").write_text("name: secrets\nruntime: python\n")
    running = launch.start(tmp_path_factory.mktemp("azure-secrets"))
    yield PulumiProgram(cloud=running, program_dir=folder, stack="test", config={"weather": SECRET})
    running.stop()


@pytest.fixture
def world(program: PulumiProgram) -> AzureWorld:
    """The deployed app, which has answered once."""
    outputs = {name: str(value) for name, value in program.up().outputs.items()}
    found = AzureWorld(target="pulumi-azure", cloud=program.cloud, outputs=outputs)
    assert found.chat({"message": "hello"}).status == 200
    return found


def resources(cloud: RunningCloud, kind: str) -> list[dict[str, Any]]:
    everything = cloud.admin("GET", "azure/resources")["resources"]
    return [one for one in everything if one["kind"] == kind]


def process(cloud: RunningCloud) -> int:
    (app,) = cloud.admin("GET", "azure/apps")["apps"]
    return app["pid"]


def restart(world: AzureWorld) -> None:
    """A changed app is started anew."""
    (app,) = resources(world.cloud, "web:WebApp")
    world.manage("PUT", app["id"], {"kind": app["kind"], "inputs": app["inputs"]})


def reference(world: AzureWorld) -> str:
    """What the app's settings hold in the secret's place."""
    (app,) = resources(world.cloud, "web:WebApp")
    settings = {one["name"]: one["value"] for one in app["inputs"]["siteConfig"]["appSettings"]}
    return settings["WEATHER_API_KEY"]


def read(world: AzureWorld, oid: str) -> Reply:
    """The secret by Key Vault's own API, as a principal."""
    uri = reference(world).removeprefix("@Microsoft.KeyVault(SecretUri=").removesuffix(")")
    return send("GET", f"{uri}?api-version=7.4", None, bearer(world.service_token(VAULT, oid)))


def identity(world: AzureWorld) -> str:
    (found,) = resources(world.cloud, "managedidentity:UserAssignedIdentity")
    return world.manage("GET", found["id"]).body["outputs"]["principalId"]


def test_the_app_gets_it_by_reference_and_it_stands_nowhere_else(
    program: PulumiProgram, world: AzureWorld
) -> None:
    assert f"WEATHER_API_KEY={SECRET}" in environment(process(program.cloud))
    assert reference(world).startswith("@Microsoft.KeyVault(SecretUri=")
    again = program.up()
    assert {step.op for step in again.steps} == {"same"}
    told = {
        "the resources": json.dumps(program.cloud.admin("GET", "azure/resources")),
        "what a deployment says": repr(again),
        "the app's log": "\n".join(world.logs()),
    }
    files = [file for file in program.cloud.state_dir.rglob("*") if file.is_file()]
    assert {"cloud.log", "secrets.test.json"} <= {file.name for file in files}, "its log, the stack's state"
    told |= {file.name: file.read_text(errors="replace") for file in files}
    assert [where for where, text in told.items() if SECRET in text] == []


def test_only_the_apps_own_identity_may_read_it(world: AzureWorld) -> None:
    own, strange = read(world, identity(world)), read(world, STRANGER)
    assert (own.status, own.body["value"]) == (200, SECRET)
    assert (strange.status, strange.body["error"]["code"]) == (403, "Forbidden")
    assert SECRET not in str(strange)


def test_another_value_is_in_the_vault_and_in_the_app_once_it_starts_anew(
    program: PulumiProgram, world: AzureWorld
) -> None:
    changed = replace(program, config={"weather": NEXT})
    steps = [(step.op, step.type) for step in changed.up().steps if step.op != "same"]
    assert steps == [("update", "azure-native:keyvault:Secret")]
    restart(world)
    eventually(lambda: world.chat({"message": "hello"}).status == 200, what="the app")
    assert f"WEATHER_API_KEY={NEXT}" in environment(process(program.cloud))


def test_without_the_grant_the_app_does_not_start_and_says_why(world: AzureWorld) -> None:
    granted = [
        one
        for one in resources(world.cloud, ASSIGNMENT)
        if roles.READ_SECRET.id in one["inputs"]["roleDefinitionId"]
    ]
    assert len(granted) == 1
    world.manage("DELETE", granted[0]["id"])
    restart(world)
    eventually(lambda: world.chat({"message": "hello"}).status == 503, what="the end of the app")
    lines = world.cloud.admin("GET", f"azure/workspaces/{world.outputs['main_log_group_name']}/lines")[
        "lines"
    ]
    said = [line["message"] for line in lines if line["category"] == "Host"]
    words = "Caller is not authorized to perform action 'Microsoft.KeyVault/vaults/secrets/getSecret/action'"
    assert any(words in one for one in said), said
    assert SECRET not in str(lines)
    world.manage("PUT", granted[0]["id"], {"kind": ASSIGNMENT, "inputs": granted[0]["inputs"]})
    assert world.chat({"message": "hello"}).status == 200


def test_a_destroy_leaves_nothing(program: PulumiProgram, world: AzureWorld) -> None:
    assert world.chat({"message": "hello"}).status == 200
    program.destroy()
    assert program.cloud.admin("GET", "azure/resources")["resources"] == []
