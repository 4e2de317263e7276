"""`serverless-ai logs`: what deployed functions wrote, from their log groups on the local cloud."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from serverless_ai_local.commands.cloud import running, state_dir

POLL_SECONDS = 0.5


@click.command()
@click.argument("log_group", required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on until Ctrl-C.")
@state_dir
def logs(log_group: str | None, follow: bool, state_dir: Path) -> None:
    """Print the lines of LOG_GROUP, or of every log group."""
    client = running(state_dir).client("logs")
    groups = [group["logGroupName"] for group in client.describe_log_groups()["logGroups"]]
    if log_group is not None and log_group not in groups:
        raise click.ClickException(f"no log group {log_group}; there are: {', '.join(groups) or 'none'}")
    seen: set[str] = set()
    while True:
        for group in [log_group] if log_group else groups:
            _print_new(client, group, seen)
        if not follow:
            return
        time.sleep(POLL_SECONDS)


def _print_new(client: Any, group: str, seen: set[str]) -> None:
    events: list[dict[str, Any]] = client.filter_log_events(logGroupName=group)["events"]
    for event in sorted(events, key=lambda one: one["timestamp"]):
        if event["eventId"] in seen:
            continue
        seen.add(event["eventId"])
        moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
        click.echo(f"{moment} {group}  {event['message'].rstrip()}")
