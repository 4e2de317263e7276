"""A small process that outlives its parent by a moment: kills the function processes and removes their files.

A killed server (SIGKILL) cannot clean up, and a function that sleeps does not notice that it is gone. The
guard reads process group ids from its standard input (`+123`, `-123`); its end means that the server is gone.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path


class Guard:
    """The server's side: tell it which groups live."""

    def __init__(self, root: Path) -> None:
        """Watch over the process groups to come, and over the files under `root`."""
        self._lock = threading.Lock()
        command = [sys.executable, "-I", "-S", __file__, str(root)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, env={}, start_new_session=True)

    def add(self, group: int) -> None:
        """This group was started."""
        self._tell(f"+{group}")

    def remove(self, group: int) -> None:
        """This group has ended; its id may be used by others from now on."""
        self._tell(f"-{group}")

    def close(self) -> None:
        """Kill what is left, remove the files, and wait until that is done."""
        with self._lock:
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        with self._lock:
            stdin = self._process.stdin
            if stdin is not None and not stdin.closed:
                stdin.write(f"{line}\n".encode())
                stdin.flush()


def kill_group(group: int) -> None:
    """SIGKILL to every process of the group; nothing happens if there is none left."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # macOS says EPERM for a group that holds only a process that has ended but was not waited for.
        return


def main() -> None:
    """Read until the server closes the pipe or dies."""
    groups: set[int] = set()
    for line in sys.stdin:
        number = int(line[1:])
        if line[0] == "+":
            groups.add(number)
        else:
            groups.discard(number)
    for group in groups:
        kill_group(group)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
