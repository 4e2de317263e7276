"""Reads what a function process prints, and knows when everything printed so far has been read."""

from __future__ import annotations

import os
import select
import threading
from typing import Final

from serverless_ai_local.functions.platform_log import MAX_EVENT_BYTES, EnvironmentLog

_READ_BYTES: Final = 64 * 1024
_MOST_READS: Final = 256
"""A process that prints without end must not keep `drain` from returning."""
_FLUSH_S: Final = 0.3


class Output:
    """The pipe from a process's stdout and stderr into its log."""

    def __init__(self, descriptor: int, log: EnvironmentLog) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor, self._log = descriptor, log
        self._rest = b""
        self._ended = False
        threading.Thread(target=self._pump, daemon=True).start()

    def drain(self) -> None:
        """Read everything that was printed before this call."""
        with self._log.lock:
            for _ in range(_MOST_READS):
                if self._ended or not self._read():
                    return

    def finish(self) -> None:
        """The process has ended: read what is left, also a last line without an end."""
        with self._log.lock:
            self.drain()
            if self._rest:
                self._log.line(self._rest.decode(errors="replace"))
                self._rest = b""
        self._log.flush()

    def _read(self) -> bool:
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._ended = True
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._log.line(line.decode(errors="replace"))
        if len(self._rest) > MAX_EVENT_BYTES:
            self._log.line(self._rest.decode(errors="replace"))
            self._rest = b""
        return True

    def _pump(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        while not self._ended:
            age = self._log.age()
            poll.poll(None if age is None else max(0.0, _FLUSH_S - age) * 1000)
            self.drain()
            if (self._log.age() or 0.0) >= _FLUSH_S:
                self._log.flush()
        self._log.flush()
        os.close(self._descriptor)
