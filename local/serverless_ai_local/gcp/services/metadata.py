"""The metadata server of one instance: which project it is in, and tokens of the account it runs as.

Paths: https://cloud.google.com/run/docs/container-contract#metadata-server, read 2026-11.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from werkzeug.wrappers import Response

from serverless_ai_local.gcp.project import NUMBER
from serverless_ai_local.gcp.tokens import LIFETIME_S, SCOPE, GoogleTokens
from serverless_ai_local.http_server import Server, StartResponse

_FLAVOR: Final = ("Metadata-Flavor", "Google")
_ROOT: Final = "/computeMetadata/v1/"
_ACCOUNTS: Final = "instance/service-accounts/"


class MetadataServer:
    """Listens on a port of its own, as each instance in the cloud has its own."""

    def __init__(self, tokens: GoogleTokens, email: str, project: str, region: str) -> None:
        self._tokens, self._email = tokens, email
        self._plain: dict[str, str] = {
            "project/project-id": project,
            "project/numeric-project-id": NUMBER,
            "instance/region": f"projects/{NUMBER}/regions/{region}",
            "instance/id": "local",
        }
        self._server = Server("127.0.0.1", 0)
        self._server.application = self._application
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        serve = self._server.serve_forever
        threading.Thread(target=serve, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _application(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        answer = self._answer(environ)
        answer.headers.add(*_FLAVOR)
        return answer(environ, start_response)

    def _answer(self, environ: Mapping[str, Any]) -> Response:
        path = str(environ["PATH_INFO"])
        if path == "/":
            return Response("computeMetadata/\n")
        if environ.get("HTTP_METADATA_FLAVOR") != "Google":
            return Response("Missing Metadata-Flavor:Google header.\n", 403)
        if not path.startswith(_ROOT):
            return Response(f"there is nothing at {path}\n", 404)
        name = path.removeprefix(_ROOT)
        if name in self._plain:
            return Response(self._plain[name])
        for account in ("default", self._email):
            start = f"{_ACCOUNTS}{account}/"
            if name.startswith(start):
                return self._account(name.removeprefix(start), parse_qs(str(environ["QUERY_STRING"])))
        return Response(f"there is nothing at {path}\n", 404)

    def _account(self, name: str, query: Mapping[str, list[str]]) -> Response:
        def identity() -> Response:
            audience = query.get("audience", [""])[0]
            if not audience:
                return Response("non-empty audience parameter required\n", 400)
            return Response(self._tokens.id_token(self._email, audience))

        answers: Mapping[str, Callable[[], Response]] = {
            "": lambda: _json({"aliases": ["default"], "email": self._email, "scopes": [SCOPE]}),
            "email": lambda: Response(self._email),
            "scopes": lambda: Response(f"{SCOPE}\n"),
            "token": lambda: _json(
                {
                    "access_token": self._tokens.access_token(self._email),
                    "expires_in": LIFETIME_S,
                    "token_type": "Bearer",
                }
            ),
            "identity": identity,
        }
        if name not in answers:
            return Response(f"there is nothing at {_ROOT}{_ACCOUNTS}default/{name}\n", 404)
        return answers[name]()


def _json(content: object) -> Response:
    return Response(json.dumps(content), content_type="application/json")
