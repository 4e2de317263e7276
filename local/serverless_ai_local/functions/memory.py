"""How much memory a process has used, where the operating system says so cheaply."""

from __future__ import annotations

from pathlib import Path


def peak_mb(pid: int) -> int | None:
    """Most resident memory of a process so far, in MB; None without a /proc, or if the process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return None
