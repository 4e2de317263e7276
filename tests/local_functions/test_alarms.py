"""Alarms watch their metrics and tell their topics."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from functions_cloud import LocalCloud
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.aws import emf, statistics
from serverless_ai_local.aws.alarms import judge


def alarm(cloud: LocalCloud, name: str, **changes: Any) -> None:
    settings: dict[str, Any] = {
        "AlarmName": name, "Namespace": "Shop", "MetricName": name, "Statistic": "Sum", "Period": 300,
        "EvaluationPeriods": 1, "Threshold": 10, "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching", **changes,
    }  # fmt: skip
    cloud.client("cloudwatch").put_metric_alarm(
        **{key: value for key, value in settings.items() if value is not None}
    )


def put(cloud: LocalCloud, metric: str, *values: float, **more: Any) -> None:
    data = [{"MetricName": metric, "Value": value, **more} for value in values]
    cloud.client("cloudwatch").put_metric_data(Namespace="Shop", MetricData=data)


def state(cloud: LocalCloud, name: str) -> str:
    return described(cloud, name)["StateValue"]


def described(cloud: LocalCloud, name: str) -> dict[str, Any]:
    [found] = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return found


def test_an_alarm_goes_from_ok_to_alarm_and_says_why(cloud: LocalCloud) -> None:
    alarm(cloud, "Sum")
    assert state(cloud, "Sum") == "OK"
    put(cloud, "Sum", 6, 4)
    assert state(cloud, "Sum") == "OK"
    put(cloud, "Sum", 1)
    found = described(cloud, "Sum")
    assert found["StateValue"] == "ALARM"
    assert found["StateReason"] == (
        "Threshold Crossed: 1 datapoint [11.0] was greater than the threshold (10.0)."
    )
    assert json.loads(found["StateReasonData"])["recentDatapoints"] == [11.0]


def test_a_new_alarm_does_not_know_yet_and_a_changed_one_keeps_its_state(cloud: LocalCloud) -> None:
    from moto.cloudwatch.models import cloudwatch_backends

    def kept() -> str:
        return cloudwatch_backends["123456789012"]["us-east-1"].alarms["Changed"].state_value

    alarm(cloud, "Changed")
    assert kept() == "INSUFFICIENT_DATA"
    put(cloud, "Changed", 99)
    assert state(cloud, "Changed") == "ALARM"
    alarm(cloud, "Changed", Threshold=50)
    assert kept() == "ALARM"


def test_only_data_with_exactly_the_alarms_dimensions_counts(cloud: LocalCloud) -> None:
    dimensions = [{"Name": "FunctionName", "Value": "a"}]
    alarm(cloud, "Dimensions", Dimensions=dimensions)
    put(cloud, "Dimensions", 99)
    put(cloud, "Dimensions", 99, Dimensions=[{"Name": "FunctionName", "Value": "b"}])
    put(cloud, "Dimensions", 99, Dimensions=[*dimensions, {"Name": "Other", "Value": "x"}])
    assert state(cloud, "Dimensions") == "OK"
    put(cloud, "Dimensions", 99, Dimensions=dimensions)
    assert state(cloud, "Dimensions") == "ALARM"


def test_old_data_does_not_count(cloud: LocalCloud) -> None:
    alarm(cloud, "Old")
    put(cloud, "Old", 99, Timestamp=time.time() - 301)
    assert state(cloud, "Old") == "OK"
    put(cloud, "Old", 99, Timestamp=time.time() - 200)
    assert state(cloud, "Old") == "ALARM"


def test_a_percentile_alarm(cloud: LocalCloud) -> None:
    alarm(cloud, "P95", Statistic=None, ExtendedStatistic="p95", Threshold=100)
    put(cloud, "P95", *[50.0] * 30, 101.0)
    assert state(cloud, "P95") == "OK"
    put(cloud, "P95", *[200.0] * 5)
    assert state(cloud, "P95") == "ALARM"


def test_missing_data_is_insufficient_unless_said_otherwise(cloud: LocalCloud) -> None:
    expected = {None: "INSUFFICIENT_DATA", "breaching": "ALARM", "ignore": "INSUFFICIENT_DATA"}
    for number, (treatment, wanted) in enumerate(expected.items()):
        alarm(cloud, f"Missing{number}", TreatMissingData=treatment)
        assert state(cloud, f"Missing{number}") == wanted


def test_a_change_of_state_is_published_once(cloud: LocalCloud) -> None:
    url, queue = cloud.queue({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"})
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    alarm(cloud, "Told", AlarmActions=[topic])
    put(cloud, "Told", 99)
    assert state(cloud, "Told") == "ALARM"
    assert state(cloud, "Told") == "ALARM"
    [message] = cloud.received(url)
    notification = json.loads(message["Body"])
    assert notification["Subject"] == 'ALARM: "Told" in us-east-1'
    told = json.loads(notification["Message"])
    assert (told["AlarmName"], told["NewStateValue"]) == ("Told", "ALARM")
    cloud.client("cloudwatch").disable_alarm_actions(AlarmNames=["Told"])


def test_a_topic_that_does_not_let_cloudwatch_publish_hears_nothing(
    cloud: LocalCloud, caplog: pytest.LogCaptureFixture
) -> None:
    topic = cloud.client("sns").create_topic(Name="closed")["TopicArn"]
    alarm(cloud, "Untold", AlarmActions=[topic])
    put(cloud, "Untold", 99)
    assert state(cloud, "Untold") == "ALARM"
    assert "alarm Untold could not tell" in caplog.text


def test_a_functions_errors_and_its_dead_letters_set_off_alarms(cloud: LocalCloud) -> None:
    url, queue = cloud.queue()
    role = cloud.role(allow_logs(), {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue})
    name = cloud.function("def handler(e, c): 1 / 0", role=role)
    alarm(cloud, "FnErrors", Namespace="AWS/Lambda", MetricName="Errors", Threshold=1,
          ComparisonOperator="GreaterThanOrEqualToThreshold",
          Dimensions=[{"Name": "FunctionName", "Value": name}])  # fmt: skip
    alarm(cloud, "FnDead", Namespace="AWS/SQS", MetricName="ApproximateNumberOfMessagesVisible",
          Statistic="Maximum", Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold",
          Dimensions=[{"Name": "QueueName", "Value": queue.split(":")[-1]}])  # fmt: skip
    assert (state(cloud, "FnErrors"), state(cloud, "FnDead")) == ("OK", "OK")
    cloud.error(name)
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    assert (state(cloud, "FnErrors"), state(cloud, "FnDead")) == ("ALARM", "ALARM")


def allow_logs() -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Statistic": None, "ExtendedStatistic": "tm90"}, "the statistic 'tm90' is not offered"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "is not one of GreaterThanThreshold"),
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "the action arn:aws:automate"),
        ({"TreatMissingData": "sometimes"}, "TreatMissingData must be one of"),
        ({"Namespace": None, "MetricName": None, "Statistic": None, "Period": None,
          "Metrics": [{"Id": "e", "Expression": "1"}]}, "metric math"),
    ],
)  # fmt: skip
def test_an_alarm_that_would_not_be_evaluated_is_refused(
    cloud: LocalCloud, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        alarm(cloud, "Never", **changes)


def of(points: list[float | None], **changes: Any) -> str:
    settings = {
        "comparison_operator": "GreaterThanOrEqualToThreshold", "threshold": 5, "datapoints_to_alarm": None,
        "evaluation_periods": len(points), "treat_missing_data": None, "state_value": "KEPT",
        "state_reason": "", **changes,
    }  # fmt: skip
    found: Any = SimpleNamespace(**settings)
    return judge(found, points)[0]


def test_how_many_points_must_breach() -> None:
    assert of([5, 5, 5]) == "ALARM"
    assert of([5, 4, 5]) == "OK"
    assert of([5, 4, 5], datapoints_to_alarm=2) == "ALARM"
    assert of([5, None, 5], datapoints_to_alarm=2) == "ALARM"
    assert of([5, None, None], treat_missing_data="breaching") == "ALARM"
    assert of([5, None, None], treat_missing_data="notBreaching") == "OK"
    assert of([None, None], treat_missing_data="notBreaching") == "OK"
    assert of([None, None]) == "INSUFFICIENT_DATA"
    assert of([None, None], treat_missing_data="ignore") == "KEPT"
    assert of([4], comparison_operator="LessThanThreshold") == "ALARM"
    assert of([5], comparison_operator="LessThanThreshold") == "OK"
    assert of([5], comparison_operator="LessThanOrEqualToThreshold") == "ALARM"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_statistics_keep_their_order(samples: list[float]) -> None:
    found = [
        statistics.value(samples, name)
        for name in ("Minimum", "p0", "p10", "p50", "p99.9", "p100", "Maximum")
    ]
    numbers = [number for number in found if number is not None]
    assert len(numbers) == len(found)
    assert numbers == sorted(numbers)
    assert numbers[0] == numbers[1] == min(samples)
    assert numbers[-1] == numbers[-2] == max(samples)
    average = statistics.value(samples, "Average")
    assert average is not None
    assert min(samples) - 1e-6 <= average <= max(samples) + 1e-6


def test_statistics_of_nothing_and_unknown_ones() -> None:
    assert statistics.value([], "Sum") is None
    assert [name for name in ("Sum", "p95", "p99.99", "SampleCount", "p101", "tm90", "p", "sum")
            if statistics.known(name)] == ["Sum", "p95", "p99.99", "SampleCount"]  # fmt: skip


def line(**changes: Any) -> str:
    directive = {"Namespace": "N", "Dimensions": [["F"]], "Metrics": [{"Name": "M", "Unit": "Count"}]}
    document = {"_aws": {"Timestamp": 1_700_000_000_000, "CloudWatchMetrics": [directive]}, "F": "f", "M": 5}
    return json.dumps({**document, **changes})


def test_a_metric_line_is_read_whole() -> None:
    [datum] = emf.metrics(line())
    assert datum == emf.Datum(
        namespace="N", name="M", values=(5.0,), dimensions={"F": "f"}, unit="Count", timestamp=1_700_000_000.0
    )


@pytest.mark.parametrize(
    "text", ["plain", "{}", '{"_aws": 5}', '{"_aws": {"LogGroup": "x"}}', '["_aws"]', '{"_aws"']
)
def test_other_lines_are_no_metrics(text: str) -> None:
    assert emf.metrics(text) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"M": "5"}, "metric 'M' must be a number"),
        ({"M": True}, "metric 'M' must be a number"),
        ({"M": None}, "metric 'M' must be a number"),
        ({"M": []}, "1 to 100 values, got 0"),
        ({"M": [1] * 101}, "1 to 100 values, got 101"),
        ({"F": 5}, "dimension 'F' must be a non-empty string"),
        ({"F": ""}, "dimension 'F' must be a non-empty string"),
        ({"_aws": {"CloudWatchMetrics": []}}, "Timestamp must be a number"),
        ({"_aws": {"Timestamp": 1, "CloudWatchMetrics": {}}}, "must be a list"),
        ({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Metrics": []}]}}, "malformed"),
        ({"_aws": {"Timestamp": 1, "CloudWatchMetrics": ["x"]}}, "malformed"),
    ],
)
def test_malformed_metric_lines_say_what_is_wrong(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(emf.EmfError) as refused:
        emf.metrics(line(**changes))
    assert reason in str(refused.value)
