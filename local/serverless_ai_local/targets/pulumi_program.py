"""An unmodified Pulumi program against the local cloud: preview, up, destroy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from serverless_ai_local.doors.pulumi import Deployment, ProgramError, Result, StepEvent
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets.base import Deployed, DeployError, Progress, ProgressEvent


@dataclass(kw_only=True)
class PulumiProgram:
    """One program and stack. Its state lives beside the cloud's and dies with it."""

    cloud: RunningCloud
    program_dir: Path
    stack: str
    config: Mapping[str, str] = field(default_factory=dict[str, str])

    def deploy(self, progress: Progress | None = None) -> Deployed:
        """`pulumi up`; raises `DeployError` with the program's or the cloud's own words."""
        result = self.up(progress)
        return Deployed(
            outputs={name: str(value) for name, value in result.outputs.items()}, graph=tuple(result.graph)
        )

    def preview(self) -> Result:
        return self._run("preview", None)

    def up(self, progress: Progress | None = None) -> Result:
        return self._run("up", progress)

    def destroy(self, progress: Progress | None = None) -> Result:
        return self._run("destroy", progress)

    def _run(self, action: str, progress: Progress | None) -> Result:
        def report(event: StepEvent) -> None:
            if progress is not None:
                progress(ProgressEvent(resource=event.name, type=event.type, status=event.status))

        deployment = Deployment(
            self.program_dir,
            self.stack,
            endpoint=self.cloud.url,
            state_dir=self.cloud.state_dir / "pulumi",
            config=self.config,
            on_event=report,
        )
        try:
            return getattr(deployment, action)()
        except ProgramError as error:
            raise DeployError(str(error)) from error
