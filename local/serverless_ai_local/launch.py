"""Start the local cloud as its own process, find a running one, stop it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from serverless_ai_local.aws import clients
from serverless_ai_local.aws.clients import REGION, ROOT, Credentials

STATE_FILE: Final = "cloud.json"
LOG_FILE: Final = "cloud.log"
START_S: Final = 60.0
STOP_S: Final = 10.0
LOG_TAIL_LINES: Final = 20


class CloudError(RuntimeError):
    """The local cloud did not start, or did not do what was asked; the text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningCloud:
    """A local cloud that answered when this object was made."""

    url: str
    pid: int
    port: int
    state_dir: Path

    def env(self) -> dict[str, str]:
        """Variables that point aws, boto3, cdk and Google's libraries at this cloud alone."""
        host = self.url.partition("://")[2]
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": ROOT.access_key,
            "AWS_SECRET_ACCESS_KEY": ROOT.secret_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "FIRESTORE_EMULATOR_HOST": host,
            "PUBSUB_EMULATOR_HOST": host,
            "STORAGE_EMULATOR_HOST": self.url,
        }

    def client(self, service: str, credentials: Credentials | None = None) -> Any:
        """A botocore client of this cloud; as administrator unless other credentials are given."""
        return clients.client(service, self.url, credentials=credentials or ROOT)

    def admin(self, method: Literal["GET", "POST", "DELETE"], path: str, body: object = None) -> Any:
        """Call the admin API, e.g. `admin("GET", "status")`. Raises `CloudError` with what it answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, f"/_local/{path}", content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
        except OSError as error:
            raise CloudError(f"the local cloud at {self.url} does not answer: {error}") from error
        finally:
            connection.close()
        if response.status >= 400:
            raise CloudError(f"{method} /_local/{path}: {response.status} {text.decode(errors='replace')}")
        return json.loads(text) if text else None

    def stop(self) -> None:
        """End it with every process it started; returns when it is gone. Does nothing if it is already."""
        for number, patience in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, STOP_S)):
            if not _signal(self.pid, number) or _gone(self.pid, patience):
                break
        (self.state_dir / STATE_FILE).unlink(missing_ok=True)


def start(
    state_dir: Path, port: int = 0, env: Mapping[str, str] | None = None, *, parent: int | None = None
) -> RunningCloud:
    """Start a local cloud and wait until it answers.

    `port` 0 takes a free one; `env` is added to this process's environment; with `parent` it ends when that
    process is gone. Raises `CloudError` with the end of its log if it does not come up, or if one runs here.
    """
    running = find(state_dir)
    if running is not None:
        raise CloudError(f"a local cloud already runs at {running.url} (pid {running.pid}, {state_dir})")
    command = [sys.executable, "-m", "serverless_ai_local.server", "--port", str(port)]
    command += ["--state", str(state_dir)]
    if parent is not None:
        command += ["--parent", str(parent)]
    log = state_dir / LOG_FILE
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        output = log.open("wb")
    except OSError as error:
        raise CloudError(f"the state directory {state_dir} cannot be written: {error.strerror}") from error
    with output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        running = _ready(process, state_dir)
    finally:
        if running is None:  # also when Ctrl-C ended the waiting: nobody would know of it
            _end(process)
    if running is None:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
        raise CloudError(
            f"the local cloud did not start (exit code {process.returncode}, log {log}):\n{tail}"
        )
    return running


def _ready(process: subprocess.Popen[bytes], state_dir: Path) -> RunningCloud | None:
    """The cloud when it answers; None when it has ended or takes too long."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        running = find(state_dir)
        if running is not None and running.pid == process.pid:
            return running
        time.sleep(0.02)
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def find(state_dir: Path) -> RunningCloud | None:
    """The cloud that runs with this state directory; None if there is none, also if a crash left its note."""
    try:
        note = json.loads((state_dir / STATE_FILE).read_text())
        found = RunningCloud(url=note["url"], pid=note["pid"], port=note["port"], state_dir=state_dir)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        status = found.admin("GET", "status")
    except (CloudError, ValueError):
        return None
    return found if status.get("pid") == found.pid else None


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _gone(pid: int, patience: float) -> bool:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        with contextlib.suppress(ChildProcessError):  # another process may have started it
            os.waitpid(pid, os.WNOHANG)
        if not _signal(pid, 0):
            return True
        time.sleep(0.02)
    return False
