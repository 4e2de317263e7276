"""One AWS service behind the HTTP client: signed calls in, parsed JSON or a `ServiceError` out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from serverless_ai_runtime.adapters.aws.sigv4 import sign
from serverless_ai_runtime.config import AwsConfig
from serverless_ai_runtime.core.ports import Deadline, ServiceError, Unavailable, World
from serverless_ai_runtime.http import HttpClient, Request, Response, Stream


class Aws(NamedTuple):
    """What all services of one function share."""

    http: HttpClient
    world: World
    credentials: Callable[[], AwsConfig]
    """Asked for every attempt: session credentials change while a function lives."""


class Service(NamedTuple):
    """`name` as people know it, `endpoint` without a trailing slash, `signing_name` as SigV4 wants it."""

    aws: Aws
    name: str
    endpoint: str
    signing_name: str
    attempt_s: float = 0.0
    """Most seconds one attempt may take; 0 = until the deadline."""

    def post_json(
        self,
        operation: str,
        target: str,
        payload: Mapping[str, Any],
        deadline: Deadline,
        *,
        repeatable: bool = True,
        version: str = "1.0",
    ) -> dict[str, Any]:
        """A call of a service with the AWS JSON protocol; `target` is the prefix of X-Amz-Target."""
        headers = {
            "content-type": f"application/x-amz-json-{version}",
            "x-amz-target": f"{target}.{operation}",
        }
        request = self._request(operation, "/", headers, payload)._replace(repeatable=repeatable)
        return self._parsed(
            operation, self.aws.http.send(request, self._judge(operation, rest=False), deadline)
        )

    def post_rest(
        self, operation: str, path: str, payload: Mapping[str, Any], deadline: Deadline
    ) -> dict[str, Any]:
        """A POST of a service with the REST-JSON protocol; `path` is percent-encoded."""
        request = self._request(operation, path, {"content-type": "application/json"}, payload)
        return self._parsed(
            operation, self.aws.http.send(request, self._judge(operation, rest=True), deadline)
        )

    def stream_rest(
        self, operation: str, path: str, payload: Mapping[str, Any], deadline: Deadline
    ) -> Stream:
        """As `post_rest`, for an operation that answers with an event stream."""
        headers = {"content-type": "application/json", "accept": "application/vnd.amazon.eventstream"}
        request = self._request(operation, path, headers, payload)
        return self.aws.http.stream(request, self._judge(operation, rest=True), deadline)

    def malformed(self, operation: str, what: str) -> Unavailable:
        """The error for a response that is not what the service promises."""
        return Unavailable(self.name, operation, 200, "MalformedResponse", what)

    def _request(
        self, operation: str, path: str, headers: Mapping[str, str], payload: Mapping[str, Any]
    ) -> Request:
        url, body = self.endpoint + path, json.dumps(payload).encode()

        def signed() -> dict[str, str]:
            credentials, now = self.aws.credentials(), self.aws.world.now()
            return sign(
                "POST", url, headers, body, service=self.signing_name, credentials=credentials, now=now
            )

        return Request(self.name, operation, "POST", url, body, signed, self.attempt_s)

    def _judge(self, operation: str, *, rest: bool) -> Callable[[Response], ServiceError | None]:
        def judge(response: Response) -> ServiceError | None:
            if response.status < 300:
                return None
            from serverless_ai_runtime.adapters.aws.errors import decode

            return decode(self.name, operation, response, rest=rest)

        return judge

    def _parsed(self, operation: str, response: Response) -> dict[str, Any]:
        try:
            value = json.loads(response.body)
        except (ValueError, RecursionError):
            raise self.malformed(operation, "the body is not JSON") from None
        if not isinstance(value, dict):
            raise self.malformed(operation, "the body is not a JSON object")
        return cast("dict[str, Any]", value)


def host(service: str, region: str) -> str:
    """Public host of a service in a region."""
    return f"{service}.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
