"""One instance: the function's source under Google's functions-framework, in a process group of its own."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from serverless_ai_local.functions.guard import Guard, kill_group
from serverless_ai_local.gcp.run.function import Function
from serverless_ai_local.gcp.services.metadata import MetadataServer

START_S: Final = 60.0
"""Cloud Run waits four minutes for the port; nobody waits that long at a desk."""
_POLL_S: Final = 0.02
_END_S: Final = 5.0


class StartError(Exception):
    """The process ended, or never listened; its log says why."""


class Instance:
    """Starts when it is made; `wait` until it listens. Ends with `kill`, or by itself."""

    def __init__(
        self,
        function: Function,
        under: Path,
        metadata: MetadataServer,
        services: Mapping[str, str],
        *,
        secrets: Mapping[str, str],
        guard: Guard,
        log: Callable[[str], None],
    ) -> None:
        """`services` are variables that point official libraries at this machine; `secrets` are
        variables that only its process knows; `log` gets each line.

        Raises `StartError` for a source that cannot be unpacked.
        """
        self.function, self.revision, self.port = function, function.revision, _free_port()
        self.in_flight, self.idle_since, self.retired = 0, time.monotonic(), False
        self._guard, self._log, self._metadata = guard, log, metadata
        self._ready = threading.Lock()
        self._listens = False
        self._root = Path(tempfile.mkdtemp(prefix=f"{function.name}-", dir=under))
        _unpack(function.source, self._root)
        command = [sys.executable, "-B", "-u", "-s", "-m", "functions_framework", "--host=127.0.0.1"]
        self._process = subprocess.Popen(
            [*command, f"--port={self.port}", f"--target={function.entry_point}"],
            cwd=self._root,
            env={**function.environment, **secrets, **services, **self._variables()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        guard.add(self._process.pid)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> None:
        """Until it listens. Raises `StartError`."""
        with self._ready:
            until = time.monotonic() + START_S
            while not self._listens:
                if not self.alive:
                    self._reader.join(_END_S)
                    raise StartError(f"the process ended with exit code {self._process.returncode}")
                if time.monotonic() > until:
                    raise StartError(f"it did not listen on PORT={self.port} within {START_S:.0f} s")
                self._listens = _listening(self.port)
                if not self._listens:
                    time.sleep(_POLL_S)

    def kill(self) -> None:
        """End the process and what it started; returns when it is gone."""
        kill_group(self._process.pid)
        self._process.wait(_END_S)
        self._guard.remove(self._process.pid)
        self._metadata.close()
        self._reader.join(_END_S)
        shutil.rmtree(self._root, ignore_errors=True)

    def _variables(self) -> dict[str, str]:
        """What Cloud Run gives a function, and what its base image has.

        Source: https://cloud.google.com/run/docs/container-contract, read 2026-11.
        """
        return {
            "PORT": str(self.port),
            "K_SERVICE": self.function.name,
            "K_REVISION": self.revision,
            "K_CONFIGURATION": self.function.name,
            "FUNCTION_TARGET": self.function.entry_point,
            "FUNCTION_SIGNATURE_TYPE": "http",
            "GCE_METADATA_HOST": self._metadata.address,
            "GCE_METADATA_IP": self._metadata.address,
            "HOME": str(self._root),
            "LANG": "C.UTF-8",
            "PATH": os.defpath,
            "PYTHONUNBUFFERED": "1",
        }

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._log(line.decode(errors="replace").rstrip("\r\n"))


def _unpack(source: bytes, into: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(source)) as archive:
            archive.extractall(into)
    except zipfile.BadZipFile:
        raise StartError("the source is not a zip file") from None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
