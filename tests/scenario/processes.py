"""What a process was given, as the operating system tells its owner."""

from __future__ import annotations

import subprocess
from pathlib import Path


def environment(pid: int) -> str:
    """The variables that a process was started with, as one text."""
    kept = Path(f"/proc/{pid}/environ")
    if kept.exists():
        return kept.read_text()
    command = ["ps", "eww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
