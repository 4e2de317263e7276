"""The local cloud as one process: `python -m serverless_ai_local.server --port P --state DIR [--parent PID]`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from serverless_ai_local.http_server import Server, StartResponse

HOST = "127.0.0.1"
STATE_FILE = "cloud.json"
PARENT_POLL_S = 0.3


class Cloud:
    """Everything behind the one port, as a WSGI application."""

    def __init__(self, url: str) -> None:
        from serverless_ai_local.aws import moto_backends  # noqa: PLC0415 - after the port is known

        moto_backends.configure(url)
        from serverless_ai_local.admin import Admin  # noqa: PLC0415
        from serverless_ai_local.aws.front import Front  # noqa: PLC0415
        from serverless_ai_local.aws.iam.authoriser import Authoriser  # noqa: PLC0415
        from serverless_ai_local.aws.iam.ledger import Ledger  # noqa: PLC0415
        from serverless_ai_local.aws.identities import Identities  # noqa: PLC0415

        self._admin = Admin(url)
        identities = Identities()
        self._front = Front(identities, Authoriser(Ledger()), {}, moto_backends.Moto())

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"])
        answer = self._admin(environ) if path.startswith("/_local/") else self._front(environ)
        return answer(environ, start_response)

    def close(self) -> None:
        """Stop function processes and everything that runs on its own."""


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
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    if options.parent is not None:
        threading.Thread(target=_watch, args=(options.parent, stopped), daemon=True).start()
    serve(options.port, options.state, stopped)


def serve(port: int, state: Path, stopped: threading.Event) -> None:
    """Bind, say where in the state directory, and serve until `stopped` is set."""
    waiting: list[Cloud] = []
    server = Server(HOST, port, lambda environ, start: waiting[0](environ, start))
    url = f"http://{HOST}:{server.server_address[1]}"
    cloud = Cloud(url)
    waiting.append(cloud)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
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
    """In one step, so that a reader never sees half of it."""
    note.parent.mkdir(parents=True, exist_ok=True)
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
