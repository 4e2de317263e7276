"""The program of `pulumi/stacks/azure`: the stack's configuration in, a pattern, its outputs out."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest
import yaml

from serverless_ai_patterns.catalogue import CATALOGUE, find
from serverless_ai_patterns.function_llm import Jwt
from serverless_ai_patterns.settings import from_mapping

STACKS = Path(__file__).parents[2] / "pulumi" / "stacks" / "azure"
PROJECT = yaml.safe_load((STACKS / "Pulumi.yaml").read_text())["name"]
ALWAYS = {
    "endpoint",
    "resource_group_name",
    "function_name",
    "identity_name",
    "log_group_name",
    "table_name",
    "dashboard_name",
}

EXPORTED = {
    "function_llm": ALWAYS,
    "event_pipeline": {
        *(ALWAYS - {"endpoint"}),
        *("uploads", "results", "queue", "dead_letters", "announcements"),
    },
    "rag": {
        *ALWAYS,
        *("documents", "queue", "dead_letters", "ingest_function_name", "ingest_identity_name"),
    },
}


def program():
    runpy.run_path(str(STACKS / "__main__.py"), run_name="__main__")


def configured(pattern="function_llm", *, gateway=None, client="c", **settings):
    config = {f"{PROJECT}:pattern": pattern}
    if client:
        config[f"{PROJECT}:entra_client_id"] = client
    if gateway:
        config[f"{PROJECT}:gateway"] = json.dumps(gateway)
    return config | ({f"{PROJECT}:settings": json.dumps(settings)} if settings else {})


@pytest.mark.parametrize("pattern", [each.slug for each in CATALOGUE if "azure" in each.clouds])
def test_each_pattern_has_a_stack_that_deploys_as_it_stands(deploy, pattern):
    stack = yaml.safe_load((STACKS / f"Pulumi.{pattern.replace('_', '-')}.yaml").read_text())
    config = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in stack["config"].items()
    }
    assert config[f"{PROJECT}:pattern"] == pattern
    assert "azure-native:location" in config
    recording = deploy(program, config=config)
    components = [each for each in recording.resources if each.type.startswith("serverless-ai:azure:")]
    assert [(each.type, each.name) for each in components] == [
        (f"serverless-ai:azure:{find(pattern).class_name}", pattern.replace("_", "-"))
    ]
    assert recording.exports.keys() == EXPORTED[pattern]
    assert recording.outputs[recording.one(find(pattern).class_name).urn] == recording.exports


def test_nobody_gets_in_as_the_stack_stands(deploy):
    stack = yaml.safe_load((STACKS / "Pulumi.function-llm.yaml").read_text())
    recording = deploy(program, config=stack["config"])
    told = recording.one("WebAppAuthSettingsV2").inputs["identityProviders"]["azureActiveDirectory"]
    assert told["registration"]["clientId"] == "00000000-0000-0000-0000-000000000000", "nobody gets in yet"


def test_it_exports_where_to_call_and_what_was_made(deploy):
    events = {"schedule": "rate(1 day)", "destination": True, "bus_filter": {"source": ["shop"]}}
    gateway = {"publisher_email": "ops@example.com", "publisher_name": "Ops"}
    recording = deploy(program, config=configured(events=events, gateway=gateway))
    exports = recording.exports
    assert exports.keys() == ALWAYS | {
        "dead_letter_queue_url",
        "destination_queue_url",
        "events_topic",
        "schedule_name",
    }
    assert exports["endpoint"] == "https://function-llm-gateway0a1b2c3d.azure-api.net"
    assert exports["function_name"] == recording.one("WebApp").physical
    assert exports["identity_name"] == recording.one("UserAssignedIdentity").physical
    assert exports["log_group_name"] == recording.one("Workspace").physical
    account = recording.one("StorageAccount").physical
    assert exports["dead_letter_queue_url"] == f"https://{account}.queue.core.windows.net/events-poison"
    assert exports["destination_queue_url"] == f"https://{account}.queue.core.windows.net/results"
    assert (exports["table_name"], exports["schedule_name"]) == ("records", "schedule")
    assert exports["events_topic"].endswith("/api/events")


def test_settings_and_tenant_of_the_stack_reach_the_deployment(deploy):
    config = configured(function={"memory_mb": 4096}) | {f"{PROJECT}:entra_tenant_id": "other"}
    recording = deploy(program, config=config)
    scale = recording.one("WebApp").inputs["functionAppConfig"]["scaleAndConcurrency"]
    assert scale["instanceMemoryMB"] == 4096
    told = recording.one("WebAppAuthSettingsV2").inputs["identityProviders"]["azureActiveDirectory"]
    assert told["registration"] == {
        "clientId": "c",
        "openIdIssuer": "https://login.microsoftonline.com/other/v2.0",
    }


def test_the_settings_shown_as_an_example_are_settings():
    text = (STACKS / "Pulumi.function-llm.yaml").read_text()
    example = "\n".join(re.findall(r"^  # ( *\S.*: .*\}|serverless-ai-azure:settings:)$", text, re.MULTILINE))
    shown = yaml.safe_load(example)["serverless-ai-azure:settings"]
    settings = from_mapping(find("function_llm").settings, shown)
    assert isinstance(settings.auth, Jwt)
    assert (settings.llm.model, settings.events.schedule) == ("large", "rate(1 day)")


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (configured("rag_of_dreams"), "pattern must be one of .*rag_of_dreams"),
        (configured(llm={"modle": "large"}), r"settings\.llm\.modle is not a setting.*did you mean model"),
        (configured(auth={"open": {}}), r"settings\.auth\.open is not a choice"),
        (configured(client=None), "entra_client_id"),
        (configured(gateway={"publisher_email": "a@b.c"}), r"gateway\.publisher_name is missing"),
        (configured(gateway={"publisher": "x"}), r"gateway\.publisher is not a setting"),
        (
            configured(gateway={"publisher_email": 1, "publisher_name": "x"}),
            r"gateway\.publisher_email must be text",
        ),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(deploy, config, complaint):
    with pytest.raises(ValueError, match=complaint):
        deploy(program, config=config)


def test_without_a_pattern_the_program_says_which_key_is_missing(deploy):
    with pytest.raises(Exception, match=f"{PROJECT}:pattern"):
        deploy(program, config={})
