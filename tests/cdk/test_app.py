"""The program that `cdk deploy` runs, as a program; and what a user reads when something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App

from serverless_ai_cdk import FunctionLlmStack, settings_from_context
from serverless_ai_patterns.catalogue import CATALOGUE
from serverless_ai_patterns.function_llm import FunctionLlmSettings

CDK = Path(__file__).parents[2] / "cdk"
OUTPUTS = {
    "Endpoint",
    "FunctionName",
    "RoleName",
    "LogGroupName",
    "TableName",
    "DeadLetterQueueUrl",
    "DashboardName",
}


def run_app(outdir: Path, **context: object) -> subprocess.CompletedProcess[str]:
    """app.py as the CDK CLI runs it: the context of cdk.json and of `-c` in a variable."""
    config = json.loads((CDK / "cdk.json").read_text())
    _, program = config["app"].split()
    return subprocess.run(
        [sys.executable, program],
        cwd=CDK,
        env={
            **{name: value for name, value in os.environ.items() if name != "CDK_VALIDATION"},
            "CDK_OUTDIR": str(outdir),
            "CDK_CONTEXT_JSON": json.dumps({**config["context"], **context}),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_app_makes_a_tagged_stack_a_pattern_that_passes_the_cdks_own_validation(tmp_path):
    settings = {"llm": {"guardrail": True}, "events": {"schedule": "rate(1 day)", "destination": True}}
    done = run_app(tmp_path, function_llm=json.dumps(settings))
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    stacks = {k: a for k, a in manifest["artifacts"].items() if a["type"] == "aws:cloudformation:stack"}
    tags = {name: stack["properties"]["tags"]["serverless-ai:pattern"] for name, stack in stacks.items()}
    assert tags == {each.class_name: each.slug for each in CATALOGUE}
    template = json.loads((tmp_path / "FunctionLlm.template.json").read_text())
    assert template["Outputs"].keys() == OUTPUTS | {"DestinationQueueUrl", "ScheduleName"}
    # The CDK writes the report only when its validator ran, and names in it only who found something.
    report = json.loads((tmp_path / "validation-report.json").read_text())
    assert report["pluginReports"] == []


def test_the_app_says_which_setting_is_wrong(tmp_path):
    done = run_app(tmp_path, function_llm='{"llm": {"modle": "small"}}')
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].startswith("ValueError: settings.llm.modle is not a setting")
    assert not (tmp_path / "manifest.json").exists()


@pytest.fixture
def context(tmp_path):
    def app(value: object) -> App:
        return App(outdir=str(tmp_path), context={"function_llm": value})

    return app


@pytest.mark.parametrize(
    "given", [{"function": {"memory_mb": 1024}}, '{"function": {"memory_mb": 1024}}'], ids=["object", "text"]
)
def test_settings_come_as_an_object_or_as_text(context, given):
    settings = settings_from_context(context(given), FunctionLlmSettings, "function_llm")
    assert settings.function.memory_mb == 1024


def test_without_the_context_key_the_defaults_hold(tmp_path):
    assert (
        settings_from_context(App(outdir=str(tmp_path)), FunctionLlmSettings, "function_llm")
        == FunctionLlmSettings()
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{", "context function_llm must be a JSON object: "),
        ("[]", "context function_llm must be a JSON object, got \\[\\]"),
        ("0", "context function_llm must be a JSON object, got 0"),
        ("null", "context function_llm must be a JSON object, got None"),
        ("", "context function_llm must be a JSON object: "),
        (["a"], "context function_llm must be a JSON object, got \\['a'\\]"),
        ({"function": {"memory_mb": 1}}, "settings.function.memory_mb must be 128 to 10240, got 1"),
        ({"function": {"memory_mb": "512"}}, "settings.function.memory_mb must be"),
        ({"throtle": {}}, "settings.throtle is not a setting"),
        ({"auth": {"open": {}}}, "settings.auth"),
    ],
)
def test_wrong_settings_are_named(context, given, said):
    with pytest.raises(ValueError, match=said):
        settings_from_context(context(given), FunctionLlmSettings, "function_llm")


def test_the_stack_has_the_outputs_that_every_tool_names(tmp_path):
    stack = FunctionLlmStack(App(outdir=str(tmp_path)))
    assert stack.node.id == "FunctionLlm"
    assert {child.node.id for child in stack.node.children} >= OUTPUTS


def test_without_the_cdk_the_import_says_what_to_install():
    program = "import sys; sys.modules['aws_cdk'] = None; import serverless_ai_cdk"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert 'pip install "serverless-ai-patterns[cdk]"' in done.stderr
