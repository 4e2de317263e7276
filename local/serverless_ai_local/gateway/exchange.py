"""One request on its way through the gateway, and what the access log will say of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serverless_ai_local.aws.signatures import Sent
from serverless_ai_local.gateway.deployed import Api, Stage
from serverless_ai_local.gateway.event import Incoming, Outgoing


@dataclass(slots=True)
class Exchange:
    """Filled in step by step."""

    api: Api
    incoming: Incoming
    sent: Sent
    started: float = field(default_factory=time.monotonic)
    stage: Stage | None = None
    route_key: str = ""
    authorizer: Mapping[str, Any] | None = None
    cause: str = ""
    """Why the gateway answered itself."""
    message: str = ""
    """What it answered then."""
    integration_ms: float | None = None
    integration_status: str = ""

    def elapsed_ms(self) -> float:
        """Since the request came in."""
        return (time.monotonic() - self.started) * 1000

    def log_values(self, outgoing: Outgoing) -> dict[str, str]:
        """`$context` variables by name; what the request does not have is missing or empty."""
        incoming = self.incoming
        latency = "" if self.integration_ms is None else str(round(self.integration_ms))
        values = {
            "accountId": self.api.account,
            "apiId": self.api.id,
            "domainName": incoming.domain,
            "domainPrefix": incoming.domain.partition(".")[0],
            "error.message": self.message,
            "error.messageString": f'"{self.message}"' if self.message else "",
            "authorizer.error": self.cause if outgoing.status in (401, 403) else "",
            "httpMethod": incoming.method,
            "identity.sourceIp": incoming.source_ip,
            "identity.userAgent": incoming.header("user-agent"),
            "integrationErrorMessage": self.cause if outgoing.status >= 500 else "",
            "integrationLatency": latency,
            "integration.latency": latency,
            "integrationStatus": self.integration_status,
            "integration.integrationStatus": self.integration_status,
            "integration.status": self.integration_status,
            "path": incoming.path,
            "protocol": incoming.protocol,
            "requestId": incoming.request_id,
            "extendedRequestId": incoming.request_id,
            "requestTime": incoming.at.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": str(int(incoming.at.timestamp() * 1000)),
            "responseLatency": str(round(self.elapsed_ms())),
            "responseLength": str(len(outgoing.body)),
            "routeKey": self.route_key,
            "stage": self.stage.name if self.stage else "",
            "status": str(outgoing.status),
        }
        return values | self._caller()

    def _caller(self) -> dict[str, str]:
        authorizer = self.authorizer or {}
        iam: Mapping[str, Any] = authorizer.get("iam", {})
        claims: Mapping[str, str] = authorizer.get("jwt", {}).get("claims", {})
        return {
            "identity.accountId": str(iam.get("accountId", "")),
            "identity.caller": str(iam.get("callerId", "")),
            "identity.user": str(iam.get("userId", "")),
            "identity.userArn": str(iam.get("userArn", "")),
            **{f"authorizer.claims.{name}": value for name, value in claims.items()},
        }
