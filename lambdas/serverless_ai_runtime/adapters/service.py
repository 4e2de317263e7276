"""One service behind the HTTP client: calls with the function's token in, parsed JSON or an error out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar, cast
from urllib.parse import urlsplit

from serverless_ai_runtime.core.ports import Deadline, Refused, ServiceError, Unavailable, World
from serverless_ai_runtime.http import HttpClient, Request, Response, Stream

_T = TypeVar("_T")


class TokenSource(Protocol):
    """Tokens by what they are for."""

    def get(self, resource: str, deadline: Deadline) -> str: ...

    def drop(self, resource: str, text: str) -> None:
        """Forget a token that was not taken."""
        ...


class Cloud(NamedTuple):
    """What all services of one function share."""

    http: HttpClient
    world: World
    tokens: TokenSource
    decode: Callable[[str, str, Response], ServiceError]
    """Name of the service, operation, failed response -> the error in it."""


def bearer(token: str) -> str:
    """The usual value of the header Authorization."""
    return "Bearer " + token


class Service(NamedTuple):
    """`name` as people know it; `url` what all paths begin with; `resource` what its tokens are for."""

    cloud: Cloud
    name: str
    url: str
    resource: str
    attempt_s: float = 0.0
    """Most seconds one attempt may take; 0 = until the deadline."""
    authorization: Callable[[str], str] = bearer

    def call(
        self,
        operation: str,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        headers: Callable[[], Mapping[str, str]],
        body: bytes = b"",
        repeatable: bool = True,
    ) -> Response:
        """The successful response; `path` is percent-encoded, `headers` are made anew for each attempt."""
        request = self._request(operation, method, path, headers, body)._replace(repeatable=repeatable)
        judge = self._judge(operation)
        return self._authorised(request, deadline, lambda one: self.cloud.http.send(one, judge, deadline))

    def post(
        self,
        operation: str,
        path: str,
        payload: Mapping[str, Any],
        deadline: Deadline,
        *,
        repeatable: bool = True,
    ) -> Any:
        """A POST of JSON that is answered in JSON of any kind."""
        body = json.dumps(payload).encode()
        response = self.call(
            operation, "POST", path, deadline, headers=_json_headers, body=body, repeatable=repeatable
        )
        return self._json(operation, response)

    def post_json(
        self,
        operation: str,
        path: str,
        payload: Mapping[str, Any],
        deadline: Deadline,
        *,
        repeatable: bool = True,
    ) -> dict[str, Any]:
        """A POST of JSON that is answered with a JSON object."""
        return self._object(operation, self.post(operation, path, payload, deadline, repeatable=repeatable))

    def stream_json(
        self, operation: str, path: str, payload: Mapping[str, Any], deadline: Deadline
    ) -> Stream:
        """As `post_json`, for an operation that answers with a stream of events."""
        body = json.dumps(payload).encode()
        return self.stream(operation, "POST", path, deadline, headers=_stream_headers, body=body)

    def stream(
        self,
        operation: str,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        headers: Callable[[], Mapping[str, str]],
        body: bytes = b"",
    ) -> Stream:
        """As `call`, for a response that is read as it comes."""
        request = self._request(operation, method, path, headers, body)
        judge = self._judge(operation)
        return self._authorised(request, deadline, lambda one: self.cloud.http.stream(one, judge, deadline))

    def parsed(self, operation: str, response: Response) -> dict[str, Any]:
        """The JSON object in a response."""
        return self._object(operation, self._json(operation, response))

    def malformed(self, operation: str, what: str) -> Unavailable:
        """The error for a response that is not what the service promises."""
        return Unavailable(self.name, operation, 200, "MalformedResponse", what)

    def _json(self, operation: str, response: Response) -> Any:
        try:
            return json.loads(response.body)
        except (ValueError, RecursionError):
            raise self.malformed(operation, "the body is not JSON") from None

    def _object(self, operation: str, value: Any) -> dict[str, Any]:
        try:
            return json_object(value)
        except TypeError:
            raise self.malformed(operation, "the body is not a JSON object") from None

    def _request(
        self, operation: str, method: str, path: str, headers: Callable[[], Mapping[str, str]], body: bytes
    ) -> Request:
        return Request(self.name, operation, method, self.url + path, body, headers, self.attempt_s)

    def _authorised(self, request: Request, deadline: Deadline, send: Callable[[Request], _T]) -> _T:
        """Send with a token; once more with a new one if the service does not take it (401)."""
        token = self.cloud.tokens.get(self.resource, deadline)
        try:
            return send(self._with(token, request))
        except Refused as error:
            if error.status != 401:
                raise
        self.cloud.tokens.drop(self.resource, token)
        return send(self._with(self.cloud.tokens.get(self.resource, deadline), request))

    def _with(self, token: str, request: Request) -> Request:
        host = urlsplit(self.url).netloc
        own = request.headers

        def headers() -> Mapping[str, str]:
            return {"host": host, "authorization": self.authorization(token), **own()}

        return request._replace(headers=headers)

    def _judge(self, operation: str) -> Callable[[Response], ServiceError | None]:
        def judge(response: Response) -> ServiceError | None:
            return None if response.status < 300 else self.cloud.decode(self.name, operation, response)

        return judge


def json_object(value: object) -> dict[str, Any]:
    """`value`, if it is a JSON object; raises `TypeError`."""
    if not isinstance(value, dict):
        raise TypeError("not a JSON object")
    return cast("dict[str, Any]", value)


def _json_headers() -> Mapping[str, str]:
    return {"content-type": "application/json"}


def _stream_headers() -> Mapping[str, str]:
    return {"content-type": "application/json", "accept": "text/event-stream"}
