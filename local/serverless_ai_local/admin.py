"""What is asked of the local cloud itself, under /_local/: each part adds its routes, all answer in JSON."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from werkzeug.wrappers import Request, Response

PREFIX: Final = "/_local/"


class AdminError(Exception):
    """The request cannot be done; the text says what is wrong with it."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class AdminCall:
    """One request: what the route's names stand for, the query, and the JSON body (None if it is empty)."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any


AdminRoute = Callable[[AdminCall], object]
AdminRoutes = Mapping[tuple[str, str], AdminRoute]
"""(method, path after /_local/ with {names}) -> what answers. A ValueError becomes 400, a LookupError 404."""


class Admin:
    """The admin API. An unknown path is a 404 that names it.

    Parts may share a route (a schedule is fired by the cloud that has it): after a 404 the next one is asked.
    """

    def __init__(self, *parts: AdminRoutes) -> None:
        self._routes = [
            (method, re.compile(_NAMES.sub(r"(?P<\1>[^/]+)", path)), answer)
            for part in parts
            for (method, path), answer in part.items()
        ]

    def __call__(self, environ: dict[str, Any]) -> Response:
        request = Request(environ)
        path = request.path.removeprefix(PREFIX)
        reply = _reply({"message": f"the local cloud has no {request.method} {request.path}"}, 404)
        for method, pattern, answer in self._routes:
            found = pattern.fullmatch(path)
            if found is not None and method == request.method:
                reply = _answered(answer, request, found.groupdict())
                if reply.status_code != 404:
                    break
        return reply


_NAMES: Final = re.compile(r"\{(\w+)\}")


def _answered(answer: AdminRoute, request: Request, path: Mapping[str, str]) -> Response:
    text = request.get_data()
    try:
        body = json.loads(text) if text else None
        return _reply(answer(AdminCall(path=path, query=request.args.to_dict(), body=body)))
    except AdminError as error:
        return _reply({"message": str(error)}, error.status)
    except LookupError as error:
        return _reply({"message": str(error.args[0] if error.args else error)}, 404)
    except ValueError as error:
        return _reply({"message": str(error)}, 400)
    except Exception as error:
        traceback.print_exc()
        return _reply({"message": f"{type(error).__name__}: {error}"}, 500)


def _reply(content: object, status: int = 200) -> Response:
    return Response(json.dumps(content, default=str), status, content_type="application/json")
