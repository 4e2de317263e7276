"""The real CDK CLI against the local cloud: bootstrap, deploy, destroy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serverless_ai_local.graph import Resource
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets.base import Deployed, DeployError, Progress, ProgressEvent, neutral

ACCOUNT = "123456789012"
POLL_SECONDS = 0.25


def cli(start: Path) -> str:
    """The CDK CLI pinned by the checkout around `start`, else the one on PATH."""
    for folder in (start, *start.parents):
        pinned = folder / "node_modules" / ".bin" / "cdk"
        if pinned.exists():
            return str(pinned)
    found = shutil.which("cdk")
    if found is None:
        raise DeployError("the CDK CLI was not found: npm install aws-cdk@2.1148.1")
    return found


@dataclass(kw_only=True)
class Cdk:
    """One CDK app against one local cloud. `context` becomes `-c key=value`."""

    cloud: RunningCloud
    app_dir: Path
    context: Mapping[str, str] = field(default_factory=dict[str, str])
    python: str = sys.executable
    region: str = "us-east-1"
    cli_from: Path | None = None
    """Where to look for the pinned CLI; the app's folder and those around it unless given."""

    def bootstrap(self) -> None:
        """What `cdk deploy` needs in an account once: a bucket for assets, and roles."""
        self._run("bootstrap", "--app", "", f"aws://{ACCOUNT}/{self.region}")

    def deploy(self, stack: str, progress: Progress | None = None) -> Deployed:
        """`cdk deploy`; raises `DeployError` with the CLI's own words."""
        outputs_file = self.cloud.state_dir / f"{stack}.outputs.json"
        with self._following(stack, progress):
            self._run(
                "deploy",
                stack,
                *self._app(),
                "--require-approval",
                "never",
                "--outputs-file",
                str(outputs_file),
            )
        outputs: dict[str, dict[str, str]] = json.loads(outputs_file.read_text())
        return Deployed(
            outputs={neutral(name): value for name, value in outputs.get(stack, {}).items()},
            graph=self.graph(stack),
        )

    def destroy(self, stack: str) -> None:
        self._run("destroy", stack, *self._app(), "--force")

    def diff(self, stack: str) -> str:
        return self._run("diff", stack, *self._app())

    def graph(self, stack: str) -> tuple[Resource, ...]:
        """What the stack is made of, as the local cloud resolved it."""
        found: list[dict[str, Any]] = self.cloud.admin("GET", f"stacks/{stack}")["resources"]
        return tuple(
            Resource(
                name=one["name"],
                type=one["type"],
                properties=one["properties"],
                physical_id=one["physical_id"],
                depends_on=tuple(one["depends_on"]),
            )
            for one in found
        )

    def _app(self) -> Sequence[str]:
        settings = [part for key, value in self.context.items() for part in ("-c", f"{key}={value}")]
        output = self.cloud.state_dir / "cdk.out"
        return ("--app", f'"{self.python}" app.py', "--output", str(output), *settings)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [
                cli(self.cli_from or self.app_dir),
                *arguments,
                "--no-color",
                "--no-notices",
                "--no-version-reporting",
            ],
            cwd=self.app_dir,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DeployError(f"cdk {arguments[0]} failed:\n{done.stdout[-6000:]}{done.stderr[-6000:]}")
        return done.stdout + done.stderr

    def _environment(self) -> dict[str, str]:
        """The caller's environment without its AWS settings: nothing may reach a real account from here."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CDK_"))}
        return {
            **inherited,
            **self.cloud.env(),
            "CI": "true",
            # The template is validated in the tests; here the validator would double the time of a synth.
            "CDK_VALIDATION": "false",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            # The notice of Node's end of life repeats on every run; the README says which Node is advised.
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        }

    @contextmanager
    def _following(self, stack: str, progress: Progress | None) -> Generator[None]:
        """Report the stack's events to `progress` while the CLI runs."""
        if progress is None:
            yield
            return
        done = threading.Event()
        follower = threading.Thread(target=self._follow, args=(stack, progress, done), daemon=True)
        follower.start()
        try:
            yield
        finally:
            done.set()
            follower.join()

    def _follow(self, stack: str, progress: Progress, done: threading.Event) -> None:
        client = self.cloud.client("cloudformation")
        seen: set[str] = {event["EventId"] for event in _events(client, stack)}
        last = False
        while not last:
            last = done.wait(POLL_SECONDS)
            for event in reversed(_events(client, stack)):
                if event["EventId"] in seen:
                    continue
                seen.add(event["EventId"])
                progress(
                    ProgressEvent(
                        resource=event["LogicalResourceId"],
                        type=event["ResourceType"],
                        status=event["ResourceStatus"],
                        reason=event.get("ResourceStatusReason", ""),
                    )
                )


def _events(client: Any, stack: str) -> list[dict[str, Any]]:
    try:
        return client.describe_stack_events(StackName=stack)["StackEvents"]
    except client.exceptions.ClientError:
        return []  # the stack does not exist yet
