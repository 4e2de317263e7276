"""The program of `pulumi/stacks/aws`: the stack's configuration in, a pattern, its outputs out."""

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

STACKS = Path(__file__).parents[2] / "pulumi" / "stacks" / "aws"
PROJECT = yaml.safe_load((STACKS / "Pulumi.yaml").read_text())["name"]
ALWAYS = {
    "endpoint",
    "function_name",
    "role_name",
    "log_group_name",
    "dead_letter_queue_url",
    "dashboard_name",
}


def program():
    runpy.run_path(str(STACKS / "__main__.py"), run_name="__main__")


def configured(pattern="function_llm", **settings):
    config = {f"{PROJECT}:pattern": pattern}
    return config | ({f"{PROJECT}:settings": json.dumps(settings)} if settings else {})


@pytest.mark.parametrize("pattern", [each.slug for each in CATALOGUE if "aws" in each.clouds])
def test_each_pattern_has_a_stack_that_deploys_as_it_stands(deploy, pattern):
    stack = yaml.safe_load((STACKS / f"Pulumi.{pattern.replace('_', '-')}.yaml").read_text())
    config = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in stack["config"].items()
    }
    assert config[f"{PROJECT}:pattern"] == pattern
    assert "aws:region" in config
    recording = deploy(program, config=config)
    components = [each for each in recording.resources if each.type.startswith("serverless-ai:aws:")]
    assert [(each.type, each.name) for each in components] == [
        (f"serverless-ai:aws:{find(pattern).class_name}", pattern.replace("_", "-"))
    ]


def test_it_exports_where_to_call_and_what_was_made(deploy):
    recording = deploy(program, config=configured())
    assert recording.exports.keys() == ALWAYS | {"table_name"}
    assert recording.exports["endpoint"] == "https://function-llm-api-0a1b2c3.example.com"
    assert recording.exports["function_name"] == recording.one("Function").physical
    assert recording.exports["role_name"] == recording.one("Role").physical
    assert recording.exports["log_group_name"] == "function-llm-logs-0a1b2c3"
    assert recording.exports["dead_letter_queue_url"].endswith("/function-llm-dead-letters-0a1b2c3")
    assert recording.exports["table_name"] == "function-llm-table-0a1b2c3"
    assert recording.exports["dashboard_name"] == "function-llm-function-0a1b2c3"


def test_optional_parts_are_exported_when_they_are_made(deploy):
    events = {"schedule": "rate(1 day)", "destination": True}
    exports = deploy(program, config=configured(events=events)).exports
    assert exports.keys() == ALWAYS | {"table_name", "destination_queue_url", "schedule_name"}
    assert exports["schedule_name"] == "function-llm-schedule-0a1b2c3"
    assert exports["destination_queue_url"].endswith("/function-llm-results-0a1b2c3")


def test_the_component_registers_the_same_outputs(deploy):
    recording = deploy(program, config=configured())
    component = recording.one("FunctionLlm")
    assert recording.outputs[component.urn] == recording.exports


def test_settings_of_the_stack_reach_the_deployment(deploy):
    recording = deploy(program, config=configured(function={"memory_mb": 1024}, auth=jwt()))
    assert recording.one("Function").inputs["memorySize"] == 1024
    assert recording.one("Authorizer").inputs["jwtConfiguration"]["audiences"] == ["chat"]


def test_the_settings_shown_as_an_example_are_settings():
    text = (STACKS / "Pulumi.function-llm.yaml").read_text()
    example = "\n".join(re.findall(r"^  # ( *\S.*: .*|serverless-ai-aws:settings:)$", text, re.MULTILINE))
    shown = yaml.safe_load(example)["serverless-ai-aws:settings"]
    settings = from_mapping(find("function_llm").settings, shown)
    assert isinstance(settings.auth, Jwt)
    assert (settings.llm.model, settings.events.schedule) == ("large", "rate(1 day)")


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (configured("rag_of_dreams"), "pattern must be one of .*rag_of_dreams"),
        (configured(llm={"modle": "large"}), r"settings\.llm\.modle is not a setting.*did you mean model"),
        (configured(function={"memory_mb": 1}), "settings.function.memory_mb must be 128"),
        (configured(auth={"open": {}}), r"settings\.auth\.open is not a choice"),
        ({f"{PROJECT}:pattern": "function_llm", f"{PROJECT}:settings": "[1]"}, "mapping"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(deploy, config, complaint):
    with pytest.raises(ValueError, match=complaint):
        deploy(program, config=config)


def test_without_a_pattern_the_program_says_which_key_is_missing(deploy):
    with pytest.raises(Exception, match=f"{PROJECT}:pattern"):
        deploy(program, config={})


def jwt():
    return {"jwt": {"issuer": "https://login.example.com/", "audience": ["chat"]}}
