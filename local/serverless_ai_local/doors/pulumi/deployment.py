"""Preview, up and destroy of an unmodified Pulumi program on the local cloud."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pulumi.runtime.proto import resource_pb2

from serverless_ai_local.doors.pulumi import config as stack_config
from serverless_ai_local.doors.pulumi import placing, program
from serverless_ai_local.doors.pulumi import project as projects
from serverless_ai_local.doors.pulumi.clouds import Cloud, CloudError, Clouds
from serverless_ai_local.doors.pulumi.config import Config
from serverless_ai_local.doors.pulumi.engine import Engine, require_version
from serverless_ai_local.doors.pulumi.monitor import Monitor
from serverless_ai_local.doors.pulumi.project import Project
from serverless_ai_local.doors.pulumi.report import Report
from serverless_ai_local.doors.pulumi.results import ProgramError, RefusedError, Result, StepEvent
from serverless_ai_local.doors.pulumi.state import State
from serverless_ai_local.doors.pulumi.steps import Steps
from serverless_ai_local.doors.pulumi.update import StoppedError, Update
from serverless_ai_local.doors.pulumi.values import secrets_in

STATUS_TIMEOUT_S = 5.0


class Deployment:
    """One program and stack against one local cloud.

    The program runs with this interpreter, whose packages it must find; `runtime.options` of its Pulumi.yaml
    (virtualenv, toolchain) are not followed. Timeouts of resources have no meaning here: nothing takes long.
    All methods raise `ProgramError` with a text for its author.
    """

    def __init__(
        self,
        program_dir: Path,
        stack: str,
        *,
        endpoint: str,
        state_dir: Path,
        config: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        on_event: Callable[[StepEvent], None] | None = None,
        clouds: Mapping[str, Cloud] | None = None,
    ) -> None:
        """`config` and `secrets` are added to the stack's file, as by `pulumi config set`.

        `clouds` answer for provider packages instead of this project's own.
        """
        self._program_dir = program_dir
        self._stack = stack
        self._endpoint = endpoint
        self._state_dir = state_dir
        self._config = config or {}
        self._secrets = secrets or {}
        self._on_event = on_event
        self._clouds = Clouds(clouds)

    def preview(self) -> Result:
        """What `up` would do. Nothing is called and nothing is saved."""
        return self._run(dry=True)

    def up(self) -> Result:
        """Make it so. What was made before a failure stays, and the next `up` goes on from there."""
        return self._run(dry=False)

    def destroy(self) -> Result:
        """Delete everything the stack made, dependents first. The program is not run."""
        report = Report(self._on_event)
        try:
            project = projects.load(self._program_dir)
            state = self._state(project, report)
            steps = self._steps(state, report, project, dry=False)
            steps.delete_all(state.entries)
            state.remove_file()
        except (RefusedError, CloudError) as error:
            raise ProgramError(report.clean(f"destroy: {error}"), report.steps) from error
        return Result(steps=tuple(report.steps), warnings=tuple(report.warnings))

    def _run(self, *, dry: bool) -> Result:
        report = Report(self._on_event)
        try:
            update = self._update(report, dry=dry)
        except (RefusedError, CloudError) as error:
            report.problem(str(error))
            raise ProgramError(_failure(report, dry=dry), report.steps) from error
        if report.problems:
            raise ProgramError(_failure(report, dry=dry), report.steps)
        if not dry:
            update.state.outputs = update.outputs
            update.state.save()
        return Result(
            steps=tuple(report.steps),
            outputs=dict(update.outputs),
            graph=placing.graph(update.state.entries, self._clouds, report),
            warnings=tuple(report.warnings),
        )

    def _update(self, report: Report, *, dry: bool) -> Update:
        project, config = self._read(report)
        saved = self._state(project, report)
        steps = self._steps(saved.rehearsal() if dry else saved, report, project, dry=dry)
        update = Update(steps, project=project.name, stack=self._stack, config=config)
        self._run_program(project, config, update)
        if not report.problems:
            update.finish()
        return update

    def _read(self, report: Report) -> tuple[Project, Config]:
        if not hasattr(resource_pb2, "ResourceMonitorFeature"):
            raise RefusedError(
                "the installed pulumi SDK is too old for the local cloud: pip install -U pulumi"
            )
        project = projects.load(self._program_dir)
        if project.requires:
            require_version(project.requires)
        for value in self._secrets.values():
            report.secret(value)
        config = stack_config.load(project, self._stack, self._config, self._secrets)
        for key in config.secret_keys:
            report.secret(config.values[key])
        return project, config

    def _run_program(self, project: Project, config: Config, update: Update) -> None:
        report = update.steps.report
        engine = Engine(report)
        monitor = Monitor(
            update,
            project=project.name,
            stack=self._stack,
            folder=project.program.parent,
            root=project.folder,
        )
        with program.serve(monitor, engine) as address:
            code = program.run(
                address,
                project,
                self._stack,
                config,
                report,
                environment=self._clouds.environment(os.environ, self._endpoint),
                dry=update.steps.dry,
            )
        # What a failed registration raises in the program is not news.
        told = (*report.problems, StoppedError.TEXT)
        for text in map(report.clean, engine.errors):
            if not any(problem in text for problem in told):
                report.problem(text)
        if code and not report.problems:
            report.problem(f"{project.program.name} ended with exit code {code}")

    def _state(self, project: Project, report: Report) -> State:
        """The stack's state, if the cloud it was made on is still the same one."""
        state = State.load(self._state_dir / f"{project.name}.{self._stack}.json")
        for entry in state.entries:
            for leaf in secrets_in([entry.inputs, entry.outputs]):
                report.secret(leaf)
        cloud = _instance(self._endpoint)
        if state.cloud is not None and cloud is not None and state.cloud != cloud:
            if state.entries:
                report.message("warning", "the local cloud was started anew and has forgotten this stack")
            state = State(state.file)
        state.cloud = cloud or state.cloud
        for urn, operation in state.begun.items():
            report.message(
                "warning",
                f"{urn}: a {operation} was interrupted last time; the cloud may hold a remnant of it",
            )
        state.begun = {}
        return state

    def _steps(self, state: State, report: Report, project: Project, *, dry: bool) -> Steps:
        return Steps(
            state=state,
            clouds=self._clouds,
            report=report,
            endpoint=self._endpoint,
            stack=f"{project.name}-{self._stack}",
            dry=dry,
        )


def _instance(endpoint: str) -> int | None:
    """Which run of the local cloud answers at `endpoint`; None if it does not say."""
    parts = urlsplit(endpoint)
    connection = http.client.HTTPConnection(parts.netloc, timeout=STATUS_TIMEOUT_S)
    try:
        connection.request("GET", "/_local/status")
        response = connection.getresponse()
        status: Any = json.loads(response.read()) if response.status == 200 else {}
        return status["pid"]
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _failure(report: Report, *, dry: bool) -> str:
    text = "\n".join(dict.fromkeys(report.problems))
    done = [step for step in report.steps if step.op not in ("same", "read")]
    if dry or not done:
        return text
    return (
        f"{text}\n{len(done)} steps were done before and are kept in the stack's state: "
        "run up again to go on, or destroy"
    )
