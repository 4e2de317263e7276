"""What an operator of the pattern sees on AWS, through boto3 alone: metrics, traces, alarms, resources."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_world import AwsWorld
from world import eventually

AWS_TARGETS = ["cdk", "pulumi-aws"]
MAX_ZIP_BYTES = 200_000

pytestmark = pytest.mark.parametrize("target", AWS_TARGETS, indirect=True)


def total(world: AwsWorld, namespace: str, metric: str, **dimensions: str) -> float:
    """The sum of a metric over the last hour."""
    now = datetime.now(UTC)
    points = world.cloud.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in points)


@pytest.mark.row("monitoring-01", "monitoring-02", "monitoring-03", "monitoring-04", "practice-06")
def test_invocations_durations_errors_cold_starts_and_tokens_are_measured(world: AwsWorld) -> None:
    function = world.outputs["main_function_name"]

    def measured(namespace: str, metric: str) -> float:
        return total(world, namespace, metric, FunctionName=function)

    before = measured("AWS/Lambda", "Errors")
    world.chat({"message": "hello"})
    world.model_fault("refuse", times=1000)
    world.emit({"message": "fail, please"})
    for namespace, metric in (
        ("AWS/Lambda", "Invocations"),
        ("AWS/Lambda", "Duration"),
        ("ServerlessAI", "ColdStarts"),
        ("ServerlessAI", "InputTokens"),
        ("ServerlessAI", "OutputTokens"),
        ("ServerlessAI", "Tokens"),
    ):
        eventually(lambda n=namespace, m=metric: measured(n, m) > 0, what=f"{namespace} {metric}")
    eventually(lambda: measured("AWS/Lambda", "Errors") >= before + 3, what="three failed attempts")


@pytest.mark.row("monitoring-05")
def test_every_invocation_is_traced_and_its_log_names_the_trace(world: AwsWorld) -> None:
    client = world.cloud.client("xray")
    world.chat({"message": "hello"})
    now = datetime.now(UTC)

    def traces() -> list[str]:
        found = client.get_trace_summaries(
            StartTime=now - timedelta(minutes=5), EndTime=now + timedelta(minutes=1)
        )
        return [summary["Id"] for summary in found["TraceSummaries"]]

    ids = eventually(traces, what="a trace")
    documents = client.batch_get_traces(TraceIds=ids[:5])["Traces"]
    names = {json.loads(segment["Document"])["name"] for trace in documents for segment in trace["Segments"]}
    assert names & {world.outputs[f"{variant}_function_name"] for variant in ("main", "tight", "jwt")}
    logged = [json.loads(line).get("trace_id", "") for line in world.logs() if "trace_id" in line]
    assert any(one in str(logged) for one in ids), logged[-3:]


@pytest.mark.row("monitoring-10")
def test_a_dead_letter_raises_the_alarm(world: AwsWorld) -> None:
    queue = world.outputs["main_dead_letter_queue_url"].rsplit("/", 1)[-1]
    client = world.cloud.client("cloudwatch")

    def alarm() -> dict[str, Any]:
        alarms = client.describe_alarms()["MetricAlarms"]
        (found,) = [one for one in alarms if {"Name": "QueueName", "Value": queue} in one["Dimensions"]]
        return found

    world.model_fault("refuse", times=1000)
    world.emit({"message": "fail, please"})
    eventually(lambda: alarm()["StateValue"] == "ALARM", within=40, what="the alarm")


@pytest.mark.row("coldstart-03", "practice-07")
def test_the_deployed_package_is_small_and_holds_no_dependency(world: AwsWorld) -> None:
    function = world.cloud.client("lambda").get_function(FunctionName=world.outputs["main_function_name"])
    assert 0 < function["Configuration"]["CodeSize"] < MAX_ZIP_BYTES
    assert function["Configuration"].get("Layers", []) == []


@pytest.mark.row("cost-07", "cost-11")
def test_what_was_set_is_what_is_deployed(world: AwsWorld) -> None:
    """Everything that the pattern made, read back through boto3."""
    client, outputs = world.cloud.client, world.outputs
    function = client("lambda").get_function_configuration(FunctionName=outputs["main_function_name"])
    assert function["Architectures"] == ["arm64"]
    assert (function["Runtime"], function["Timeout"]) == ("python3.13", 8)
    assert function["LoggingConfig"]["LogGroup"] == outputs["main_log_group_name"]
    assert function["TracingConfig"]["Mode"] == "Active"
    table = client("dynamodb").describe_table(TableName=outputs["main_table_name"])["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    ttl = client("dynamodb").describe_time_to_live(TableName=outputs["main_table_name"])
    assert ttl["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
    backups = client("dynamodb").describe_continuous_backups(TableName=outputs["main_table_name"])
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    (group,) = client("logs").describe_log_groups(logGroupNamePrefix=outputs["main_log_group_name"])[
        "logGroups"
    ]
    assert group["retentionInDays"] == 7
    api = outputs["main_endpoint"].rsplit("/", 1)[-1]
    routes = client("apigatewayv2").get_routes(ApiId=api)["Items"]
    assert [(route["RouteKey"], route["AuthorizationType"]) for route in routes] == [
        ("POST /chat", "AWS_IAM")
    ]
    (stage,) = client("apigatewayv2").get_stages(ApiId=api)["Items"]
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == 500
    retries = client("lambda").get_function_event_invoke_config(FunctionName=outputs["main_function_name"])
    assert retries["DestinationConfig"]["OnFailure"]["Destination"].endswith(
        outputs["main_dead_letter_queue_url"].rsplit("/", 1)[-1]
    )
    dashboard = client("cloudwatch").get_dashboard(DashboardName=outputs["main_dashboard_name"])
    assert json.loads(dashboard["DashboardBody"])["widgets"]


def test_boto3_can_invoke_the_function_with_an_event_of_its_own(world: AwsWorld) -> None:
    event = {"source": "schedule", "id": "by-hand-1", "message": "The sky is blue. What is blue?"}
    answer = world.cloud.client("lambda").invoke(
        FunctionName=world.outputs["main_function_name"], Payload=json.dumps(event)
    )
    assert "FunctionError" not in answer
    assert "sky" in json.load(answer["Payload"])["answer"]
