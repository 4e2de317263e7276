"""The command line as an operator of a pipeline runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Protocol


class Operated(Protocol):
    """A world whose dead letters are looked at and put back by the command line."""

    outputs: Mapping[str, str]
    provider: str
    """As the commands name the cloud."""

    def login(self) -> Mapping[str, str]:
        """Variables of whoever is logged in."""
        ...

    def redrive(self, variant: str = "main") -> str:
        """See `PipelineWorld`."""
        letters, queue = (self.outputs[f"{variant}_{output}"] for output in ("dead_letters", "queue"))
        return _said("redrive", self.provider, letters, queue, env=self.login())

    def show_dead_letters(self, variant: str = "main") -> str:
        """See `PipelineWorld`."""
        letters = self.outputs[f"{variant}_dead_letters"]
        return _said("dead-letters", self.provider, letters, "--most", "50", env=self.login())


def _said(*arguments: str, env: Mapping[str, str]) -> str:
    """What `serverless-ai ARGUMENTS` printed; fails with its error."""
    command = [sys.executable, "-m", "serverless_ai_patterns.cli", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
