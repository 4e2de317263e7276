"""A stack's resources as the graph that prices and pictures are made from, whatever the cloud."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from serverless_ai_local.doors.pulumi.clouds import Clouds, Placed
from serverless_ai_local.doors.pulumi.report import Report
from serverless_ai_local.doors.pulumi.state import Entry
from serverless_ai_local.doors.pulumi.steps import live_of
from serverless_ai_local.doors.pulumi.values import plain
from serverless_ai_local.graph import Resource


def graph(entries: Sequence[Entry], clouds: Clouds, report: Report) -> tuple[Resource, ...]:
    """What the clouds make of the entries; secrets are taken out."""
    managed = [entry for entry in entries if entry.managed and not entry.doomed]
    names = _names(managed)
    found: list[Resource] = []
    for package in dict.fromkeys(entry.package for entry in managed):
        placed = [_placed(entry, names) for entry in managed if entry.package == package]
        found.extend(clouds.get(package).graph(placed))
    return tuple(replace(one, properties=report.clean_all(one.properties)) for one in found)


def _placed(entry: Entry, names: dict[str, str]) -> Placed:
    return Placed(
        name=names[entry.urn],
        token=entry.type,
        inputs=plain(entry.inputs),
        live=live_of(entry),
        depends_on=tuple(names[urn] for urn in entry.dependencies if urn in names),
    )


def _names(entries: Sequence[Entry]) -> dict[str, str]:
    """URN -> name; Pulumi lets a queue and a role have the same one, a graph does not."""
    by_name = Counter(entry.name for entry in entries)
    by_type = Counter((entry.name, entry.type) for entry in entries)
    names: dict[str, str] = {}
    for entry in entries:
        short = f"{entry.name} ({entry.type.rsplit(':', 1)[-1]})"
        unique = entry.urn if by_type[entry.name, entry.type] > 1 else short
        names[entry.urn] = entry.name if by_name[entry.name] == 1 else unique
    return names
