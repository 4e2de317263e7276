"""Time of `cdk synth` by the pinned CLI: an empty stack, and the app of this repository."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from measure import Result, Subject, interleaved

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent
EMPTY: Final = "empty stack"


def synths(rounds: int) -> dict[str, Result]:
    """Times of `rounds` rounds; raises `FailedError` when a synth fails."""
    cdk = str(ROOT / "node_modules" / ".bin" / "cdk")
    env = {
        **os.environ,
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "CDK_DISABLE_VERSION_CHECK": "1",
    }
    apps = {EMPTY: HERE / "programs" / "empty_stack.py", "Function + LLM": ROOT / "cdk" / "app.py"}
    with tempfile.TemporaryDirectory() as folder:
        subjects = [
            Subject(
                name=name,
                command=(cdk, "synth", "--quiet", "--app", f"{sys.executable} {app}", "--output", out),
                env=env,
                cwd=ROOT / "cdk",
            )
            for name, app in apps.items()
            for out in (f"{folder}/{app.stem}",)
        ]
        return interleaved(subjects, rounds, warm_up=0)
