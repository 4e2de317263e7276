"""What is asked of the local cloud itself, under /_local/: status, stacks, checks, faults."""

from __future__ import annotations

import json
import os
from typing import Any

from werkzeug.wrappers import Request, Response


class Admin:
    """The admin API. Every answer is JSON; an unknown path is a 404 that names it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, environ: dict[str, Any]) -> Response:
        request = Request(environ)
        if request.path == "/_local/status":
            return reply({"status": "ready", "url": self._url, "pid": os.getpid(), "local": True})
        return reply({"message": f"the local cloud has no {request.method} {request.path}"}, 404)


def reply(content: object, status: int = 200) -> Response:
    """A JSON response."""
    return Response(json.dumps(content, default=str), status, content_type="application/json")
