"""Requests to deployed gateways: route, token of the deployed issuer, then the backend as their account.

Words of the refusals are those of ESPv2, which API Gateway runs on.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import threading
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from werkzeug.wrappers import Response

from serverless_ai_local.aws.signatures import Sent
from serverless_ai_local.gateway.deployed import JwtAuthorizer
from serverless_ai_local.gateway.jwt_authorizer import JwtVerifier, TokenError, fetch_json
from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.gateway.document import Operation, Scheme, read
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.resources.gateway import PATH as PLACE
from serverless_ai_local.gcp.run.front import request_log
from serverless_ai_local.gcp.run.log import Logs
from serverless_ai_local.gcp.tokens import GoogleTokens
from serverless_ai_local.gcp.trace import Hop, hop

PATH: Final = re.compile(rf"{PLACE}/(?P<region>[^/]+)/(?P<id>[^/]+)(?P<path>/.*)?")
USERINFO: Final = "x-apigateway-api-userinfo"
FORWARDED: Final = "x-forwarded-authorization"
_OURS: Final = (USERINFO, FORWARDED, "authorization", "x-serverless-authorization")
"""Headers that only the gateway itself sets."""
_HOP: Final = ("connection", "content-length", "host", "keep-alive", "te", "transfer-encoding", "upgrade")
_WORDS: Final = {
    "the token is not a JSON Web Token": "Jwt is not in the form of Header.Payload.Signature with two dots "
    "and 3 sections",
    "the token has expired": "Jwt is expired",
    "the token's signature is invalid": "Jwt verification fails",
    "the token's issuer is not the deployed one": "Jwt issuer is not configured",
    "the token is for another audience": "Audiences in Jwt are not allowed",
}
_AUDIENCE: Final = "Audiences in Jwt are not allowed"


class GatewayFront:
    """Requests to `/_gcp/gateway/REGION/ID/...`."""

    def __init__(self, registry: Registry, tokens: GoogleTokens, logs: Logs) -> None:
        self._registry, self._tokens, self._logs = registry, tokens, logs
        self._verifiers: dict[str, JwtVerifier] = {}
        self._lock = threading.Lock()

    def __call__(self, sent: Sent, found: re.Match[str]) -> Response:
        """The backend's answer, or why there is none."""
        config = self._config(found["region"], found["id"])
        if config is None:
            return _refusal(404, "there is no such gateway")
        headers, began = {name.lower(): value for name, value in sent.headers}, time.monotonic()
        at = hop(headers)
        answer = self._answer(config, sent, found["path"] or "/", headers, at)
        self._logs.add_request(
            "apigateway.googleapis.com/Gateway",
            at.name(config.project),
            request_log(sent, found["path"], answer, time.monotonic() - began),
            gateway_id=found["id"],
        )
        return answer

    def _answer(
        self, config: Deployed, sent: Sent, path: str, headers: Mapping[str, str], at: Hop
    ) -> Response:
        operations = read(config.inputs["openapiDocuments"][0]["document"]["contents"])
        if path not in operations:
            return _refusal(404, "The current request is not defined by this API.")
        operation = operations[path].get(sent.method)
        if operation is None:
            text = f'The current request is matched to the defined url template "{path}" but its http method '
            return _refusal(405, text + "is not allowed")
        passed = {name: value for name, value in headers.items() if name not in (*_HOP, *_OURS)}
        passed |= at.headers
        if operation.scheme is not None:
            try:
                claims = self._claims(operation.scheme, headers.get("authorization", ""), config)
            except TokenError as error:
                return _unauthorised(str(error))
            passed[USERINFO] = _encoded(claims)
            passed[FORWARDED] = headers["authorization"]
        return self._backend(config, operation, sent, path, passed)

    def _config(self, region: str, ident: str) -> Deployed | None:
        for gateway in self._registry.all(types.GATEWAY):
            if (
                gateway.inputs["gatewayId"] == ident
                and gateway.inputs.get("region", gateway.region) == region
            ):
                return self._registry.find(types.API_CONFIG, gateway.inputs["apiConfig"])
        return None

    def _claims(self, scheme: Scheme, authorization: str, config: Deployed) -> dict[str, Any]:
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise TokenError("Jwt is missing")
        service = f"https://{config.inputs['api']}.apigateway.{config.project}.cloud.goog"
        authorizer = JwtAuthorizer(header="", issuer=scheme.issuer, audience=(*scheme.audiences, service))
        return self._verifier(scheme).verify(token, authorizer, ())

    def _verifier(self, scheme: Scheme) -> JwtVerifier:
        def fetch(url: str) -> Mapping[str, Any]:
            if scheme.jwks_uri and url.endswith("/.well-known/openid-configuration"):
                return {"jwks_uri": scheme.jwks_uri}
            return fetch_json(url)

        with self._lock:
            return self._verifiers.setdefault(f"{scheme.issuer} {scheme.jwks_uri}", JwtVerifier(fetch))

    def _backend(
        self, config: Deployed, operation: Operation, sent: Sent, path: str, headers: dict[str, str]
    ) -> Response:
        account = config.inputs.get("gatewayConfig", {}).get("backendConfig", {}).get("googleServiceAccount")
        if account:
            token = self._tokens.id_token(account, operation.audience)
            headers["authorization"] = f"Bearer {token}"
        parts = urlsplit(operation.address)
        connection = http.client.HTTPConnection(parts.netloc, timeout=operation.deadline_s)
        target = parts.path.rstrip("/") + path + (f"?{sent.query}" if sent.query else "")
        try:
            connection.request(sent.method, target, sent.body, headers)
            response = connection.getresponse()
            body = response.read()
        except TimeoutError:
            return _refusal(504, "upstream request timeout")
        except (OSError, http.client.HTTPException):
            return _refusal(503, "upstream connect error or disconnect/reset before headers")
        finally:
            connection.close()
        answer = Response(body, response.status)
        del answer.headers["Content-Type"]
        for name, value in response.getheaders():
            if name.lower() not in _HOP:
                answer.headers.add(name, value)
        return answer


def _unauthorised(reason: str) -> Response:
    words = _WORDS.get(reason, reason)
    return _refusal(403 if words == _AUDIENCE else 401, words)


def _refusal(status: int, message: str) -> Response:
    return Response(json.dumps({"code": status, "message": message}), status, content_type="application/json")


def _encoded(claims: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
