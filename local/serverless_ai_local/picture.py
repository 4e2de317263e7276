"""A picture of a deployed graph, as Graphviz text: what calls what, with the glue between them as edges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from serverless_ai_local.graph import Resource
from serverless_ai_local.pictures import aws, azure, gcp
from serverless_ai_local.pictures.sketch import CALLER, PLAIN, Arrow, Cloud, Graph, Look

_CLOUDS: Final[Mapping[str, Cloud]] = {"AWS": aws.CLOUD, "azure-native": azure.CLOUD, "gcp": gcp.CLOUD}
"""By what the names of its types begin with."""
_STYLES: Final = {"call": "", "failed": ", style=dashed", "watch": ", style=dotted, arrowhead=none"}


def dot(graph: Sequence[Resource], *, title: str) -> str:
    """Graphviz text of the graph. A type that it has no look for is drawn with its own name."""
    drawing = Graph(graph)
    cloud = _cloud(graph)
    boxes = {resource.name: _box(resource, _look(cloud, resource)) for resource in graph}
    caller, extra = f"Caller\n{cloud.caller}", list(cloud.boxes(drawing))
    hidden = {resource.name for resource in graph if _look(cloud, resource).hidden}
    arrows = [arrow for arrow in cloud.arrows(drawing) if not hidden & {arrow.start, arrow.end}]
    joined = {end for arrow in arrows for end in (arrow.start, arrow.end)}
    lines = [
        "digraph {",
        f'  graph [rankdir=LR, fontname="Helvetica", label={_quoted(title)}, labelloc=t, ranksep=0.7];',
        '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="Helvetica"];',
        '  node [fontsize=11, margin="0.2,0.1"];',
        f'  edge [fontname="Helvetica", fontsize=9, color="{PLAIN}"];',
    ]
    if CALLER in joined:
        lines.append(f"  {CALLER} [label={_quoted(caller)}, shape=plaintext];")
    visible = [
        resource
        for resource in graph
        if resource.name not in hidden and (resource.name in joined or not _look(cloud, resource).joined)
    ]
    lines += _nodes(drawing, cloud, visible, boxes)
    lines += [_node(name, label, colour) for name, label, colour in extra]
    lines += sorted({_edge(arrow, boxes) for arrow in arrows})
    return "\n".join([*lines, "}", ""])


def _nodes(graph: Graph, cloud: Cloud, visible: Iterable[Resource], boxes: Mapping[str, str]) -> list[str]:
    resources = list(visible)
    counts = Counter(boxes[resource.name] for resource in resources)
    nodes: dict[str, str] = {}
    for resource in sorted(resources, key=lambda one: one.name):
        look, box = _look(cloud, resource), boxes[resource.name]
        label = look.label or resource.type
        if counts[box] > 1:
            label = f"{counts[box]} {label.lower()}"
        if look.caption is not None:
            label = f"{label}\n{look.caption(graph, resource)}"
        nodes.setdefault(box, _node(box, label, look.colour))
    return list(nodes.values())


def _cloud(graph: Sequence[Resource]) -> Cloud:
    """The cloud that most resources are of; AWS's look for none."""
    counts = Counter(prefix for one in graph if (prefix := one.type.partition(":")[0]) in _CLOUDS)
    return _CLOUDS[counts.most_common(1)[0][0]] if counts else aws.CLOUD


def _look(cloud: Cloud, resource: Resource) -> Look:
    return cloud.looks.get(resource.type, Look())


def _box(resource: Resource, look: Look) -> str:
    return resource.type if look.grouped else resource.name


def _node(name: str, label: str, colour: str) -> str:
    return f"  {_quoted(name)} [label={_quoted(label)}, color={_quoted(colour)}, penwidth=2];"


def _edge(arrow: Arrow, boxes: Mapping[str, str]) -> str:
    start, end = (_quoted(boxes.get(name, name)) for name in (arrow.start, arrow.end))
    return f"  {start} -> {end} [label={_quoted(arrow.text)}{_STYLES[arrow.kind]}];"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
