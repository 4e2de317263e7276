"""The CloudFormation door over moto's services, in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from serverless_ai_local.aws.clients import Clients
from serverless_ai_local.aws.provider import Context
from serverless_ai_local.http_server import Server


@dataclass(frozen=True)
class Place:
    url: str
    clients: Clients

    def client(self, service: str) -> Any:
        return self.clients.get(service, "us-east-1")

    def context(self, region: str = "us-east-1", stack: str = "Stack") -> Context:
        return Context(
            client=lambda service: self.clients.get(service, region),
            account="123456789012",
            region=region,
            stack=stack,
            endpoint=self.url,
        )


@pytest.fixture(scope="session")
def services() -> Iterator[Place]:
    """moto's services and our own operations behind one port."""
    from serverless_ai_local.aws import moto_backends

    server = Server("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    moto_backends.configure(url)
    from dispatcher import Dispatcher

    place = Place(url, Clients(url))
    server.application = Dispatcher(place)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield place
    server.shutdown()
    server.server_close()
