"""moto on a real HTTP server, for tests against the services themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import settings
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

# A busy machine makes an example slow, not wrong.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


class Quiet(WSGIRequestHandler):
    """Keeps connections open, as the services do, and logs nothing."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """moto takes one request at a time: it has no locks, and a service's conditional writes are atomic."""
    app = DomainDispatcherApplication(create_backend_app)
    one_at_a_time = threading.Lock()

    def serialised(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        with one_at_a_time:
            return app(environ, start)

    server = make_server("127.0.0.1", 0, serialised, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
