"""An HTTP API as it is deployed right now: moto's record of it, as typed values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from moto.apigatewayv2.models import apigatewayv2_backends

from serverless_ai_local.aws.moto_backends import ACCOUNT
from serverless_ai_local.gateway import cors
from serverless_ai_local.gateway.cors import Cors
from serverless_ai_local.plain import is_list

MAX_TIMEOUT_MS: Final = 30_000
DEFAULT_RATE: Final = 10_000.0
DEFAULT_BURST: Final = 5_000
"""Account limits of API Gateway, which hold where a stage says nothing (HTTP API quotas, 2026-11)."""
_FUNCTION: Final = re.compile(
    r"arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(?::[A-Za-z0-9$_-]+)?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A token bucket: sustained requests a second, and how many at once."""

    rate: float
    burst: int


@dataclass(frozen=True, kw_only=True, slots=True)
class JwtAuthorizer:
    """Where the token is, who must have issued it, and for whom."""

    header: str
    issuer: str
    audience: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """One route with what protects it and where it leads."""

    key: str
    authorization: str
    """NONE, AWS_IAM or JWT; anything else is not offered here."""
    scopes: tuple[str, ...]
    authorizer: JwtAuthorizer | None
    integration: str
    """Type of the integration, e.g. AWS_PROXY; empty when the route has none."""
    function_arn: str
    """Empty when the integration is no Lambda function."""
    payload_format: str
    timeout_ms: int
    credentials_arn: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A deployed stage. `limit` holds for all routes together, `route_limits` for single ones."""

    name: str
    limit: Limit
    route_limits: Mapping[str, Limit]
    variables: Mapping[str, str]
    log_group: str
    """Name of the access log's group; empty when there is none."""
    log_format: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Api:
    """An HTTP API with its deployed stages."""

    id: str
    region: str
    account: str
    routes: Mapping[str, Route]
    stages: Mapping[str, Stage]
    cors: Cors | None


def read(api_id: str) -> Api | None:
    """The HTTP API with this id, in whatever region; None if there is none."""
    for region, backend in list(apigatewayv2_backends[ACCOUNT].items()):
        found: Any = backend.apis.get(api_id)
        if found is not None and found.protocol_type == "HTTP" and not found.disable_execute_api_endpoint:
            return Api(
                id=api_id,
                region=region,
                account=ACCOUNT,
                routes={route.route_key: _route(found, route) for route in list(found.routes.values())},
                # moto keeps no deployments, so a stage serves what is there once it deploys by itself.
                stages={s.name: _stage(s) for s in list(found.stages.values()) if s.auto_deploy},
                cors=cors.read(found.cors_configuration),
            )
    return None


def _route(api: Any, route: Any) -> Route:
    integration = api.integrations.get(str(route.target or "").removeprefix("integrations/"))
    function = _FUNCTION.search(str(integration.integration_uri)) if integration else None
    authorizer = api.authorizers.get(route.authorizer_id) if route.authorizer_id else None
    return Route(
        key=str(route.route_key),
        authorization=str(route.authorization_type or "NONE"),
        scopes=tuple(route.authorization_scopes or ()),
        authorizer=_authorizer(authorizer) if authorizer and authorizer.authorizer_type == "JWT" else None,
        integration=str(integration.integration_type) if integration else "",
        function_arn=function[0] if function else "",
        payload_format=str(integration.payload_format_version or "") if integration else "",
        timeout_ms=min(int(integration.timeout_in_millis or MAX_TIMEOUT_MS), MAX_TIMEOUT_MS)
        if integration
        else 0,
        credentials_arn=str(integration.credentials_arn or "") if integration else "",
    )


def _authorizer(authorizer: Any) -> JwtAuthorizer:
    source = authorizer.identity_source
    first = str((source[0] if is_list(source) else source) or "$request.header.Authorization")
    config: Mapping[str, Any] = authorizer.jwt_config or {}
    return JwtAuthorizer(
        header=first.removeprefix("$request.header."),
        issuer=str(config.get("issuer", "")),
        audience=tuple(config.get("audience", ())),
    )


def _stage(stage: Any) -> Stage:
    settings: Mapping[str, Any] = stage.default_route_settings or {}
    by_route: Mapping[str, Mapping[str, Any]] = stage.route_settings or {}
    log: Mapping[str, Any] = stage.access_log_settings or {}
    return Stage(
        name=str(stage.name),
        limit=_limit(settings),
        route_limits={key: _limit(value) for key, value in by_route.items() if _limits(value)},
        variables=dict(stage.stage_variables or {}),
        log_group=str(log.get("destinationArn", "")).partition(":log-group:")[2].removesuffix(":*"),
        log_format=str(log.get("format", "")),
    )


def _limit(settings: Mapping[str, Any]) -> Limit:
    rate, burst = settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit")
    return Limit(
        rate=DEFAULT_RATE if rate is None else float(rate),
        burst=DEFAULT_BURST if burst is None else int(burst),
    )


def _limits(settings: Mapping[str, Any]) -> bool:
    return "throttlingRateLimit" in settings or "throttlingBurstLimit" in settings
