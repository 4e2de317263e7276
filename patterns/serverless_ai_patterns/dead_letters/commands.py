"""`serverless-ai dead-letters` and `serverless-ai redrive`."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from serverless_ai_patterns.dead_letters import DeadLetterQueue
from serverless_ai_patterns.dead_letters.login import NotLoggedIn
from serverless_ai_runtime.core.ports import ServiceError

CLOUDS = ("aws", "azure", "gcp")
_SHOWN = 200
"""Characters of a reason or a body."""


def _explained(command: Callable[..., None]) -> Callable[..., None]:
    """Errors that are nobody's fault but the user's or the cloud's end with their text alone."""

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except (ValueError, RuntimeError, NotLoggedIn, ServiceError) as error:
            raise click.ClickException(str(error)) from None

    return run


_cloud = click.argument("cloud", type=click.Choice(CLOUDS))
_dead_letters = click.argument("dead_letters")
_region = click.option(
    "--region", default=lambda: os.environ.get("AWS_REGION", "us-east-1"), help="Where a URL does not say it."
)


@click.command("dead-letters")
@_cloud
@_dead_letters
@click.option("--most", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--show-body", is_flag=True, help="The messages too: they may hold what is confidential.")
@_region
@_explained
def dead_letters(cloud: str, dead_letters: str, most: int, show_body: bool, region: str) -> None:
    """Show what is in DEAD_LETTERS, and why. It stays there.

    DEAD_LETTERS is the stack's output of that name: the URL of a queue, on gcp a subscription.
    """
    letters = _queue(cloud, dead_letters, "", region).look(most)
    for letter in letters:
        reason = letter.reason or "given up by the platform: the function died or never answered"
        click.echo(f"{letter.code or '-':<20} {reason[:_SHOWN]}")
        if show_body:
            click.echo(f"    {letter.body[:_SHOWN]}")
    click.echo(f"{len(letters)} dead letters" + (" and maybe more" if len(letters) >= most else ""))


@click.command()
@_cloud
@_dead_letters
@click.argument("queue")
@_region
@_explained
def redrive(cloud: str, dead_letters: str, queue: str, region: str) -> None:
    """Put everything in DEAD_LETTERS back into QUEUE, to be processed again.

    Both are outputs of the stack: the URLs of queues, on gcp a subscription and a topic.
    """
    from rich.console import Console  # noqa: PLC0415 - slow to import

    if not queue:
        raise ValueError("QUEUE must not be empty")
    source = _queue(cloud, dead_letters, queue, region)
    with Console(stderr=True).status("0 messages put back") as status:
        count = source.redrive(lambda moved: status.update(f"{moved} messages put back"))
    click.echo(f"{count} messages put back")


def _queue(cloud: str, dead_letters: str, queue: str, region: str) -> DeadLetterQueue:
    if cloud == "aws":
        from serverless_ai_patterns.dead_letters.aws import SqsDeadLetterQueue  # noqa: PLC0415

        return SqsDeadLetterQueue(dead_letters, queue, region=region)
    if cloud == "azure":
        from serverless_ai_patterns.dead_letters.azure import StorageDeadLetterQueue  # noqa: PLC0415

        return StorageDeadLetterQueue(dead_letters, queue)
    from serverless_ai_patterns.dead_letters.gcp import PubSubDeadLetterQueue  # noqa: PLC0415

    return PubSubDeadLetterQueue(dead_letters, queue)
