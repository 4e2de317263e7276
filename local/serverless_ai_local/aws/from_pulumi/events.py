"""EventBridge: buses, rules and their targets, schedules."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.from_pulumi import existing
from serverless_ai_local.aws.from_pulumi.direct import Direct, member
from serverless_ai_local.aws.from_pulumi.translation import (
    TAG_LIST,
    AutoName,
    Rules,
    Translation,
    apply,
    block,
    capital,
    document,
)
from serverless_ai_local.aws.provider import Context, ResourceError
from serverless_ai_local.aws.resources.calls import fitted
from serverless_ai_local.doors.pulumi.clouds import CloudError, Live
from serverless_ai_local.doors.pulumi.values import Values

BUS: Final = "eventBusName"
DEFAULT_BUS: Final = "default"

# CloudFormation's words for a target of a rule.
TARGET: Final[Rules] = {
    "arn": "Arn",
    "deadLetterConfig": ("DeadLetterConfig", capital),
    "httpTarget": (
        "HttpParameters",
        block(
            {
                "headerParameters": "HeaderParameters",
                "pathParameterValues": "PathParameterValues",
                "queryStringParameters": "QueryStringParameters",
            }
        ),
    ),
    "input": "Input",
    "inputPath": "InputPath",
    "inputTransformer": (
        "InputTransformer",
        block({"inputPaths": "InputPathsMap", "inputTemplate": "InputTemplate"}),
    ),
    "kinesisTarget": ("KinesisParameters", capital),
    "retryPolicy": ("RetryPolicy", capital),
    "roleArn": "RoleArn",
    "sqsTarget": ("SqsParameters", capital),
    "targetId": "Id",
}


def _target(inputs: Values) -> dict[str, Any]:
    own = {key: value for key, value in inputs.items() if key not in ("rule", BUS, "forceDestroy", "region")}
    return apply(TARGET, own)


def _about(inputs: Values) -> dict[str, Any]:
    return {"Rule": existing.arn_name(inputs["rule"]), "EventBusName": inputs.get(BUS, DEFAULT_BUS)}


def _put(context: Context, inputs: Values) -> Live:
    about = _about(inputs)
    answer = fitted(context, "events", "PutTargets", {**about, "Targets": [_target(inputs)]}, "EventTarget")
    _refuse_failures(answer)
    bus = "" if about["EventBusName"] == DEFAULT_BUS else f"{about['EventBusName']}-"
    return Live(id=f"{bus}{about['Rule']}-{inputs['targetId']}")


def _remove(context: Context, live: Live, inputs: Values) -> None:
    parameters = {**_about(inputs), "Ids": [inputs["targetId"]]}
    _refuse_failures(fitted(context, "events", "RemoveTargets", parameters, "EventTarget"))


def _refuse_failures(answer: dict[str, Any]) -> None:
    for failed in answer.get("FailedEntries", ()):
        raise ResourceError(f"target {failed.get('TargetId')}: {failed.get('ErrorMessage')}")


def _rule(given: dict[str, Any]) -> dict[str, Any]:
    """`is_enabled` is the older word for `state`."""
    enabled = given.pop("IsEnabled", None)
    if enabled is not None and "State" in given:
        raise CloudError("is_enabled and state say the same; give one of them")
    return given if enabled is None else {**given, "State": "ENABLED" if enabled else "DISABLED"}


ROWS: Final = (
    Translation(
        "aws:cloudwatch/eventBus:EventBus",
        "AWS::Events::EventBus",
        inputs={
            "deadLetterConfig": ("DeadLetterConfig", capital),
            "description": "Description",
            "eventSourceName": "EventSourceName",
            "kmsKeyIdentifier": "KmsKeyIdentifier",
            "logConfig": ("LogConfig", capital),
            "name": "Name",
            "tags": TAG_LIST,
        },
        outputs={"arn": "{a[Arn]}"},
        name=AutoName(limit=256),
        read=existing.event_bus,
    ),
    Translation(
        "aws:cloudwatch/eventRule:EventRule",
        "AWS::Events::Rule",
        inputs={
            "description": "Description",
            BUS: "EventBusName",
            "eventPattern": ("EventPattern", document),
            # Targets that are still there go with the rule in any case.
            "forceDestroy": None,
            "isEnabled": "IsEnabled",
            "name": "Name",
            "roleArn": "RoleArn",
            "scheduleExpression": "ScheduleExpression",
            "state": "State",
            "tags": TAG_LIST,
        },
        outputs={"arn": "{a[Arn]}"},
        name=AutoName(),
        unique=("name", BUS),
        prepare=_rule,
    ),
    Translation(
        "aws:scheduler/schedule:Schedule",
        "AWS::Scheduler::Schedule",
        inputs={
            "actionAfterCompletion": "ActionAfterCompletion",
            "description": "Description",
            "endDate": "EndDate",
            "flexibleTimeWindow": ("FlexibleTimeWindow", capital),
            "groupName": "GroupName",
            "kmsKeyArn": "KmsKeyArn",
            "name": "Name",
            "scheduleExpression": "ScheduleExpression",
            "scheduleExpressionTimezone": "ScheduleExpressionTimezone",
            "startDate": "StartDate",
            "state": "State",
            "target": (
                "Target",
                block(
                    {
                        "arn": "Arn",
                        "deadLetterConfig": ("DeadLetterConfig", capital),
                        "eventbridgeParameters": ("EventBridgeParameters", capital),
                        "input": "Input",
                        "kinesisParameters": ("KinesisParameters", capital),
                        "retryPolicy": ("RetryPolicy", capital),
                        "roleArn": "RoleArn",
                        "sqsParameters": ("SqsParameters", capital),
                    }
                ),
            ),
        },
        id="{p[GroupName]}/{id}",
        outputs={"arn": "{a[Arn]}", "groupName": "{p[GroupName]}"},
        name=AutoName(),
        unique=("groupName", "name"),
        prepare=lambda given: {"GroupName": "default", **given},
    ),
)

DIRECT: Final = (
    Direct(
        "aws:cloudwatch/eventTarget:EventTarget",
        inputs=(*TARGET, "rule", BUS, "forceDestroy"),
        make=_put,
        change=lambda context, live, inputs: _put(context, inputs),
        remove=_remove,
        fixed=("rule", BUS, "targetId"),
        name=AutoName(input="targetId"),
        unique=("rule", BUS, "targetId"),
        validate=_target,
        part_of=member("AWS::Events::Rule", "Name", "rule", "Targets", _target),
    ),
)
