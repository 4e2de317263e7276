"""Runs a Pulumi program in this process, as the CLI's language host does. A script: imports nothing of ours.

Usage: child.py ADDRESS ENGINE PROJECT STACK DRY_RUN ROOT PROGRAM, with the configuration in PULUMI_CONFIG and
PULUMI_CONFIG_SECRET_KEYS; ENGINE is the pid of the process that listens at the address. The exit code is 1 if
the program failed; why is told to the engine.
"""

from __future__ import annotations

import asyncio
import logging
import os
import runpy
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pulumi.runtime
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

PARALLEL = 16
WATCH_S = 0.5


class PlacedEngine:
    """The engine, told with each warning which line of the program caused it."""

    def __init__(self, address: str, root: Path) -> None:
        channel: Any = grpc.insecure_channel(address)  # pyright: ignore[reportUnknownMemberType]
        self._engine: Any = engine_pb2_grpc.EngineStub(channel)
        self._root = root

    def Log(self, request: engine_pb2.LogRequest) -> Any:  # noqa: N802 - the protocol's name
        if request.severity == engine_pb2.WARNING:
            place = _place(traceback.extract_stack(), self._root)
            request.message = f"{place}: {request.message}" if place else request.message
        return self._engine.Log(request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def _place(frames: Sequence[traceback.FrameSummary], root: Path) -> str:
    """`__main__.py:12`: the innermost of these frames that lies in the program's folder."""
    for frame in reversed(frames):
        file = Path(frame.filename)
        if file.is_absolute() and file.is_relative_to(root) and "site-packages" not in file.parts:
            return f"{file.relative_to(root)}:{frame.lineno}"
    return ""


def _explained(error: BaseException, root: Path) -> str:
    """What went wrong and where, then the frames of the program that led there."""
    if isinstance(error, SyntaxError) and error.filename:
        file = Path(error.filename)
        shown = file.relative_to(root) if file.is_relative_to(root) else file
        return f"{shown}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    place = _place(frames, root)
    text = "".join(traceback.format_exception_only(error)).strip()
    if isinstance(error, grpc.RpcError):
        refusal: Any = error  # gRPC's errors have no types of their own
        text = refusal.details()
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(root)]
    trail = "".join(traceback.format_list(own)).rstrip()
    hint = ""
    if isinstance(error, ModuleNotFoundError):
        hint = f"\n(the program runs with {sys.executable}; install what it needs there)"
    return f"{place}: {text}{hint}\n{trail}" if place else f"{text}{hint}"


def main(arguments: Sequence[str]) -> int:
    address, engine, project, stack, dry_run, root, program = arguments
    threading.Thread(target=_end_without, args=(int(engine),), daemon=True).start()
    folder = Path(root)
    config = pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env()
    pulumi.runtime.set_all_config(*config)
    settings = pulumi.runtime.Settings(
        project=project,
        stack=stack,
        monitor=address,
        engine=PlacedEngine(address, folder),
        parallel=PARALLEL,
        dry_run=dry_run == "true",
        organization="organization",
        root_directory=root,
    )
    pulumi.runtime.configure(settings)
    sys.argv = [program]
    # Modules of the program's folder are found; those beside this script are not the program's business.
    others = [place for place in sys.path if place != str(Path(__file__).parent)]
    sys.path[:] = [str(Path(program).parent), *others]
    # What asyncio says about futures that nobody awaited is an echo of the error that is told below.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    def run() -> None:
        runpy.run_path(program, run_name="__main__")

    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(run))
    except SystemExit as done:
        return _exit_code(done)
    except BaseException as error:  # whatever a program may raise
        pulumi.log.error(_explained(error, folder))
        return 1
    return 0


def _end_without(engine: int) -> None:
    """Who waits for the answer of an engine that was killed waits for ever."""
    while os.getppid() == engine:
        time.sleep(WATCH_S)
    os._exit(1)


def _exit_code(done: SystemExit) -> int:
    if done.code is None or isinstance(done.code, int):
        return done.code or 0
    pulumi.log.error(str(done.code))
    return 1


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of gRPC may still be about; nothing of theirs matters any more.
    os._exit(status)
