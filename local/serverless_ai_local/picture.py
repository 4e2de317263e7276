"""A picture of a deployed graph, as Graphviz text: what calls what, with the glue between them as edges."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from serverless_ai_local.graph import Resource
from serverless_ai_runtime.config import PREFIX


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    """How a type is drawn. `edge`: not as a box but as an arrow between the two types it joins."""

    label: str = ""
    colour: str = "#5a6b7b"
    hidden: bool = False
    edge: tuple[str, str] | None = None
    text: str = ""
    """Words on the arrow."""


_HASH: Final = re.compile(r"[0-9A-F]{8}$")
_CALLER: Final = "caller"
_MODEL: Final = "model"
_MODEL_VARIABLE: Final = PREFIX + "MODEL"
_API, _FUNCTION = "AWS::ApiGatewayV2::Api", "AWS::Lambda::Function"
_QUEUE, _LOGS = "AWS::SQS::Queue", "AWS::Logs::LogGroup"
_HIDDEN: Final = _Look(hidden=True)
_LOOKS: Final[Mapping[str, _Look]] = {
    _API: _Look(label="HTTP API", colour="#8c4fff"),
    _FUNCTION: _Look(label="Lambda function", colour="#ed7100"),
    "AWS::DynamoDB::Table": _Look(label="DynamoDB table\nsessions, budgets, events seen", colour="#3334b9"),
    "AWS::DynamoDB::GlobalTable": _Look(label="DynamoDB table", colour="#3334b9"),
    _QUEUE: _Look(label="SQS queue", colour="#e7157b"),
    _LOGS: _Look(label="Log group", colour="#e7157b"),
    "AWS::Events::Rule": _Look(label="EventBridge rule", colour="#e7157b"),
    "AWS::Scheduler::Schedule": _Look(label="Schedule", colour="#e7157b"),
    "AWS::Bedrock::Guardrail": _Look(label="Guardrail", colour="#01a88d"),
    "AWS::CloudWatch::Alarm": _Look(label="Alarms", colour="#e7157b"),
    "AWS::CloudWatch::Dashboard": _Look(label="Dashboard", colour="#e7157b"),
    "AWS::ApiGatewayV2::Integration": _Look(edge=(_API, _FUNCTION), text="POST /chat"),
    "AWS::Lambda::EventInvokeConfig": _Look(edge=(_FUNCTION, _QUEUE), text="failed"),
    **dict.fromkeys(
        (
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
        _HIDDEN,
    ),
}
# Drawn once however many there are.
_GROUPED: Final = ("AWS::CloudWatch::Alarm",)


def dot(graph: Sequence[Resource], *, title: str) -> str:
    """Graphviz text of the graph. A type that it has no look for is drawn with its own name."""
    by_name = {resource.name: resource for resource in graph}
    boxes = {resource.name: _box(resource) for resource in graph if _look(resource).edge is None}
    lines = [
        "digraph {",
        f'  graph [rankdir=LR, fontname="Helvetica", label={_quoted(title)}, labelloc=t, ranksep=0.7];',
        '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="Helvetica"];',
        '  node [fontsize=11, margin="0.2,0.1"];',
        '  edge [fontname="Helvetica", fontsize=9, color="#5a6b7b"];',
        f'  {_CALLER} [label="Caller\\nsigned request", shape=plaintext];',
    ]
    counts: dict[str, int] = defaultdict(int)
    for resource in graph:
        counts[_box(resource)] += 1
    drawn: set[str] = set()
    for resource in graph:
        look, box = _look(resource), _box(resource)
        if look.hidden or look.edge or box in drawn:
            continue
        drawn.add(box)
        label = look.label or resource.type
        if counts[box] > 1:
            label = f"{counts[box]} {label.lower()}"
        label = f"{label}\n{_words(resource.name)}" if resource.type == _QUEUE else label
        lines.append(f"  {_quoted(box)} [label={_quoted(label)}, color={_quoted(look.colour)}, penwidth=2];")
    lines += sorted(set(_edges(graph, by_name, boxes)))
    lines += _model(graph)
    return "\n".join([*lines, "}", ""])


def _edges(
    graph: Sequence[Resource], by_name: Mapping[str, Resource], boxes: Mapping[str, str]
) -> Iterator[str]:
    for resource in graph:
        look = _look(resource)
        others = [by_name[name] for name in resource.depends_on if name in by_name]
        if look.edge:
            ends = [[other for other in others if other.type == end] for end in look.edge]
            for start in ends[0]:
                for end in ends[1]:
                    yield _arrow(boxes[start.name], boxes[end.name], look.text)
        elif not look.hidden:
            for other in others:
                if not _look(other).hidden and not _look(other).edge:
                    yield _reference(resource, other, boxes)
        if resource.type == _API:
            yield f"  {_CALLER} -> {_quoted(boxes[resource.name])};"


def _reference(resource: Resource, other: Resource, boxes: Mapping[str, str]) -> str:
    start, end = boxes[resource.name], boxes[other.name]
    if resource.type.startswith("AWS::CloudWatch"):
        return f"  {_quoted(end)} -> {_quoted(start)} [style=dotted, arrowhead=none];"
    failed = other.type == _QUEUE and resource.type in (
        _QUEUE,
        "AWS::Events::Rule",
        "AWS::Scheduler::Schedule",
    )
    return _arrow(start, end, "failed" if failed else "")


def _arrow(start: str, end: str, text: str) -> str:
    style = ", style=dashed" if text == "failed" else ""
    return f"  {_quoted(start)} -> {_quoted(end)} [label={_quoted(text)}{style}];"


def _model(graph: Sequence[Resource]) -> list[str]:
    """The model is no resource of the stack; the function's variables name it."""
    lines: list[str] = []
    for resource in graph:
        environment: Mapping[str, Any] = resource.properties.get("Environment", {}).get("Variables", {})
        model = environment.get(_MODEL_VARIABLE)
        if resource.type == _FUNCTION and model:
            label = _quoted(f"Bedrock\n{model}")
            lines.append(f'  {_MODEL} [label={label}, color="#01a88d", penwidth=2];')
            lines.append(f"  {_quoted(_box(resource))} -> {_MODEL} [label=Converse];")
    return lines


def _look(resource: Resource) -> _Look:
    return _LOOKS.get(resource.type, _Look())


def _box(resource: Resource) -> str:
    return resource.type if resource.type in _GROUPED else resource.name


def _words(name: str) -> str:
    """`FunctionLlmDeadLetters094C1F22` -> `dead letters`: the last two words of a logical id."""
    words = re.findall(r"[A-Z][a-z]+", _HASH.sub("", name))
    return " ".join(words[-2:] if words[-1] != "Results" else words[-1:]).lower() or name


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
