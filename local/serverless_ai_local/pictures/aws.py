"""How AWS is drawn: glue between two resources as an arrow, the model from the function's variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from serverless_ai_local.graph import Resource
from serverless_ai_local.pictures.sketch import (
    CALLER,
    EMBEDDER,
    HIDDEN,
    MODEL,
    Arrow,
    Box,
    Cloud,
    Graph,
    Look,
    embedding_model,
    failed,
    watched,
)
from serverless_ai_runtime.config import PREFIX

_API, _FUNCTION = "AWS::ApiGatewayV2::Api", "AWS::Lambda::Function"
_INTEGRATION, _FAILURES = "AWS::ApiGatewayV2::Integration", "AWS::Lambda::EventInvokeConfig"
_ROUTE, _SOURCE = "AWS::ApiGatewayV2::Route", "AWS::Lambda::EventSourceMapping"
_QUEUE, _BUCKET = "AWS::SQS::Queue", "AWS::S3::Bucket"
_TOPIC, _SUBSCRIPTION = "AWS::SNS::Topic", "AWS::SNS::Subscription"
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
    _FUNCTION: Look(label="Lambda function", colour="#ed7100", caption=_words),
    _BUCKET: Look(label="S3 bucket", colour="#7aa116", caption=_words),
    "AWS::S3Vectors::Index": Look(label="S3 Vectors index", colour="#7aa116"),
    "AWS::DynamoDB::Table": Look(label="DynamoDB table\nsessions, budgets, events seen", colour=_BLUE),
    "AWS::DynamoDB::GlobalTable": Look(label="DynamoDB table", colour=_BLUE),
    _QUEUE: Look(label="SQS queue", colour=_PINK, caption=_words),
    _TOPIC: Look(label="SNS topic", colour=_PINK, caption=_words),
    "AWS::Logs::LogGroup": Look(label="Log group", colour=_PINK),
    _RULE: Look(label="EventBridge rule", colour=_PINK),
    _SCHEDULE: Look(label="Schedule", colour=_PINK),
    "AWS::Bedrock::Guardrail": Look(label="Guardrail", colour=_GREEN),
    _ALARM: Look(label="Alarms", colour=_PINK, grouped=True),
    _DASHBOARD: Look(label="Dashboard", colour=_PINK),
    **dict.fromkeys(
        (
            _FAILURES,
            _INTEGRATION,
            _ROUTE,
            _SOURCE,
            _SUBSCRIPTION,
            "AWS::ApiGatewayV2::Stage",
            "AWS::ApiGatewayV2::Authorizer",
            "AWS::Bedrock::GuardrailVersion",
            "AWS::CDK::Metadata",
            "AWS::IAM::Policy",
            "AWS::IAM::Role",
            "AWS::Lambda::Permission",
            "AWS::S3::BucketPolicy",
            "AWS::S3Vectors::VectorBucket",
            "AWS::SNS::TopicPolicy",
            "AWS::SQS::QueuePolicy",
        ),
        HIDDEN,
    ),
}


def _arrows(graph: Graph) -> Iterator[Arrow]:
    for api in graph.of(_API):
        yield Arrow(CALLER, api.name)
    yield from _glue(graph)
    for resource in graph.resources:
        for other in graph.others(resource):
            yield _reference(resource, other)
    for function in graph.of(_FUNCTION):
        if _model(function):
            yield Arrow(function.name, MODEL, "Converse")
        if embedding_model(_variable(function, "INDEXES")):
            yield Arrow(function.name, EMBEDDER, "InvokeModel")


def _glue(graph: Graph) -> Iterator[Arrow]:
    """What is a resource of its own, and says no more than that two others are joined."""
    routes = "\n".join(sorted(str(one.properties["RouteKey"]) for one in graph.of(_ROUTE)))
    for api, function in _ends(graph, _INTEGRATION, _API, _FUNCTION):
        yield Arrow(api, function, routes)
    for queue, function in _ends(graph, _SOURCE, _QUEUE, _FUNCTION):
        yield Arrow(queue, function, "batches")
    for function, queue in _ends(graph, _FAILURES, _FUNCTION, _QUEUE):
        yield failed(function, queue)
    for one in graph.of(_SUBSCRIPTION):
        for topic in graph.others(one, _TOPIC):
            for queue in graph.others(one, _QUEUE):
                told = str(one.properties.get("Endpoint", "")).endswith(f":{_name(queue)}")
                yield Arrow(topic.name, queue.name) if told else failed(topic.name, queue.name)


def _ends(graph: Graph, glue: str, start: str, end: str) -> Iterator[tuple[str, str]]:
    """The names of the two that each resource of type `glue` joins."""
    for one in graph.of(glue):
        yield from ((a.name, b.name) for a in graph.others(one, start) for b in graph.others(one, end))


def _reference(resource: Resource, other: Resource) -> Arrow:
    if resource.type in (_ALARM, _DASHBOARD):
        return watched(other.name, resource.name)
    if resource.type == _RULE and other.type == _BUCKET:
        return Arrow(other.name, resource.name)
    if other.type == _QUEUE and resource.type in (_QUEUE, _RULE, _SCHEDULE) and not _targets(resource, other):
        return failed(resource.name, other.name)
    return Arrow(resource.name, other.name)


def _targets(source: Resource, queue: Resource) -> bool:
    """Whether a rule or schedule sends to the queue, and not only what it could not deliver elsewhere."""
    targets: list[Mapping[str, Any]] = source.properties.get("Targets", [])
    targets = targets or [source.properties.get("Target", {})]
    return any(str(one.get("Arn", "")).endswith(f":{_name(queue)}") for one in targets)


def _name(queue: Resource) -> str:
    return queue.physical_id.rpartition("/")[2]


def _boxes(graph: Graph) -> Iterator[Box]:
    for model in filter(None, map(_model, graph.of(_FUNCTION))):
        yield Box(MODEL, f"Bedrock\n{model}", _GREEN)
    for model in {embedding_model(_variable(one, "INDEXES")) for one in graph.of(_FUNCTION)} - {""}:
        yield Box(EMBEDDER, f"Bedrock\n{model}", _GREEN)


def _model(function: Resource) -> str:
    return _variable(function, "MODEL")


def _variable(function: Resource, name: str) -> str:
    variables: Mapping[str, Any] = function.properties.get("Environment", {}).get("Variables", {})
    return str(variables.get(PREFIX + name, ""))


CLOUD: Final = Cloud(looks=_LOOKS, caller="signed request", arrows=_arrows, boxes=_boxes)
