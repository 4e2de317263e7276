"""How AWS is drawn: glue between two resources as an arrow, the model from the function's variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from serverless_ai_local.graph import Resource
from serverless_ai_local.pictures.sketch import (
    CALLER,
    HIDDEN,
    MODEL,
    Arrow,
    Box,
    Cloud,
    Graph,
    Look,
    failed,
    watched,
)
from serverless_ai_runtime.config import PREFIX

_API, _FUNCTION = "AWS::ApiGatewayV2::Api", "AWS::Lambda::Function"
_ROUTE, _FAILURES = "AWS::ApiGatewayV2::Integration", "AWS::Lambda::EventInvokeConfig"
_QUEUE = "AWS::SQS::Queue"
_RULE, _SCHEDULE = "AWS::Events::Rule", "AWS::Scheduler::Schedule"
_ALARM, _DASHBOARD = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"
_PINK, _BLUE, _GREEN = "#e7157b", "#3334b9", "#01a88d"
_HASH: Final = re.compile(r"[0-9A-F]{8}$")


def _words(graph: Graph, resource: Resource) -> str:
    """`FunctionLlmDeadLetters094C1F22` -> `dead letters`: the last two words of a logical id."""
    words = re.findall(r"[A-Z][a-z]+", _HASH.sub("", resource.name))
    if not words:
        return graph.short(resource)
    return " ".join(words[-2:] if words[-1] != "Results" else words[-1:]).lower()


_LOOKS: Final[Mapping[str, Look]] = {
    _API: Look(label="HTTP API", colour="#8c4fff"),
    _FUNCTION: Look(label="Lambda function", colour="#ed7100"),
    "AWS::DynamoDB::Table": Look(label="DynamoDB table\nsessions, budgets, events seen", colour=_BLUE),
    "AWS::DynamoDB::GlobalTable": Look(label="DynamoDB table", colour=_BLUE),
    _QUEUE: Look(label="SQS queue", colour=_PINK, caption=_words),
    "AWS::Logs::LogGroup": Look(label="Log group", colour=_PINK),
    _RULE: Look(label="EventBridge rule", colour=_PINK),
    _SCHEDULE: Look(label="Schedule", colour=_PINK),
    "AWS::Bedrock::Guardrail": Look(label="Guardrail", colour=_GREEN),
    _ALARM: Look(label="Alarms", colour=_PINK, grouped=True),
    _DASHBOARD: Look(label="Dashboard", colour=_PINK),
    **dict.fromkeys(
        (
            _ROUTE,
            _FAILURES,
            "AWS::ApiGatewayV2::Stage",
            "AWS::ApiGatewayV2::Route",
            "AWS::ApiGatewayV2::Authorizer",
            "AWS::Bedrock::GuardrailVersion",
            "AWS::CDK::Metadata",
            "AWS::IAM::Policy",
            "AWS::IAM::Role",
            "AWS::Lambda::Permission",
            "AWS::SQS::QueuePolicy",
        ),
        HIDDEN,
    ),
}


def _arrows(graph: Graph) -> Iterator[Arrow]:
    for api in graph.of(_API):
        yield Arrow(CALLER, api.name)
    for api, function in _ends(graph, _ROUTE, _API, _FUNCTION):
        yield Arrow(api, function, "POST /chat")
    for function, queue in _ends(graph, _FAILURES, _FUNCTION, _QUEUE):
        yield failed(function, queue)
    for resource in graph.resources:
        for other in graph.others(resource):
            yield _reference(resource, other)
    for function in graph.of(_FUNCTION):
        if _model(function):
            yield Arrow(function.name, MODEL, "Converse")


def _ends(graph: Graph, glue: str, start: str, end: str) -> Iterator[tuple[str, str]]:
    """The names of the two that each resource of type `glue` joins."""
    for one in graph.of(glue):
        yield from ((a.name, b.name) for a in graph.others(one, start) for b in graph.others(one, end))


def _reference(resource: Resource, other: Resource) -> Arrow:
    if resource.type in (_ALARM, _DASHBOARD):
        return watched(other.name, resource.name)
    if other.type == _QUEUE and resource.type in (_QUEUE, _RULE, _SCHEDULE):
        return failed(resource.name, other.name)
    return Arrow(resource.name, other.name)


def _boxes(graph: Graph) -> Iterator[Box]:
    for model in filter(None, map(_model, graph.of(_FUNCTION))):
        yield Box(MODEL, f"Bedrock\n{model}", _GREEN)


def _model(function: Resource) -> str:
    variables: Mapping[str, Any] = function.properties.get("Environment", {}).get("Variables", {})
    return str(variables.get(f"{PREFIX}MODEL", ""))


CLOUD: Final = Cloud(looks=_LOOKS, caller="signed request", arrows=_arrows, boxes=_boxes)
