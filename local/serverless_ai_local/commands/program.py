"""`serverless-ai preview|up|destroy`: an unmodified Pulumi program against the running local cloud."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from serverless_ai_local.commands.cloud import running, state_dir
from serverless_ai_local.doors.pulumi import Deployment, ProgramError, Result

STYLES = {"create": "green", "update": "yellow", "replace": "magenta", "delete": "red", "same": "dim"}

Command = Callable[..., Any]


def _options(command: Command) -> Command:
    for option in (
        click.argument("program_dir", type=click.Path(path_type=Path, exists=True, file_okay=False)),
        click.option("--stack", default="dev", show_default=True),
        click.option("--config", multiple=True, metavar="KEY=VALUE", help="As `pulumi config set`."),
        click.option("--secret", multiple=True, metavar="KEY=VALUE", help="As `pulumi config set --secret`."),
        state_dir,
    ):
        command = option(command)
    return command


@click.command()
@_options
def preview(**options: Any) -> None:
    """Show what `up` would do to PROGRAM_DIR's stack on the local cloud."""
    _show(_deployment(**options).preview, "preview")


@click.command()
@_options
def up(**options: Any) -> None:
    """Deploy PROGRAM_DIR's stack onto the local cloud."""
    _show(_deployment(**options).up, "up")


@click.command()
@_options
def destroy(**options: Any) -> None:
    """Delete all that PROGRAM_DIR's stack made on the local cloud."""
    _show(_deployment(**options).destroy, "destroy")


def _deployment(
    program_dir: Path, stack: str, config: tuple[str, ...], secret: tuple[str, ...], state_dir: Path
) -> Deployment:
    return Deployment(
        program_dir,
        stack,
        endpoint=running(state_dir).url,
        state_dir=state_dir / "pulumi",
        config=dict(map(_pair, config)),
        secrets=dict(map(_pair, secret)),
    )


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"must be KEY=VALUE, got {text!r}")
    return key, value


def _show(action: Callable[[], Result], verb: str) -> None:
    try:
        result = action()
    except ProgramError as error:
        raise click.ClickException(str(error)) from error
    table = Table(title=f"{verb} on the local cloud", title_justify="left")
    for heading in ("", "Type", "Name", "Changed"):
        table.add_column(heading)
    for step in result.steps:
        table.add_row(step.op, step.type, step.name, ", ".join(step.diff), style=STYLES.get(step.op, ""))
    console = Console()
    console.print(table)
    for name, value in result.outputs.items():
        console.print(f"  {name}: {value}", highlight=False, soft_wrap=True)
