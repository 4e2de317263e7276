"""The way in to Cloud Run functions: an ID token of an invoker for this URL, or no answer of the function."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from typing import Final

from werkzeug.wrappers import Response

from serverless_ai_local.aws.signatures import Sent
from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.iam.authority import Authority, Principal
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.resources.functions import PATH as PLACE
from serverless_ai_local.gcp.run.fleet import Fleet, NoInstanceError
from serverless_ai_local.gcp.run.function import Function, read
from serverless_ai_local.gcp.run.instance import Instance, StartError
from serverless_ai_local.gcp.tokens import GoogleTokens, TokenError
from serverless_ai_local.gcp.trace import Hop, hop

PATH: Final = re.compile(rf"{PLACE}/(?P<region>[^/]+)/(?P<name>[^/]+)(?P<path>/.*)?")
INVOKE: Final = "run.routes.invoke"
SERVICE: Final = "run.googleapis.com"
ANYONE: Final = Principal(email="")
MAX_BODY: Final = 32 * 1024 * 1024
"""Of a request and of an answer over HTTP/1 (Cloud Run quotas, read 2026-11)."""
REMOVED: Final = "SIGNATURE_REMOVED_BY_GOOGLE"
_AUTHORIZATION: Final = ("x-serverless-authorization", "authorization")
"""The first one that is there counts."""
_HOP: Final = ("connection", "content-length", "host", "keep-alive", "te", "transfer-encoding", "upgrade")


class RunFront:
    """Requests to `/_gcp/run/REGION/NAME/...`."""

    def __init__(
        self, registry: Registry, tokens: GoogleTokens, authority: Authority, fleet: Fleet, url: str
    ) -> None:
        self._registry, self._tokens, self._authority = registry, tokens, authority
        self._fleet, self._url = fleet, url

    def __call__(self, sent: Sent, found: re.Match[str]) -> Response:
        """The answer of the function, or why there is none."""
        deployed = self._find(found["region"], found["name"])
        if deployed is None:
            return _page(404, "Page not found", "The requested URL was not found on this server.")
        headers, began = {name.lower(): value for name, value in sent.headers}, time.monotonic()
        at = hop(headers)
        passed = _passed(headers, at)
        answer = self._refusal(deployed, found, headers) or self._answer(deployed, sent, found, passed)

        def log() -> None:
            self._fleet.logs.add_request(
                "cloud_run_revision",
                at.name(deployed.project),
                request_log(sent, found["path"], answer, time.monotonic() - began),
                service_name=found["name"],
            )

        if answer.is_streamed:
            answer.call_on_close(log)
        else:
            log()
        return answer

    def _answer(
        self, deployed: Deployed, sent: Sent, found: re.Match[str], passed: Mapping[str, str]
    ) -> Response:
        if len(sent.body) > MAX_BODY:
            return _page(413, "Request Entity Too Large", "Your client issued a request that was too large.")
        try:
            function = read(self._registry, deployed)
            with ExitStack() as held:
                instance = held.enter_context(self._fleet.instance(function))
                answer = _forward(function, instance, sent, found["path"] or "/", passed)
                if answer.is_streamed:  # its place is taken until it has all been passed on
                    answer.call_on_close(held.pop_all().close)
                return answer
        except LookupError as error:
            self._fleet.logs.add(found["name"], str(error))
            return Response("Service Unavailable", 503, content_type="text/plain")
        except NoInstanceError:
            return Response("Rate exceeded.", 429, content_type="text/plain")
        except StartError as error:
            text = f"The request failed because the instance could not start successfully: {error}"
            self._fleet.logs.add(found["name"], text)
            return Response("Service Unavailable", 503, content_type="text/plain")

    def _find(self, region: str, name: str) -> Deployed | None:
        functions = self._registry.all(types.FUNCTION)
        place = (region, name)
        return next((f for f in functions if (f.inputs["location"], f.inputs["name"]) == place), None)

    def _refusal(
        self, deployed: Deployed, found: re.Match[str], headers: Mapping[str, str]
    ) -> Response | None:
        name = next((one for one in _AUTHORIZATION if one in headers), None)
        who = ANYONE
        if name is not None:
            scheme, _, token = headers[name].partition(" ")
            audience = f"{self._url}{PLACE}/{found['region']}/{found['name']}"
            try:
                if scheme.lower() != "bearer":
                    raise TokenError("the scheme is not Bearer")
                who = self._tokens.identity(token, audience, audience + "/")
            except TokenError as error:
                answer = _page(401, "Unauthorized", "Your client does not have permission to the URL.")
                detail = f"The access token could not be verified (local: {error})"
                answer.headers["WWW-Authenticate"] = (
                    f'Bearer error="invalid_token" error_description="{detail}"'
                )
                return answer
        place = f"projects/{deployed.project}/locations/{found['region']}/services/{found['name']}"
        if self._authority.allows(who, INVOKE, place, service=SERVICE):
            return None
        text = f"Your client does not have permission to get URL {found['path'] or '/'} from this server."
        return _page(403, "Forbidden", text)


def request_log(sent: Sent, path: str | None, answer: Response, seconds: float) -> dict[str, object]:
    """An answered request as fronts log it; without the query, which is somebody's content."""
    return {
        "requestMethod": sent.method,
        "requestUrl": path or "/",
        "status": answer.status_code,
        "latency": f"{seconds:.6f}s",
    }


def _passed(headers: Mapping[str, str], at: Hop) -> dict[str, str]:
    """What the function sees: the checked token without its signature, and its trace."""
    passed = {name: value for name, value in headers.items() if name not in _HOP}
    for name in _AUTHORIZATION:
        if name in passed:
            start, _, _ = passed[name].rpartition(".")
            passed[name] = f"{start}.{REMOVED}"
            break
    return {**passed, **at.headers, "x-forwarded-proto": "https"}


def _forward(
    function: Function, instance: Instance, sent: Sent, path: str, headers: Mapping[str, str]
) -> Response:
    connection = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=function.timeout_s)
    target = path + (f"?{sent.query}" if sent.query else "")
    body: bytes | Iterator[bytes] = b""
    try:
        connection.putrequest(sent.method, target, skip_accept_encoding=True)
        for name, value in (*headers.items(), ("content-length", str(len(sent.body)))):
            connection.putheader(name, value)
        connection.endheaders(sent.body)
        response = connection.getresponse()
        body = _pieces(connection, response) if response.chunked else response.read()
    except TimeoutError:
        return Response("upstream request timeout", 504, content_type="text/plain")
    except (OSError, http.client.HTTPException):
        text = "upstream connect error or disconnect/reset before headers"
        return Response(text, 503, content_type="text/plain")
    finally:
        if not isinstance(body, Iterator):
            connection.close()
    answer = Response(body, response.status)
    del answer.headers["Content-Type"]
    for name, value in response.getheaders():
        if name.lower() not in _HOP:
            answer.headers.add(name, value)
    return answer


def _pieces(connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> Iterator[bytes]:
    """A body that the function writes piece by piece, passed on as it comes."""
    with closing(connection):
        while piece := response.read1():
            yield piece


def _page(status: int, title: str, text: str) -> Response:
    page = (
        f"<html><head><title>{status} {title}</title></head><body><h1>Error: {title}</h1>{text}</body></html>"
    )
    return Response(page, status, content_type="text/html; charset=UTF-8")
