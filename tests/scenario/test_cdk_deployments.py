"""The real `cdk deploy`: a change takes effect, a failure rolls back and says why, destroy leaves nothing."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_world import AwsWorld

from serverless_ai_local import launch
from serverless_ai_local.ask import ask
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets import DeployError, ProgressEvent
from serverless_ai_local.targets.base import neutral
from serverless_ai_local.targets.cdk import Cdk

APP = """
import sys
from pathlib import Path
import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from serverless_ai_cdk import FunctionLlm
from serverless_ai_cdk.outputs import outputs
from serverless_ai_patterns.function_llm import FunctionLlmSettings, FunctionSettings, Llm

app = cdk.App(analytics_reporting=False)
stack = cdk.Stack(app, "Life", env=cdk.Environment(account="123456789012", region="us-east-1"))
memory = int(app.node.try_get_context("memory") or 256)
prompt = app.node.try_get_context("prompt") or "Answer briefly."
chat = FunctionLlm(stack, "Chat", FunctionLlmSettings(
    llm=Llm(system_prompt=prompt), function=FunctionSettings(memory_mb=memory)))
if app.node.try_get_context("broken"):
    queue = sqs.CfnQueue(stack, "Broken", queue_name="not a name!")
    queue.node.add_dependency(chat)
for name, value in outputs(chat).items():
    cdk.CfnOutput(stack, f"Main{name}", value=value)
