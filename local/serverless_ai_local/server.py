"""The local cloud as one process: `python -m serverless_ai_local.server --port P --state DIR`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from serverless_ai_local.aws import moto_backends
from serverless_ai_local.http_server import Server

HOST = "127.0.0.1"
STATE_FILE = "cloud.json"
PARENT_POLL_S = 0.3


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or the end of the parent."""
    parser = argparse.ArgumentParser(prog="python -m serverless_ai_local.server", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="0 takes a free one")
    parser.add_argument(
        "--state", type=Path, required=True, help=f"directory where {STATE_FILE} says where it runs"
    )
    parser.add_argument("--parent", type=int, help="stop when the process with this id is gone")
    options = parser.parse_args(arguments)
    stopped = threading.Event()

    def stop(number: int, frame: object) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if options.parent is not None:
        threading.Thread(target=_watch, args=(options.parent, stopped), daemon=True).start()
    serve(options.port, options.state, stopped)


def serve(port: int, state: Path, stopped: threading.Event) -> None:
    """Bind, say where in the state directory, and serve until `stopped` is set.

    Exits with a word for the user when the port is taken or a variable of the environment cannot be.
    """
    try:
        server = Server(HOST, port)
    except OSError as error:
        sys.exit(
            f"port {port} of {HOST} cannot be had: {error.strerror}; --port chooses another, 0 a free one"
        )
    url = f"http://{HOST}:{server.server_address[1]}"
    moto_backends.configure(url)
    from serverless_ai_local.cloud import Cloud  # noqa: PLC0415 - it reads moto's configuration when imported

    try:
        cloud = server.application = Cloud(url)
    except ValueError as error:
        sys.exit(str(error))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    cloud.start()
    note = state / STATE_FILE
    try:
        _write(note, {"pid": os.getpid(), "port": server.server_address[1], "url": url})
        stopped.wait()
    finally:
        note.unlink(missing_ok=True)
        server.shutdown()
        cloud.close()
        server.server_close()


def _write(note: Path, content: dict[str, Any]) -> None:
    """In one step, so that a reader never sees half of it. Whoever removed the directory wants no cloud."""
    draft = note.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(content))
    draft.replace(note)


def _watch(parent: int, stopped: threading.Event) -> None:
    """End with the parent, however it ends: a killed parent cannot stop what it started."""
    ours = os.getppid() == parent
    while not stopped.wait(PARENT_POLL_S):
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            break
        if ours and os.getppid() != parent:
            break
    stopped.set()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # everything is closed, and taking a hundred modules apart takes half a second
