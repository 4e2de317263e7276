"""Events on a bus reach the targets of the rules they match, with what each may and wants."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from functions_cloud import ACCOUNT, REGION, LocalCloud, allow, eventually

FROM_EVENTS = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage",
}


def rule(
    cloud: LocalCloud, name: str, pattern: dict[str, Any], *targets: dict[str, Any], **settings: Any
) -> str:
    """A rule with targets; returns its ARN."""
    events = cloud.client("events")
    arn = events.put_rule(Name=name, EventPattern=json.dumps(pattern), **settings)["RuleArn"]
    bus = {key: value for key, value in settings.items() if key == "EventBusName"}
    listed = [{"Id": str(number), **target} for number, target in enumerate(targets)]
    answer = events.put_targets(Rule=name, Targets=listed, **bus)
    assert answer["FailedEntryCount"] == 0
    return arn


def put(cloud: LocalCloud, source: str, detail: dict[str, Any], **entry: Any) -> str:
    answer = cloud.client("events").put_events(
        Entries=[{"Source": source, "DetailType": "Placed", "Detail": json.dumps(detail), **entry}]
    )
    assert answer["FailedEntryCount"] == 0, answer
    return answer["Entries"][0]["EventId"]


def messages(cloud: LocalCloud, url: str, count: int = 1) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    eventually(lambda: found.extend(cloud.received(url)) or len(found) >= count)
    assert len(found) == count
    return found


def listener(cloud: LocalCloud, note: Any) -> tuple[str, str]:
    """A function that writes down the events it gets: name and ARN."""
    name = cloud.function(
        f"import json\ndef handler(e, c): open({str(note)!r}, 'a').write(json.dumps(e) + '\\n')"
    )
    return name, f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def test_a_matching_event_reaches_a_queue_as_eventbridge_writes_it(cloud: LocalCloud) -> None:
    url, arn = cloud.queue(FROM_EVENTS)
    rule(cloud, "orders", {"source": ["shop1"], "detail": {"total": [{"numeric": [">", 10]}]}}, {"Arn": arn})
    put(cloud, "shop1", {"total": 5})
    put(cloud, "shop2", {"total": 50})
    event_id = put(cloud, "shop1", {"total": 50}, Resources=["arn:x"], Time=1_700_000_000)
    [message] = messages(cloud, url)
    assert json.loads(message["Body"]) == {
        "version": "0",
        "id": event_id,
        "detail-type": "Placed",
        "source": "shop1",
        "account": ACCOUNT,
        "time": "2023-11-14T22:13:20Z",
        "region": REGION,
        "resources": ["arn:x"],
        "detail": {"total": 50},
    }


def test_a_function_gets_the_event_only_if_its_policy_lets_this_rule(
    cloud: LocalCloud, tmp_path: Any
) -> None:
    dead, dead_arn = cloud.queue(FROM_EVENTS)
    name, arn = listener(cloud, tmp_path / "note")
    rule_arn = rule(cloud, "fn", {"source": ["fn1"]}, {"Arn": arn, "DeadLetterConfig": {"Arn": dead_arn}})
    event_id = put(cloud, "fn1", {"n": 1})
    [letter] = messages(cloud, dead)
    assert json.loads(letter["Body"])["id"] == event_id
    attributes = {key: one["StringValue"] for key, one in letter["MessageAttributes"].items()}
    assert attributes["RULE_ARN"] == rule_arn
    assert attributes["TARGET_ARN"] == arn
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert "lets events.amazonaws.com lambda:InvokeFunction" in attributes["ERROR_MESSAGE"]
    grant = {"FunctionName": name, "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    cloud.client("lambda").add_permission(StatementId="other", SourceArn=rule_arn + "x", **grant)
    put(cloud, "fn1", {"n": 2})
    messages(cloud, dead)
    cloud.client("lambda").add_permission(StatementId="this", SourceArn=rule_arn, **grant)
    put(cloud, "fn1", {"n": 3})
    eventually(lambda: (tmp_path / "note").exists() and (tmp_path / "note").read_text().endswith("\n"))
    assert json.loads((tmp_path / "note").read_text())["detail"] == {"n": 3}
    assert cloud.received(dead) == []
    statistics = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Events", MetricName="FailedInvocations",
        Dimensions=[{"Name": "RuleName", "Value": "fn"}],
        StartTime=time.time() - 60, EndTime=time.time() + 60, Period=300, Statistics=["Sum"],
    )  # fmt: skip
    assert [point["Sum"] for point in statistics["Datapoints"]] == [2.0]


def test_the_next_event_can_be_delivered_more_than_once(cloud: LocalCloud) -> None:
    url, arn = cloud.queue(FROM_EVENTS)
    rule(cloud, "twice", {"source": ["twice"]}, {"Arn": arn})
    route = cloud.events.routes()["POST", "events/duplicate"]
    from serverless_ai_local.admin import AdminCall

    assert route(AdminCall(path={}, query={}, body={"times": 1})) == {"times": 1}
    event_id = put(cloud, "twice", {})
    assert {json.loads(one["Body"])["id"] for one in messages(cloud, url, 2)} == {event_id}
    put(cloud, "twice", {})
    messages(cloud, url, 1)
    for body in (None, {}, {"times": 0}, {"times": "2"}, {"times": True}):
        with pytest.raises(ValueError, match="the body must be"):
            route(AdminCall(path={}, query={}, body=body))


def test_disabled_and_deleted_rules_deliver_nothing(cloud: LocalCloud) -> None:
    url, arn = cloud.queue(FROM_EVENTS)
    rule(cloud, "off", {"source": ["off"]}, {"Arn": arn}, State="DISABLED")
    rule(cloud, "marker", {"source": ["off"]}, {"Arn": arn, "Input": '"marker"'})
    put(cloud, "off", {})
    assert [one["Body"] for one in messages(cloud, url)] == ['"marker"']
    cloud.client("events").enable_rule(Name="off")
    put(cloud, "off", {})
    messages(cloud, url, 2)


def test_a_bus_hands_on_to_another_bus_a_topic_and_a_log_group(cloud: LocalCloud) -> None:
    url, queue = cloud.queue({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"})
    events, sns, logs = cloud.client("events"), cloud.client("sns"), cloud.client("logs")
    bus = events.create_event_bus(Name="second")["EventBusArn"]
    rule(
        cloud,
        "on-second",
        {"source": ["hop"]},
        {"Arn": queue, "InputPath": "$.detail"},
        EventBusName="second",
    )
    topic = sns.create_topic(Name="hops")["TopicArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish",
                 "Resource": topic}  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    logs.create_log_group(logGroupName="/aws/events/hops")
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/hops"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"{group}:*",
    }
    logs.put_resource_policy(
        policyName="events", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    role = cloud.role(allow("events:PutEvents", on=bus), service="events.amazonaws.com")
    rule(
        cloud,
        "hop",
        {"source": ["hop"]},
        {"Arn": bus, "RoleArn": role},
        {"Arn": topic, "Input": '"by topic"'},
        {"Arn": group},
    )
    put(cloud, "hop", {"n": 1})
    assert sorted(one["Body"] for one in messages(cloud, url, 2)) == ['"by topic"', '{"n":1}']
    [line] = eventually(lambda: cloud.logs("/aws/events/hops"))
    assert json.loads(line)["detail"] == {"n": 1}


@pytest.mark.parametrize(
    "target",
    [
        f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone",
        f"arn:aws:sns:{REGION}:{ACCOUNT}:gone",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gone",
        f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/gone",
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:gone",
    ],
)
def test_a_target_that_is_not_there_is_a_dead_letter_at_once(cloud: LocalCloud, target: str) -> None:
    dead, dead_arn = cloud.queue(FROM_EVENTS)
    source = target.split(":")[2]
    rule(
        cloud,
        f"gone-{source}",
        {"source": [f"gone-{source}"]},
        {"Arn": target, "DeadLetterConfig": {"Arn": dead_arn}},
    )
    put(cloud, f"gone-{source}", {})
    [letter] = messages(cloud, dead)
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


def test_a_role_that_does_not_trust_eventbridge_delivers_nothing(
    cloud: LocalCloud, caplog: pytest.LogCaptureFixture
) -> None:
    _, arn = cloud.queue()
    rule(cloud, "untrusted", {"source": ["untrusted"]}, {"Arn": arn, "RoleArn": cloud.role(allow("sqs:*"))})
    put(cloud, "untrusted", {})
    eventually(lambda: "does not let events.amazonaws.com assume it" in caplog.text)
    assert "lost: an event of rule untrusted" in caplog.text


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"DetailType": "x", "Detail": "{}"}, "InvalidArgument"),
        ({"Source": "x", "Detail": "{}"}, "InvalidArgument"),
        ({"Source": "x", "DetailType": "x"}, "InvalidArgument"),
        ({"Source": "x", "DetailType": "x", "Detail": "{no"}, "MalformedDetail"),
        ({"Source": "x", "DetailType": "x", "Detail": "[1]"}, "MalformedDetail"),
    ],
)
def test_an_entry_that_is_not_an_event_fails_alone(
    cloud: LocalCloud, entry: dict[str, str], code: str
) -> None:
    good = {"Source": "x", "DetailType": "x", "Detail": "{}"}
    answer = cloud.client("events").put_events(Entries=[good, entry])
    assert answer["FailedEntryCount"] == 1
    assert "EventId" in answer["Entries"][0]
    assert answer["Entries"][1]["ErrorCode"] == code


def test_limits_of_put_events(cloud: LocalCloud) -> None:
    good = {"Source": "x", "DetailType": "x", "Detail": "{}"}
    with pytest.raises(ClientError, match="1 to 10 entries, got 11"):
        cloud.client("events").put_events(Entries=[good] * 11)
    big = {**good, "Detail": json.dumps({"x": "y" * 1024 * 1024})}
    with pytest.raises(ClientError, match="over the limit"):
        cloud.client("events").put_events(Entries=[big])
    with pytest.raises(ClientError, match="Event bus nowhere does not exist"):
        cloud.client("events").put_events(Entries=[{**good, "EventBusName": "nowhere"}])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"EventPattern": '{"source": [{"regex": "x"}]}'}, "source: unrecognized match type regex"),
        ({"EventPattern": "{"}, "not JSON"),
        ({"ScheduleExpression": "rate(1 minutes)"}, "singular only for 1"),
        ({"ScheduleExpression": "cron(0 8 * * * *)"}, "must be ?"),
        ({"ScheduleExpression": "at(2030-01-01T00:00:00)"}, "EventBridge Scheduler's"),
    ],
)
def test_a_rule_that_would_never_work_is_refused(
    cloud: LocalCloud, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        cloud.client("events").put_rule(Name="never", **settings)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"Arn": "arn:aws:kinesis:us-east-1:123456789012:stream/s"}, "kinesis stream is not offered locally"),
        (
            {"Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:s"},
            "states stateMachine is not offered",
        ),
        ({"Arn": "nothing"}, "is not an ARN|not valid"),
        (
            {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "InputPath": "$.a[?(@.b)]"},
            "is not a field or an index",
        ),
        ({"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "Input": "{"}, "Input must be JSON"),
        ({"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "Input": "{}", "InputPath": "$"}, "only one of"),
        (
            {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "EcsParameters": {"TaskDefinitionArn": "x"}},
            "EcsParameters",
        ),
    ],
)
def test_a_target_that_is_not_offered_is_refused_by_name(
    cloud: LocalCloud, target: dict[str, Any], message: str
) -> None:
    cloud.client("events").put_rule(Name="targets", EventPattern='{"source": ["x"]}')
    with pytest.raises(ClientError, match=message):
        cloud.client("events").put_targets(Rule="targets", Targets=[{"Id": "1", **target}])


def test_an_object_in_a_bucket_is_an_event_like_any_other(cloud: LocalCloud) -> None:
    url, arn = cloud.queue(FROM_EVENTS)
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="uploads")
    s3.put_bucket_notification_configuration(
        Bucket="uploads", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"object": {"key": [{"suffix": ".pdf"}]}},
    }
    rule(cloud, "uploads", pattern, {"Arn": arn})
    for key in ("a.txt", "b.pdf"):
        s3.put_object(Bucket="uploads", Key=key, Body=b"x")
    [message] = messages(cloud, url)
    event = json.loads(message["Body"])
    assert (event["detail-type"], event["detail"]["object"]["key"]) == ("Object Created", "b.pdf")
    assert event["time"].endswith("Z")


BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
SPAN = {"StartTime": "2026-01-01T00:00:00Z", "EndTime": "2026-01-02T00:00:00Z"}
METRIC = {"Namespace": "N", "MetricName": "m", "Period": 60}


@pytest.mark.parametrize(
    ("service", "operation", "settings"),
    [
        ("events", "create_archive", {"ArchiveName": "a", "EventSourceArn": BUS}),
        ("sns", "subscribe", {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t", "Protocol": "lambda",
                              "Endpoint": FUNCTION}),
        ("s3", "put_bucket_notification_configuration", {"Bucket": "b", "NotificationConfiguration": {
            "LambdaFunctionConfigurations": [{"LambdaFunctionArn": FUNCTION, "Events": ["s3:*"]}]}}),
        ("logs", "put_subscription_filter", {"logGroupName": "g", "filterName": "f", "filterPattern": "",
                                             "destinationArn": FUNCTION}),
        ("lambda", "create_function_url_config", {"FunctionName": "f", "AuthType": "NONE"}),
        ("cloudwatch", "put_composite_alarm", {"AlarmName": "c", "AlarmRule": "ALARM(x)"}),
        ("cloudwatch", "get_metric_statistics", {**METRIC, **SPAN, "ExtendedStatistics": ["p95"]}),
        ("cloudwatch", "get_metric_data", {**SPAN, "MetricDataQueries": [
            {"Id": "a", "MetricStat": {"Metric": {"Namespace": "N"}, "Period": 60, "Stat": "p95"}}]}),
        ("cloudwatch", "get_metric_data", {**SPAN, "MetricDataQueries": [{"Id": "a", "Expression": "1"}]}),
        ("apigateway", "create_rest_api", {"name": "r"}),
        ("apigatewayv2", "create_api", {"Name": "w", "ProtocolType": "WEBSOCKET"}),
        ("apigatewayv2", "create_api", {"Name": "q", "ProtocolType": "HTTP", "Target": FUNCTION}),
    ],
)  # fmt: skip
def test_what_nothing_would_act_on_is_refused_by_name(
    cloud: LocalCloud, service: str, operation: str, settings: dict[str, Any]
) -> None:
    name = operation.title().replace("_", "")
    with pytest.raises(ClientError, match=f"the local cloud does not offer .*:{name}"):
        getattr(cloud.client(service), operation)(**settings)


def test_patterns_can_be_tested(cloud: LocalCloud) -> None:
    event = {"source": "shop", "id": "1", "detail-type": "x", "account": "1", "time": "2026-01-01T00:00:00Z",
             "region": "r", "resources": [], "detail": {}}  # fmt: skip
    test = cloud.client("events").test_event_pattern
    assert test(EventPattern='{"source": ["shop"]}', Event=json.dumps(event))["Result"] is True
    assert test(EventPattern='{"source": ["x"]}', Event=json.dumps(event))["Result"] is False
