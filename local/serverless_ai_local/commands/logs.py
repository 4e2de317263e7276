"""`serverless-ai logs`: what deployed functions wrote on the local cloud, and the requests of a trace."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import click

from serverless_ai_local.azure.apps.logs import REQUEST, WORKSPACE
from serverless_ai_local.commands.cloud import running, state_dir
from serverless_ai_local.launch import RunningCloud

POLL_SECONDS = 0.5


class Line(NamedTuple):
    """One entry."""

    id: str
    at: datetime
    group: str
    """Log group; on Azure the function app, on Google Cloud the name of the function or gateway."""
    text: str
    trace: str


@click.command()
@click.argument("log_group", required=False)
@click.option("--trace", default="", help="Only the entries of this trace, requests too.")
@click.option("--follow", "-f", is_flag=True, help="Go on until Ctrl-C.")
@state_dir
def logs(log_group: str | None, trace: str, follow: bool, state_dir: Path) -> None:
    """Print the lines of LOG_GROUP (on Azure and Google Cloud: of a function), or of every one."""
    cloud = running(state_dir)
    groups = _groups(cloud)
    if log_group is not None and log_group not in groups:
        raise click.ClickException(f"no log group {log_group}; there are: {', '.join(groups) or 'none'}")
    seen: set[str] = set()
    while True:
        for line in sorted(_lines(cloud, log_group, trace), key=lambda one: one.at):
            if line.id not in seen:
                seen.add(line.id)
                click.echo(f"{line.at:%H:%M:%S.%f}"[:-3] + f" {line.group}  {line.text}")
        if not follow:
            return
        time.sleep(POLL_SECONDS)


def _groups(cloud: RunningCloud) -> list[str]:
    aws = [group["logGroupName"] for group in cloud.client("logs").describe_log_groups()["logGroups"]]
    others = dict.fromkeys(line.group for line in (*_azure(cloud, ""), *_google(cloud, "")))
    return [*aws, *others]


def _lines(cloud: RunningCloud, group: str | None, trace: str) -> Iterator[Line]:
    for line in (*_aws(cloud), *_azure(cloud, trace), *_google(cloud, trace)):
        if group in (None, line.group) and trace in line.trace:
            yield line


def _aws(cloud: RunningCloud) -> Iterator[Line]:
    """A line's trace stands in its text."""
    client = cloud.client("logs")
    for group in client.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for event in client.filter_log_events(logGroupName=name)["events"]:
            at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
            text = event["message"].rstrip()
            yield Line(event["eventId"], at, name, text, text)


def _azure(cloud: RunningCloud, trace: str) -> Iterator[Line]:
    """Lines of every workspace. Without a trace to look for, what was printed and not each invocation."""
    for workspace in _workspaces(cloud):
        lines = cloud.admin("GET", f"azure/workspaces/{workspace}/lines")["lines"]
        for number, line in enumerate(lines):
            if trace or line["category"] != REQUEST:
                at, text = datetime.fromtimestamp(line["time"], UTC), str(line["message"])
                trace_of = line["operation"] or text
                yield Line(f"{workspace}-{number}-{line['time']}", at, line["app"], text, trace_of)


def _workspaces(cloud: RunningCloud) -> list[str]:
    resources = cloud.admin("GET", "azure/resources")["resources"]
    return [one["name"] for one in resources if one["kind"] == WORKSPACE]


def _google(cloud: RunningCloud, trace: str) -> Iterator[Line]:
    """Without a trace to look for, what functions printed and not each request."""
    for entry in cloud.admin("GET", f"gcp/logs?trace={quote(trace)}")["entries"]:
        if trace or "httpRequest" not in entry:
            group = next(iter(entry["resource"]["labels"].values()))
            at = datetime.fromisoformat(entry["timestamp"])
            yield Line(f"google-{entry['insertId']}", at, group, _text(entry), entry.get("trace", ""))


def _text(entry: dict[str, Any]) -> str:
    if "httpRequest" in entry:
        request = entry["httpRequest"]
        return f"{request['requestMethod']} {request['requestUrl']} {request['status']} {request['latency']}"
    return str(entry.get("textPayload") or json.dumps(entry["jsonPayload"], ensure_ascii=False))
