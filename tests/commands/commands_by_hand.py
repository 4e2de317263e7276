"""The command line as its users have it: processes, with their files in a folder of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

COMMAND = str(Path(sys.executable).parent / "serverless-ai")


@dataclass
class Commands:
    """`serverless-ai` with its temporary files, and the state of its cloud, under one folder."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def environment(self, **variables: str) -> dict[str, str]:
        own = {"TMPDIR": str(self.folder), "SERVERLESS_AI_STATE_DIR": str(self.state)}
        return {**os.environ, **own, **variables}

    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            [COMMAND, *arguments],
            env=self.environment(**variables),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )

    def begun(self, *arguments: str, folder: Path | None = None) -> subprocess.Popen[str]:
        """Start it, to be interrupted: as from a terminal, where Ctrl-C is heard."""
        return subprocess.Popen(
            [COMMAND, *arguments],
            env=self.environment(),
            cwd=folder or self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads
        )

    def processes(self) -> list[str]:
        """Command lines of what still runs with something of the folder in its hands."""
        found: list[str] = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) != os.getpid():
                try:
                    told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
                    line = (process / "cmdline").read_bytes()
                except OSError:
                    continue
                if str(self.folder).encode() in told and line:  # a zombie has none
                    found.append(line.replace(b"\0", b" ").decode(errors="replace"))
        return found


def eventually(look: Callable[[], object], within: float = 60.0) -> None:
    """Wait until `look` says yes."""
    end = time.monotonic() + within
    while not look():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
