"""`serverless-ai run`: local cloud, real deployment, a question over HTTP, and the bill."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from serverless_ai_local import launch
from serverless_ai_local.ask import AskError, Reply, ask, ask_with_token
from serverless_ai_local.azure import caller as azure
from serverless_ai_local.commands import pipeline_run, rag_run, run_report
from serverless_ai_local.commands.stopping import interruptible
from serverless_ai_local.gcp import caller as google
from serverless_ai_local.targets import Deployed, DeployError, ProgressEvent
from serverless_ai_patterns.catalogue import Pattern, find

QUESTION = "What is a dead-letter queue for? A dead-letter queue keeps messages that could not be processed."
TARGETS = ("cdk", "pulumi-aws", "pulumi-azure", "pulumi-gcp")


@click.command()
@click.argument("pattern", default="function_llm")
@click.option("--target", type=click.Choice(TARGETS), default="cdk", show_default=True)
@click.option(
    "--ask",
    "question",
    default=QUESTION,
    show_default=True,
    help="The question, or the text of the document that is uploaded.",
)
@click.option(
    "--save-svg", type=click.Path(path_type=Path, dir_okay=False), help="Save the output as a picture."
)
def run(pattern: str, target: str, question: str, save_svg: Path | None) -> None:
    """Deploy PATTERN with TARGET onto a fresh local cloud, try it out, show what was made."""
    entry = _entry(pattern, target)
    checkout = _checkout()
    console = Console(record=save_svg is not None)
    console.print(
        f"[bold]{entry.title}[/] by {target}, on a cloud on this machine ([bold]local[/], no account)"
    )
    try:
        with interruptible(), _cloud() as cloud:
            deployed = _deploy(console, cloud, entry, target, checkout)
            _try_out(console, cloud, entry.slug, target, deployed=deployed, text=question)
            run_report.created(console, deployed.graph)
        run_report.real_account(console, entry, target)
    except (DeployError, AskError, launch.CloudError) as error:
        raise click.ClickException(str(error)) from error
    if save_svg is not None:
        console.save_svg(str(save_svg), title=f"make run TARGET={target}")


def _entry(slug: str, target: str) -> Pattern:
    try:
        entry = find(slug)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    cloud = "aws" if target == "cdk" else target.removeprefix("pulumi-")
    if cloud not in entry.clouds:
        raise click.BadParameter(f"{slug} is on {', '.join(entry.clouds)} so far, not on {cloud}")
    return entry


def _checkout() -> Path:
    """The checkout around the working directory: the programs are there and not in the wheel."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "cdk" / "cdk.json").exists():
            return folder
    raise click.ClickException("run this in a checkout of serverless-ai-patterns: cdk/cdk.json was not found")


@contextlib.contextmanager
def _cloud() -> Generator[launch.RunningCloud]:
    """A cloud of its own on a free port; nothing of it outlives the command."""
    state = Path(tempfile.mkdtemp(prefix="serverless-ai-"))
    try:
        cloud = launch.start(state, parent=os.getpid())
        try:
            yield cloud
        finally:
            cloud.stop()
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _deploy(
    console: Console, cloud: launch.RunningCloud, entry: Pattern, target: str, checkout: Path
) -> Deployed:
    started = time.monotonic()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"Deploying {entry.class_name} with {target} ...")
        made: set[str] = set()

        def show(event: ProgressEvent) -> None:
            if event.status.upper().startswith("CREATE"):
                made.add(event.resource)
            progress.update(task, description=f"{len(made):>3} {event.status} {event.type} {event.resource}")

        deployed = _with_target(cloud, entry, target, checkout, show)
    console.print(f"Deployed {len(deployed.graph)} resources in {time.monotonic() - started:.1f} s")
    return deployed


def _with_target(
    cloud: launch.RunningCloud, entry: Pattern, target: str, checkout: Path, show: run_report.Show
) -> Deployed:
    # Imported here: who runs CDK has no Pulumi SDK installed.
    if target == "cdk":
        from serverless_ai_local.targets.cdk import Cdk  # noqa: PLC0415

        cdk = Cdk(cloud=cloud, app_dir=checkout / "cdk")
        cdk.bootstrap()
        return cdk.deploy(entry.class_name, show)
    from serverless_ai_local.targets.pulumi_program import PulumiProgram  # noqa: PLC0415

    program = PulumiProgram(
        cloud=cloud,
        program_dir=checkout / "pulumi/stacks" / target.removeprefix("pulumi-"),
        stack=entry.slug.replace("_", "-"),
        config=_CONFIG.get(target, {}),
    )
    return program.deploy(show)


_CONFIG: Final[Mapping[str, Mapping[str, str]]] = {
    "pulumi-azure": azure.CONFIG,
    "pulumi-gcp": google.CONFIG,
}
"""Who may call, where the program must be told."""


def _try_out(
    console: Console, cloud: launch.RunningCloud, slug: str, target: str, *, deployed: Deployed, text: str
) -> None:
    if slug == "event_pipeline":
        pipeline_run.process_one(console, cloud, target, deployed.outputs, text)
    elif slug == "rag":
        rag_run.answer_one(console, cloud, target, deployed.outputs, text)
    else:
        _ask(console, cloud, target, deployed, text)


def _ask(
    console: Console, cloud: launch.RunningCloud, target: str, deployed: Deployed, question: str
) -> None:
    endpoint = deployed.outputs["endpoint"]
    asked: dict[str, tuple[str, Callable[[], Reply]]] = {
        "pulumi-azure": (
            f"with a token of Entra for {azure.NAME}",
            lambda: ask_with_token(endpoint, question, azure.token(cloud)),
        ),
        "pulumi-gcp": (
            f"with an ID token of {google.EMAIL}",
            lambda: ask_with_token(endpoint, question, google.id_token(cloud, endpoint)),
        ),
    }
    how, send = asked.get(target, ("signed with SigV4", lambda: ask(endpoint, question)))
    console.print(f"\nPOST {endpoint}/chat, {how}", highlight=False)
    console.print(f"  [bold]question[/]  {escape(question)}", highlight=False)
    reply = send()
    console.print(f"  [bold]answer[/]    {escape(reply.answer)}", highlight=False)
    console.print(
        f"  [dim]{reply.model}, {reply.tokens} tokens, {reply.seconds * 1000:.0f} ms, the first call[/]\n"
    )
