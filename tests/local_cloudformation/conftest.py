"""The local cloud's services, in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from serverless_ai_local.aws import moto_backends
from serverless_ai_local.aws.clients import Clients
from serverless_ai_local.aws.provider import Context
from serverless_ai_local.http_server import Server

ACCOUNT = "123456789012"
REGION = "us-east-1"


@dataclass(frozen=True)
class Services:
    """A local cloud in this process."""

    url: str
    clients: Clients

    def client(self, service: str) -> Any:
        return self.clients.get(service, REGION)

    def context(self, region: str = REGION, stack: str = "Stack", **tags: Mapping[str, str]) -> Context:
        return Context(
            client=lambda service: self.clients.get(service, region),
            account=ACCOUNT,
            region=region,
            stack=stack,
            endpoint=self.url,
            **tags,
        )


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    server = Server("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    moto_backends.configure(url)
    from serverless_ai_local.cloud import Cloud

    cloud = server.application = Cloud(url)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield Services(url, Clients(url))
    server.shutdown()
    cloud.close()
    server.server_close()
