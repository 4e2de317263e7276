"""Schedules fire by hand and by the clock, as the role that each names."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from functions_cloud import ACCOUNT, REGION, LocalCloud, allow, eventually, trust_in

from serverless_ai_local.admin import AdminCall
from serverless_ai_local.aws.clock import Clock

TRUSTED = "scheduler.amazonaws.com"


@pytest.fixture
def note(tmp_path: Any) -> Any:
    return tmp_path / "note"


@pytest.fixture
def function_arn(cloud: LocalCloud, note: Any) -> str:
    name = cloud.function(
        f"import json\ndef handler(e, c): open({str(note)!r}, 'a').write(json.dumps(e) + '\\n')"
    )
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def schedule(
    cloud: LocalCloud, name: str, target: dict[str, Any], expression: str = "rate(1 day)", **more: Any
) -> str:
    return cloud.client("scheduler").create_schedule(
        Name=name, ScheduleExpression=expression, FlexibleTimeWindow={"Mode": "OFF"}, Target=target, **more
    )["ScheduleArn"]


def fire(cloud: LocalCloud, name: str, group: str = "default") -> dict[str, Any]:
    route = cloud.events.routes()["POST", "schedules/{group}/{name}/fire"]
    answer: Any = route(AdminCall(path={"group": group, "name": name}, query={}, body=None))
    return answer


def seen(note: Any) -> list[Any]:
    return [json.loads(line) for line in note.read_text().splitlines()] if note.exists() else []


def test_a_schedule_invokes_its_function_with_context_attributes_filled_in(
    cloud: LocalCloud, function_arn: str, note: Any
) -> None:
    role = cloud.role(allow("lambda:InvokeFunction", on=function_arn), service=TRUSTED)
    text = json.dumps({
        "id": "<aws.scheduler.execution-id>", "time": "<aws.scheduler.scheduled-time>",
        "arn": "<aws.scheduler.schedule-arn>", "attempt": "<aws.scheduler.attempt-number>",
    })  # fmt: skip
    arn = schedule(cloud, "daily", {"Arn": function_arn, "RoleArn": role, "Input": text})
    answer = fire(cloud, "daily")
    assert answer["delivered"] is True
    [event] = eventually(lambda: seen(note))
    assert (event["id"], event["arn"], event["attempt"]) == (answer["execution_id"], arn, "1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"])
    assert cloud.ledger.checks(role.rsplit("/", 1)[1])[0]["action"] == "lambda:InvokeFunction"


def test_without_an_input_the_target_gets_schedulers_own_event(
    cloud: LocalCloud, function_arn: str, note: Any
) -> None:
    role = cloud.role(allow("lambda:InvokeFunction"), service=TRUSTED)
    arn = schedule(cloud, "plain", {"Arn": function_arn, "RoleArn": role})
    fire(cloud, "plain")
    [event] = eventually(lambda: seen(note))
    assert (event["source"], event["detail-type"]) == ("aws.scheduler", "Scheduled Event")
    assert event["resources"] == [arn]


def test_what_the_role_may_not_do_becomes_a_dead_letter_with_its_reason(
    cloud: LocalCloud, function_arn: str
) -> None:
    url, queue = cloud.queue()
    role = cloud.role(allow("sqs:SendMessage", on=queue), service=TRUSTED)
    target = {"Arn": function_arn, "RoleArn": role, "Input": '{"a": 1}', "DeadLetterConfig": {"Arn": queue}}
    arn = schedule(cloud, "denied", target)
    answer = fire(cloud, "denied")
    assert answer["delivered"] is False
    assert answer["error"].startswith("NO_PERMISSIONS: ")
    [letter] = cloud.received(url)
    assert letter["Body"] == '{"a": 1}'
    attributes = {key: one["StringValue"] for key, one in letter["MessageAttributes"].items()}
    assert attributes["SCHEDULE_ARN"] == arn
    assert attributes["TARGET_ARN"] == function_arn
    assert attributes["EXECUTION_ID"] == answer["execution_id"]
    assert "is not authorized to perform: lambda:InvokeFunction" in attributes["ERROR_MESSAGE"]


def test_without_permission_for_the_dead_letter_queue_the_loss_is_said(
    cloud: LocalCloud, function_arn: str, caplog: pytest.LogCaptureFixture
) -> None:
    url, queue = cloud.queue()
    role = cloud.role(service=TRUSTED)
    schedule(cloud, "lost", {"Arn": function_arn, "RoleArn": role, "DeadLetterConfig": {"Arn": queue}})
    assert fire(cloud, "lost")["delivered"] is False
    assert cloud.received(url) == []
    assert "sqs:SendMessage" in caplog.text


def test_a_deleted_function_is_a_dead_letter(cloud: LocalCloud, function_arn: str) -> None:
    url, queue = cloud.queue()
    role = cloud.role(allow("lambda:InvokeFunction", "sqs:SendMessage"), service=TRUSTED)
    schedule(cloud, "gone", {"Arn": function_arn, "RoleArn": role, "DeadLetterConfig": {"Arn": queue}})
    cloud.client("lambda").delete_function(FunctionName=function_arn)
    assert fire(cloud, "gone")["error"].startswith("NO_RESOURCE: there is no function")
    assert cloud.received(url)[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


def test_a_role_that_does_not_trust_scheduler_is_refused_when_deployed_and_when_fired(
    cloud: LocalCloud, function_arn: str
) -> None:
    with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler to assume the role"):
        schedule(cloud, "wrong", {"Arn": function_arn, "RoleArn": cloud.role(allow("lambda:InvokeFunction"))})
    role = cloud.role(allow("lambda:InvokeFunction"), service=TRUSTED)
    schedule(cloud, "later", {"Arn": function_arn, "RoleArn": role})
    trust = trust_in("lambda.amazonaws.com")
    cloud.client("iam").update_assume_role_policy(
        RoleName=role.rsplit("/", 1)[1], PolicyDocument=json.dumps(trust)
    )
    assert "does not let scheduler.amazonaws.com assume it" in fire(cloud, "later")["error"]


def test_a_trust_policy_can_be_narrowed_to_a_schedule_group(cloud: LocalCloud, function_arn: str) -> None:
    role = cloud.role(allow("lambda:InvokeFunction"), service=TRUSTED)
    group = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/"
    cloud.client("scheduler").create_schedule_group(Name="mine")
    for name, works in (("mine", True), ("default", False)):
        trust = trust_in(TRUSTED)
        sources = {"aws:SourceArn": group + "mine", "aws:SourceAccount": ACCOUNT}
        trust["Statement"][0]["Condition"] = {"StringEquals": sources}
        cloud.client("iam").update_assume_role_policy(
            RoleName=role.rsplit("/", 1)[1], PolicyDocument=json.dumps(trust)
        )
        target = {"Arn": function_arn, "RoleArn": role}
        if works:
            schedule(cloud, "narrow", target, GroupName=name)
            assert fire(cloud, "narrow", group=name)["delivered"] is True
        else:
            with pytest.raises(ClientError, match="to assume the role"):
                schedule(cloud, "narrow", target, GroupName=name)


def test_queues_topics_and_buses_are_targets(cloud: LocalCloud) -> None:
    url, queue = cloud.queue({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"})
    sns, events = cloud.client("sns"), cloud.client("events")
    topic = sns.create_topic(Name="scheduled")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    events.put_rule(Name="scheduled", EventPattern='{"source": ["nightly"]}')
    events.put_targets(Rule="scheduled", Targets=[{"Id": "q", "Arn": queue, "InputPath": "$.detail"}])
    role = cloud.role(allow("sqs:SendMessage", "sns:Publish", "events:PutEvents"), service=TRUSTED)
    bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    schedule(cloud, "to-queue", {"Arn": queue, "RoleArn": role, "Input": '{"to":"queue"}'})
    schedule(cloud, "to-topic", {"Arn": topic, "RoleArn": role, "Input": '{"to":"topic"}'})
    shape = {"EventBridgeParameters": {"Source": "nightly", "DetailType": "x"}}
    schedule(cloud, "to-bus", {"Arn": bus, "RoleArn": role, "Input": '{"to":"bus"}', **shape})
    for name in ("to-queue", "to-topic", "to-bus"):
        assert fire(cloud, name)["delivered"] is True
    found: list[dict[str, Any]] = []
    eventually(lambda: found.extend(cloud.received(url)) or len(found) == 3)
    assert {json.loads(one["Body"])["to"] for one in found} == {"queue", "topic", "bus"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"expression": "rate(1 minutes)"}, "singular only for 1"),
        ({"ScheduleExpressionTimezone": "Mars/Olympus"}, "there is no timezone"),
        ({"GroupName": "nowhere"}, "Schedule group nowhere does not exist"),
        (
            {"target": {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"}},
            "is not offered locally; these services",
        ),
        ({"target": {"Arn": "nothing"}}, "is not an ARN"),
        ({"target": {"EcsParameters": {"TaskDefinitionArn": "x"}}}, "Target.EcsParameters is not offered"),
    ],
)
def test_a_schedule_that_would_never_work_is_refused(
    cloud: LocalCloud, change: dict[str, Any], message: str
) -> None:
    role = cloud.role(service=TRUSTED)
    target = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "RoleArn": role, **change.pop("target", {})}
    with pytest.raises(ClientError, match=message):
        schedule(cloud, "never", target, **change)


def test_firing_an_unknown_schedule_is_a_lookup_error(cloud: LocalCloud) -> None:
    with pytest.raises(LookupError, match="there is no schedule default/nothing"):
        fire(cloud, "nothing")
    with pytest.raises(LookupError, match="there is no schedule nowhere/nothing"):
        fire(cloud, "nothing", group="nowhere")


class Hands:
    """A clock's hands, moved by the test."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=1)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def clock(cloud: LocalCloud, hands: Hands) -> Clock:
    return Clock(cloud.events._scheduler, cloud.events._events._targets, hands)


