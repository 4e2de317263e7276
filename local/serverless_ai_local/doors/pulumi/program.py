"""The program in its own process, and the gRPC server it talks to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import grpc
from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2_grpc

from serverless_ai_local.doors.pulumi.config import Config
from serverless_ai_local.doors.pulumi.engine import Engine
from serverless_ai_local.doors.pulumi.monitor import Monitor
from serverless_ai_local.doors.pulumi.project import Project
from serverless_ai_local.doors.pulumi.report import Report
from serverless_ai_local.doors.pulumi.wire import MAX_MESSAGE_BYTES

CHILD: Final = Path(__file__).with_name("child.py")
THREADS: Final = 64
"""A registration holds its thread while a transform of the program is called, which may ask for more."""
STOP_S: Final = 5.0
"""How long answers and printed lines may still be on their way when the program has ended."""
POLL_S: Final = 0.1


@contextmanager
def serve(monitor: Monitor, engine: Engine) -> Generator[str]:
    """The address that monitor and engine listen on; ends when every call under way has ended."""
    size = [(f"grpc.max_{way}_message_length", MAX_MESSAGE_BYTES) for way in ("send", "receive")]
    server: Any = grpc.server(futures.ThreadPoolExecutor(THREADS), options=size)  # pyright: ignore[reportUnknownMemberType]
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port: int = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(STOP_S).wait()
        monitor.wait_until_idle()


def run(
    address: str,
    project: Project,
    stack: str,
    config: Config,
    report: Report,
    *,
    environment: Mapping[str, str],
    dry: bool,
) -> int:
    """Run the program to its end; what it prints becomes messages. Returns its exit code."""
    variables = {
        **environment,
        "PULUMI_CONFIG": json.dumps(dict(config.values)),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(sorted(config.secret_keys)),
        "PYTHONUNBUFFERED": "1",
    }
    place = [str(project.folder), str(project.program)]
    arguments = [address, str(os.getpid()), project.name, stack, str(dry).lower(), *place]
    process = subprocess.Popen(
        [sys.executable, "-u", str(CHILD), *arguments],
        cwd=project.program.parent,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    assert process.stderr is not None
    readers = [
        threading.Thread(target=_relay, args=(stream, report), daemon=True)
        for stream in (process.stdout, process.stderr)
    ]
    for reader in readers:
        reader.start()
    try:
        # Not `process.wait`: after Ctrl-C that lets the program go on for a while.
        while process.poll() is None:
            readers[0].join(POLL_S)
        for reader in readers:
            reader.join(STOP_S)
        return process.returncode
    finally:
        process.kill()
        process.wait()


def _relay(stream: IO[str], report: Report) -> None:
    with stream:
        for line in stream:
            report.message("output", line.rstrip("\n"))
