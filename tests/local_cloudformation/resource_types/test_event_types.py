"""Rules, buses and schedules as declared, seen through boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serverless_ai_local.aws.provider import Made, ResourceError

RULE = "AWS::Events::Rule"


@pytest.fixture
def queue(types: Any) -> Any:
    with types.made("AWS::SQS::Queue", {}) as made:
        yield made.attributes["Arn"]


def test_rule(types: Any, queue: str) -> None:
    events = types.client("events")

    def read(made: Made) -> Any:
        found = events.describe_rule(Name=made.physical_id)
        tags = events.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"]
        return {
            **found,
            "EventPattern": json.loads(found["EventPattern"]) if "EventPattern" in found else None,
            "targets": events.list_targets_by_rule(Rule=made.physical_id)["Targets"],
            "tags": {tag["Key"]: tag["Value"] for tag in tags},
        }

    target = {
        "Id": "Function",
        "Arn": queue,
        "DeadLetterConfig": {"Arn": queue},
        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 8},
    }
    made = types.lives(
        RULE,
        read,
        [
            (
                {
                    "Description": "d",
                    "EventPattern": {"source": ["shop"], "detail-type": ["OrderPlaced"]},
                    "State": "ENABLED",
                    "Targets": [target, {"Id": "Gone", "Arn": queue}],
                    "Tags": [{"Key": "a", "Value": "1"}],
                },
                {
                    "Description": "d",
                    "EventPattern": {"source": ["shop"], "detail-type": ["OrderPlaced"]},
                    "State": "ENABLED",
                    "targets": [target, {"Id": "Gone", "Arn": queue}],
                    "tags": {"a": "1"},
                },
            ),
            (
                {
                    "ScheduleExpression": "rate(5 minutes)",
                    "State": "DISABLED",
                    "Targets": [{**target, "RetryPolicy": {"MaximumRetryAttempts": 1}}],
                },
                {
                    "EventPattern": None,
                    "ScheduleExpression": "rate(5 minutes)",
                    "State": "DISABLED",
                    "targets": [{**target, "RetryPolicy": {"MaximumRetryAttempts": 1}}],
                    "tags": {},
                },
            ),
        ],
    )
    assert made.attributes["Arn"] == f"arn:aws:events:us-east-1:123456789012:rule/{made.physical_id}"


def test_a_rule_is_not_taken_over(types: Any) -> None:
    rule = {"Name": "orders", "EventPattern": {"source": ["shop"]}}
    with types.made(RULE, rule), pytest.raises(ResourceError, match="orders already exists"):
        types.provider(RULE).create(types.context(), "R", rule)


def test_a_rule_with_a_bad_target_is_not_left_behind(types: Any, queue: str) -> None:
    for targets in ([{"Id": "A", "Arn": queue, "Colour": 1}], [{"Id": "A", "Arn": queue}] * 2):
        with pytest.raises(ResourceError, match=r"Colour|stands twice"):
            types.provider(RULE).create(
                types.context(), "R", {"Name": "bad", "EventPattern": {"source": ["x"]}, "Targets": targets}
            )
    assert types.client("events").list_rules(NamePrefix="bad")["Rules"] == []


def test_rule_on_a_bus_of_its_own(types: Any, queue: str) -> None:
    events = types.client("events")
    with types.made("AWS::Events::EventBus", {"Name": "shop", "Description": "d"}) as bus:
        assert bus.attributes == {"Arn": events.describe_event_bus(Name="shop")["Arn"], "Name": "shop"}
        rule = {
            "EventBusName": "shop",
            "EventPattern": {"source": ["x"]},
            "Targets": [{"Id": "A", "Arn": queue}],
        }
        with types.made(RULE, rule) as made:
            (target,) = events.list_targets_by_rule(Rule=made.physical_id, EventBusName="shop")["Targets"]
            assert target == {"Id": "A", "Arn": queue}
        assert events.list_rules(EventBusName="shop")["Rules"] == []
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.describe_event_bus(Name="shop")


def test_schedule(types: Any, queue: str, role: str) -> None:
    scheduler = types.client("scheduler")
    target = {
        "Arn": queue,
        "RoleArn": role,
        "Input": '{"id": "<aws.scheduler.execution-id>"}',
        "DeadLetterConfig": {"Arn": queue},
        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 8},
    }
    window = {"FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    made = types.lives(
        "AWS::Scheduler::Schedule",
        lambda made: scheduler.get_schedule(Name=made.physical_id),
        [
            (
                window | {"ScheduleExpression": "rate(1 hour)", "Description": "d", "State": "ENABLED"},
                window | {"ScheduleExpression": "rate(1 hour)", "Description": "d", "State": "ENABLED"},
            ),
            (
                window
                | {
                    "ScheduleExpression": "cron(0 8 * * ? *)",
                    "ScheduleExpressionTimezone": "Europe/Oslo",
                    "State": "DISABLED",
                },
                window
                | {
                    "ScheduleExpression": "cron(0 8 * * ? *)",
                    "ScheduleExpressionTimezone": "Europe/Oslo",
                    "State": "DISABLED",
                },
            ),
        ],
    )
    assert made.attributes["Arn"].endswith(f":schedule/default/{made.physical_id}")


def test_schedule_in_a_group(types: Any, queue: str, role: str) -> None:
    scheduler = types.client("scheduler")
    with types.made("AWS::Scheduler::ScheduleGroup", {"Tags": [{"Key": "a", "Value": "1"}]}) as group:
        arn = group.attributes["Arn"]
        assert {"Key": "a", "Value": "1"} in scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"]
        properties = {
            "GroupName": group.physical_id,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ScheduleExpression": "rate(1 hour)",
            "Target": {"Arn": queue, "RoleArn": role},
        }
        with types.made("AWS::Scheduler::Schedule", properties) as made:
            found = scheduler.get_schedule(Name=made.physical_id, GroupName=group.physical_id)
            assert found["GroupName"] == group.physical_id
    with pytest.raises(scheduler.exceptions.ResourceNotFoundException):
        scheduler.get_schedule_group(Name=group.physical_id)