def test_the_clock_runs_what_is_due_once_and_not_what_was_due_before(
    cloud: LocalCloud, clock: Clock, hands: Hands
) -> None:
    url, queue = cloud.queue()
    role = cloud.role(allow("sqs:SendMessage"), service=TRUSTED)
    target = {"Arn": queue, "RoleArn": role, "Input": '"<aws.scheduler.scheduled-time>"'}
    schedule(cloud, "at-half-past", target, "cron(30 * * * ? *)")
    schedule(cloud, "asleep", {**target, "Input": '"asleep"'}, "cron(30 * * * ? *)", State="DISABLED")
    clock.tick()
    hands.now += timedelta(minutes=29)
    clock.tick()
    assert cloud.received(url) == []
    hands.now += timedelta(minutes=2)
    clock.tick()
    clock.tick()
    [message] = eventually(lambda: cloud.received(url))
    assert message["Body"] == hands.now.strftime('"%Y-%m-%dT10:30:00Z"')
    cloud.client("scheduler").delete_schedule(Name="at-half-past")
    hands.now += timedelta(hours=1)
    clock.tick()
    assert cloud.received(url) == []


def test_start_end_timezone_and_deletion_after_the_last_run(
    cloud: LocalCloud, clock: Clock, hands: Hands
) -> None:
    url, queue = cloud.queue()
    role = cloud.role(allow("sqs:SendMessage"), service=TRUSTED)

    def make(name: str, expression: str, **more: Any) -> None:
        schedule(cloud, name, {"Arn": queue, "RoleArn": role, "Input": json.dumps(name)}, expression, **more)

    begin, end = hands.now + timedelta(hours=2), hands.now + timedelta(hours=4, minutes=30)
    make("between", "rate(1 hour)", StartDate=begin, EndDate=end)
    once = (hands.now + timedelta(hours=1)).strftime(
        "at(%Y-%m-%dT19:00:00)"
    )  # 11:00 UTC will have been 19:00
    make("once", once, ScheduleExpressionTimezone="Asia/Singapore", ActionAfterCompletion="DELETE")
    for _ in range(12 * 8):
        clock.tick()
        hands.now += timedelta(minutes=5)
    found: list[str] = []
    eventually(lambda: found.extend(one["Body"] for one in cloud.received(url)) or len(found) >= 4)
    assert sorted(found) == ['"between"'] * 3 + ['"once"']
    names = [one["Name"] for one in cloud.client("scheduler").list_schedules()["Schedules"]]
    assert "between" in names
    assert "once" not in names


def test_a_rule_with_a_schedule_runs_by_the_clock(cloud: LocalCloud, clock: Clock, hands: Hands) -> None:
    url, queue = cloud.queue({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                              "Action": "sqs:SendMessage"})  # fmt: skip
    events = cloud.client("events")
    arn = events.put_rule(Name="every-five", ScheduleExpression="rate(5 minutes)")["RuleArn"]
    events.put_targets(Rule="every-five", Targets=[{"Id": "q", "Arn": queue}])
    for _ in range(12):
        clock.tick()
        hands.now += timedelta(minutes=1)
    found: list[Any] = []
    eventually(
        lambda: found.extend(json.loads(one["Body"]) for one in cloud.received(url)) or len(found) >= 2
    )
    assert [(one["source"], one["detail-type"], one["resources"]) for one in found] == [
        ("aws.events", "Scheduled Event", [arn])
    ] * 2
    events.remove_targets(Rule="every-five", Ids=["q"])
    events.delete_rule(Name="every-five")