app.synth()
"""


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    running = launch.start(tmp_path_factory.mktemp("cdk-life"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def cdk(own_cloud: RunningCloud, tmp_path_factory: pytest.TempPathFactory) -> Cdk:
    folder = tmp_path_factory.mktemp("app")
    (folder / "cdk.json").write_text(json.dumps({"app": "python3 app.py"}))
    (folder / "app.py").write_text(textwrap.dedent(APP))
    found = Cdk(cloud=own_cloud, app_dir=folder, cli_from=Path(__file__).parents[2])
    found.bootstrap()
    return found


def inventory(cloud: RunningCloud) -> dict[str, Any]:
    """Everything of the kinds that the pattern makes, as boto3 lists it, without what bootstrap made."""
    client = cloud.client
    return {
        "functions": [f["FunctionName"] for f in client("lambda").list_functions()["Functions"]],
        "roles": [
            r["RoleName"] for r in client("iam").list_roles()["Roles"] if not r["RoleName"].startswith("cdk-")
        ],
        "tables": client("dynamodb").list_tables()["TableNames"],
        "queues": client("sqs").list_queues().get("QueueUrls", []),
        "apis": [a["ApiId"] for a in client("apigatewayv2").get_apis()["Items"]],
        "log groups": [g["logGroupName"] for g in client("logs").describe_log_groups()["logGroups"]],
        "alarms": [a["AlarmName"] for a in client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "dashboards": [
            d["DashboardName"] for d in client("cloudwatch").list_dashboards()["DashboardEntries"]
        ],
        "rules": [r["Name"] for r in client("events").list_rules()["Rules"]],
        "schedules": [s["Name"] for s in client("scheduler").list_schedules()["Schedules"]],
        "guardrails": [g["id"] for g in client("bedrock").list_guardrails()["guardrails"]],
    }


def test_the_life_of_a_stack(cdk: Cdk, own_cloud: RunningCloud) -> None:
    client = own_cloud.client("lambda")
    nothing = inventory(own_cloud)

    # A first deployment that fails leaves nothing and says why.
    broken = replace(cdk, context={"broken": "yes"})
    events: list[ProgressEvent] = []
    with pytest.raises(DeployError, match="alphanumeric"):
        broken.deploy("Life", events.append)
    assert any(event.status == "DELETE_COMPLETE" for event in events)
    stacks = own_cloud.client("cloudformation").describe_stacks()["Stacks"]
    assert [s["StackStatus"] for s in stacks if s["StackName"] == "Life"] == ["ROLLBACK_COMPLETE"]
    assert inventory(own_cloud) == nothing

    # The first good one works.
    deployed = cdk.deploy("Life")
    world = AwsWorld(target="cdk", cloud=own_cloud, outputs=deployed.outputs)
    world.outputs = {**deployed.outputs, "tight_endpoint": deployed.outputs["main_endpoint"]}
    assert world.chat({"message": "hello"}).status == 200
    function = deployed.outputs["main_function_name"]
    before = client.get_function_configuration(FunctionName=function)
    assert before["MemorySize"] == 256
    made = inventory(own_cloud)
    deploy_the_same_with_boto3(own_cloud, deployed.outputs["main_endpoint"])
    assert inventory(own_cloud) == made

    # The same again changes nothing.
    cdk.deploy("Life")
    same = client.get_function_configuration(FunctionName=function)
    assert same["LastModified"] == before["LastModified"]

    # A change of memory and of what the function runs with takes effect.
    changed = replace(cdk, context={"memory": "1024", "prompt": "Only say moo."})
    assert "1024" in changed.diff("Life")
    changed.deploy("Life")
    after = client.get_function_configuration(FunctionName=function)
    assert after["MemorySize"] == 1024
    own_cloud.admin("DELETE", "model/calls")
    assert world.chat({"message": "hello"}).status == 200
    assert "Only say moo." in str(world.model_calls()[-1])

    # A change that fails is undone and says why; the endpoint still answers with what was there.
    bad = replace(cdk, context={"memory": "512", "broken": "yes"})
    with pytest.raises(DeployError, match="alphanumeric"):
        bad.deploy("Life")
    (stack,) = own_cloud.client("cloudformation").describe_stacks(StackName="Life")["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert client.get_function_configuration(FunctionName=function)["MemorySize"] == 1024
    assert world.chat({"message": "hello"}).status == 200

    # And a destroy leaves nothing.
    changed.destroy("Life")
    assert inventory(own_cloud) == nothing


def test_code_that_changed_is_deployed(cdk: Cdk, own_cloud: RunningCloud, tmp_path: Path) -> None:
    """A handler of the user's own, deployed twice."""
    app = """
        import aws_cdk as cdk
        from aws_cdk import aws_lambda as lambda_
        app = cdk.App(analytics_reporting=False)
        stack = cdk.Stack(app, "Code", env=cdk.Environment(account="123456789012", region="us-east-1"))
        fn = lambda_.Function(stack, "Fn", runtime=lambda_.Runtime.PYTHON_3_13, handler="index.handler",
                              code=lambda_.Code.from_asset("code"))
        cdk.CfnOutput(stack, "FunctionName", value=fn.function_name)
        app.synth()
    """
    (tmp_path / "cdk.json").write_text(json.dumps({"app": "python3 app.py"}))
    (tmp_path / "app.py").write_text(textwrap.dedent(app))
    (tmp_path / "code").mkdir()
    own = Cdk(cloud=own_cloud, app_dir=tmp_path, cli_from=cdk.cli_from)
    answers: list[str] = []
    for word in ("one", "two"):
        (tmp_path / "code" / "index.py").write_text(f"def handler(event, context):\n    return {word!r}\n")
        name = own.deploy("Code").outputs["function_name"]
        answers.append(json.load(own_cloud.client("lambda").invoke(FunctionName=name)["Payload"]))
    assert answers == ["one", "two"]


def deploy_the_same_with_boto3(cloud: RunningCloud, endpoint: str) -> None:
    """The template that cdk made, as a second stack, which answers by itself and goes without a trace."""
    client = cloud.client("cloudformation")
    template = client.get_template(StackName="Life")["TemplateBody"]
    client.create_stack(
        StackName="Twin", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    client.get_waiter("stack_create_complete").wait(StackName="Twin", WaiterConfig={"Delay": 1})
    (twin,) = client.describe_stacks(StackName="Twin")["Stacks"]
    outputs = {neutral(one["OutputKey"]): one["OutputValue"] for one in twin["Outputs"]}
    assert outputs["main_endpoint"] != endpoint
    assert "hello" in ask(outputs["main_endpoint"], "hello").answer
    client.delete_stack(StackName="Twin")
    client.get_waiter("stack_delete_complete").wait(StackName="Twin", WaiterConfig={"Delay": 1})
