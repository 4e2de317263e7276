"""Processes, as the operating system tells their owner of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def environment(pid: int) -> str:
    """The variables that a process was started with, as one text."""
    kept = Path(f"/proc/{pid}/environ")
    if kept.exists():
        return kept.read_text()
    command = ["ps", "eww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def alive(pid: int) -> bool:
    """Whether it runs; one that has ended and was not waited for does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):  # the latter: it went between two looks
        return False
