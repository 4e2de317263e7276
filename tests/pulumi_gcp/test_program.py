"""The program of `pulumi/stacks/gcp`: the stack's configuration in, a pattern, its outputs out."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest
import yaml
from gcp_provider import PROJECT, cloud
from recorder import deployer

from serverless_ai_patterns.catalogue import CATALOGUE, find
from serverless_ai_patterns.function_llm import Jwt
from serverless_ai_patterns.settings import from_mapping

STACKS = Path(__file__).parents[2] / "pulumi" / "stacks" / "gcp"
NAME = yaml.safe_load((STACKS / "Pulumi.yaml").read_text())["name"]
ALWAYS = {"endpoint", "function_name", "identity_name", "log_group_name", "table_name", "dashboard_name"}


def program():
    runpy.run_path(str(STACKS / "__main__.py"), run_name="__main__")


def configured(pattern="function_llm", **settings):
    config = {f"{NAME}:pattern": pattern}
    return config | ({f"{NAME}:settings": json.dumps(settings)} if settings else {})


def stack_of(pattern):
    text = (STACKS / f"Pulumi.{pattern.replace('_', '-')}.yaml").read_text()
    config = yaml.safe_load(text)["config"]
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


@pytest.mark.parametrize("pattern", [each.slug for each in CATALOGUE if "gcp" in each.clouds])
def test_each_pattern_has_a_stack_that_deploys_once_the_project_is_named(deploy, pattern):
    config = stack_of(pattern)
    assert config[f"{NAME}:pattern"] == pattern
    assert config.keys() >= {"gcp:region"}
    recording = deploy(program, config=config)
    components = [each for each in recording.resources if each.type.startswith("serverless-ai:gcp:")]
    assert [(each.type, each.name) for each in components] == [
        (f"serverless-ai:gcp:{find(pattern).class_name}", pattern.replace("_", "-"))
    ]


def test_the_project_is_nobodys_until_it_is_named():
    config = stack_of("function_llm")
    assert "gcp:project" not in config
    with pytest.raises(ValueError, match="gcp:project is not set: pulumi config set gcp:project"):
        deployer(cloud(project=""))(program, config=config)


def test_the_stack_as_shipped_says_in_plain_view_that_its_state_goes_with_it(deploy):
    shipped = deploy(program, config=stack_of("function_llm")).one("Database").inputs
    assert shipped["deleteProtectionState"] == "DELETE_PROTECTION_DISABLED"
    silent = deploy(program, config=configured()).one("Database").inputs
    assert silent["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"


def test_it_exports_where_to_call_and_what_was_made(deploy):
    recording = deploy(program, config=configured())
    exports = recording.exports
    assert exports.keys() == ALWAYS
    name = recording.one("Function").physical
    assert (exports["function_name"], exports["endpoint"]) == (name, f"https://{name}-x.a.run.app")
    assert exports["identity_name"].endswith(f"@{PROJECT}.iam.gserviceaccount.com")
    assert exports["log_group_name"] == recording.one("ProjectBucketConfig").physical
    database = recording.one("Database").physical
    assert exports["table_name"] == f"projects/{PROJECT}/databases/{database}/documents/records"


def test_optional_parts_are_exported_when_they_are_made(deploy):
    events = {"schedule": "rate(1 day)", "destination": True, "bus_filter": {"source": ["shop"]}}
    recording = deploy(program, config=configured(events=events))
    exports = recording.exports
    assert exports.keys() == ALWAYS | {
        "dead_letter_queue_url",
        "destination_queue_url",
        "events_topic",
        "schedule_name",
    }
    topic = recording.one("Topic", "function-llm-events").physical
    assert exports["events_topic"] == f"projects/{PROJECT}/topics/{topic}"
    results = recording.one("Subscription", "function-llm-results").physical
    assert exports["destination_queue_url"] == f"projects/{PROJECT}/subscriptions/{results}"


def test_the_component_registers_the_same_outputs(deploy):
    recording = deploy(program, config=configured())
    assert recording.outputs[recording.one("FunctionLlm").urn] == recording.exports


def test_settings_and_callers_of_the_stack_reach_the_deployment(deploy):
    callers = ["group:chat@example.com"]
    config = configured(function={"memory_mb": 1024}) | {f"{NAME}:invokers": json.dumps(callers)}
    recording = deploy(program, config=config)
    assert recording.one("Function").inputs["serviceConfig"]["availableMemory"] == "1024Mi"
    assert recording.one("ServiceIamBinding").inputs["members"] == callers


def test_the_settings_shown_as_an_example_are_settings():
    text = (STACKS / "Pulumi.function-llm.yaml").read_text()
    example = "\n".join(re.findall(rf"^  # ( *[a-z]\w+: \{{.*|{NAME}:settings:)$", text, re.MULTILINE))
    shown = yaml.safe_load(example)[f"{NAME}:settings"]
    settings = from_mapping(find("function_llm").settings, shown)
    assert isinstance(settings.auth, Jwt)
    assert (settings.llm.model, settings.events.schedule) == ("large", "rate(1 day)")


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (configured("rag_of_dreams"), "pattern must be one of .*rag_of_dreams"),
        (configured(llm={"modle": "large"}), r"settings\.llm\.modle is not a setting.*did you mean model"),
        (configured(events={"schedule": "at(2027-01-01T00:00:00)"}), "cannot run on Google Cloud"),
        (configured() | {f"{NAME}:invokers": '["allUsers"]'}, "never allUsers"),
        ({f"{NAME}:pattern": "function_llm", f"{NAME}:settings": "[1]"}, "mapping"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(deploy, config, complaint):
    with pytest.raises(ValueError, match=complaint):
        deploy(program, config=config)


def test_without_a_pattern_the_program_says_which_key_is_missing(deploy):
    with pytest.raises(Exception, match=f"{NAME}:pattern"):
        deploy(program, config={})
