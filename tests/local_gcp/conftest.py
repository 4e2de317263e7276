"""The Google half alone, behind a real socket and without AWS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google_local import Local

from serverless_ai_local.admin import PREFIX, Admin
from serverless_ai_local.aws.iam.ledger import Ledger
from serverless_ai_local.gcp.google import Google
from serverless_ai_local.http_server import Server, sent
from serverless_ai_local.issuer import Issuer
from serverless_ai_local.models.extractive import ExtractiveModel
from serverless_ai_local.models.service import ModelService


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[Local]:
    monkeypatch.setenv("LOCAL_ASYNC_RETRY_SECONDS", "0.02")
    server = Server("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    models, ledger = ModelService(ExtractiveModel()), Ledger()
    google = Google(url, models, ledger)
    checks = {("GET", "checks/{email}"): lambda call: {"checks": ledger.checks(call.path["email"])}}
    admin = Admin(google.routes(), models.routes(), Issuer(url).routes(), checks)

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"].startswith(PREFIX):
            return admin(environ)(environ, start)
        return google(sent(environ))(environ, start)

    server.application = application
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield Local(url, models)
    server.shutdown()
    google.stop()
    server.server_close()
