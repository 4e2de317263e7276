"""What `run` prints after the answer: what was made, its idle price, the commands for a real account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from serverless_ai_local.graph import Resource
from serverless_ai_local.targets import ProgressEvent
from serverless_ai_patterns.catalogue import Pattern
from serverless_ai_patterns.cost import idle_monthly

Show = Callable[[ProgressEvent], None]

REAL_ACCOUNT = {
    "cdk": (
        "aws sts get-caller-identity                  # your own credentials",
        "npx aws-cdk@2.1148.1 bootstrap               # once per account and region",
        "cd cdk && npx aws-cdk@2.1148.1 deploy {class_name}",
        "npx aws-cdk@2.1148.1 destroy {class_name}    # when done",
    ),
    "pulumi-aws": (
        "pulumi login --local && export PULUMI_CONFIG_PASSPHRASE=...",
        "cd pulumi/stacks/aws && pulumi stack init {stack}",
        "pulumi config set aws:region us-east-1",
        "pulumi up -s {stack}",
        "pulumi destroy -s {stack}                    # when done",
    ),
    "pulumi-azure": (
        "az login                                     # your own credentials",
        "az ad app create --display-name {stack} --requested-access-token-version 2 --query appId",
        "pulumi login --local && export PULUMI_CONFIG_PASSPHRASE=...",
        "cd pulumi/stacks/azure && pulumi stack init {stack}",
        "pulumi config set entra_client_id THAT-APP-ID",
        "pulumi up -s {stack}",
        "pulumi destroy -s {stack}                    # when done",
    ),
    "pulumi-gcp": (
        "gcloud auth application-default login        # your own credentials",
        "pulumi login --local && export PULUMI_CONFIG_PASSPHRASE=...",
        "cd pulumi/stacks/gcp && pulumi stack init {stack}",
        "pulumi config set gcp:project YOUR-PROJECT-ID",
        'pulumi config set --path "invokers[0]" user:YOU@YOUR-DOMAIN',
        "pulumi up -s {stack}",
        "pulumi destroy -s {stack}                    # when done",
    ),
}


_CALLERS = ("az ad app", "entra_client_id", "invokers")
"""In lines that say who may call: only of a pattern that has an endpoint."""


def created(console: Console, graph: Sequence[Resource]) -> None:
    """A table of the resources by type, with their price while nobody calls."""
    price: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    for resource in graph:
        count[resource.type] += 1
    for line in idle_monthly((r.name, r.type, r.properties) for r in graph):
        price[line.type] += line.usd
    table = Table(title="What was created (local), and its list price when idle", title_justify="left")
    table.add_column("Resource type")
    table.add_column("Count", justify="right")
    table.add_column("USD a month, idle", justify="right")
    for kind in sorted(count):
        table.add_row(kind, str(count[kind]), f"{price[kind]:.2f}")
    table.add_section()
    table.add_row("Total", str(sum(count.values())), f"{sum(price.values()):.2f}", style="bold")
    console.print(table)


def real_account(console: Console, entry: Pattern, target: str) -> None:
    """The exact commands for an account of the user's own."""
    console.print(
        "\n[bold]In your own account[/] (this was never run on one by us; see docs/local-cloud.md):"
    )
    for line in REAL_ACCOUNT[target]:
        if entry.slug == "event_pipeline" and any(word in line for word in _CALLERS):
            continue
        console.print(
            "  " + line.format(class_name=entry.class_name, stack=entry.slug.replace("_", "-")),
            highlight=False,
        )
