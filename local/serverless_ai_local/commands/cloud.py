"""`serverless-ai cloud`: the local cloud on its own, for `cdk deploy`, curl, aws and boto3 by hand."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import click

from serverless_ai_local import launch

DEFAULT_PORT = 4566
state_dir = click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".serverless-ai"),
    show_default=True,
    envvar="SERVERLESS_AI_STATE_DIR",
    help="Where the running cloud is noted.",
)


@contextmanager
def told() -> Generator[None]:
    """What the local cloud says is wrong, without a traceback."""
    try:
        yield
    except launch.CloudError as error:
        raise click.ClickException(str(error)) from error


def running(state: Path) -> launch.RunningCloud:
    """The running cloud, or an error that says how to start one."""
    cloud = launch.find(state)
    if cloud is None:
        raise click.ClickException(
            f"no local cloud is running (looked in {state}); start one: serverless-ai cloud start"
        )
    return cloud


@click.group()
def cloud() -> None:
    """The local cloud: start it, then use any AWS tool against it. It forgets everything when it stops."""


@cloud.command()
@state_dir
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="0 takes a free one.",
)
def start(state_dir: Path, port: int) -> None:
    """Start the local cloud in the background."""
    with told():
        started = launch.start(state_dir, port)
    click.echo(f"local cloud at {started.url} (pid {started.pid}); nothing here is AWS")
    click.echo('use it:  eval "$(serverless-ai cloud env)"')


@cloud.command()
@state_dir
def stop(state_dir: Path) -> None:
    """Stop it, with every function process; its content is gone."""
    found = running(state_dir)
    found.stop()
    click.echo(f"stopped the local cloud at {found.url}")


@cloud.command()
@state_dir
def status(state_dir: Path) -> None:
    """Say where it runs and what is deployed."""
    found = running(state_dir)
    click.echo(f"local cloud at {found.url} (pid {found.pid})")
    stacks = found.client("cloudformation").describe_stacks()["Stacks"]
    for stack in stacks:
        click.echo(f"  stack {stack['StackName']}: {stack['StackStatus']}")
    for function in found.client("lambda").list_functions()["Functions"]:
        click.echo(f"  function {function['FunctionName']}")


@cloud.command()
@state_dir
@click.option("--json", "as_json", is_flag=True, help="As a JSON object instead of shell exports.")
def env(state_dir: Path, as_json: bool) -> None:
    """Print the environment that points AWS tools at it."""
    variables = running(state_dir).env()
    if as_json:
        click.echo(json.dumps(variables, indent=2))
        return
    for name, value in variables.items():
        click.echo(f"export {name}={value}")


@cloud.command()
@state_dir
@click.argument("schedule")
@click.option("--group", default="default", show_default=True)
def fire(state_dir: Path, schedule: str, group: str) -> None:
    """Fire a schedule now instead of waiting for its time."""
    found = running(state_dir)
    with told():
        click.echo(json.dumps(found.admin("POST", f"schedules/{quote(group)}/{quote(schedule)}/fire")))
