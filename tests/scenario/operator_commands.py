"""The command line as an operator of a pipeline runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping


def serverless_ai(*arguments: str, env: Mapping[str, str]) -> str:
    """What `serverless-ai ARGUMENTS` printed; fails with its error."""
    command = [sys.executable, "-m", "serverless_ai_patterns.cli", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
