"""Which service and operation a request is for: botocore's models, read by moto's router."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from botocore.exceptions import UnknownServiceError  # pyright: ignore[reportMissingTypeStubs]
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS, RequestParserError
from moto.core.request import Request as MotoRequest
from moto.core.routing import ProtocolRouter, get_router_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException

from serverless_ai_local.aws.api import ApiError

# Services of botocore that share a signing name or are not called like it; every other is called like it.
SERVICES: Final[Mapping[str, tuple[str, ...]]] = {
    "aoss": ("opensearchserverless",),
    "apigateway": ("apigatewayv2", "apigateway"),
    "bedrock": ("bedrock-runtime", "bedrock"),
    "dynamodb": ("dynamodb", "dynamodbstreams"),
    "elasticloadbalancing": ("elbv2", "elb"),
    "monitoring": ("cloudwatch",),
    "s3": ("s3", "s3control"),
    "states": ("stepfunctions",),
    "tagging": ("resourcegroupstaggingapi",),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Recognised:
    """An operation of a service, and the parts of the path that its model names."""

    model: OperationModel
    protocol: str
    path: Mapping[str, Any]

    @property
    def service(self) -> str:
        """botocore's name of the service, e.g. `apigatewayv2`."""
        return str(self.model.service_model.service_name)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]

    @property
    def operation(self) -> str:
        """botocore's name of the operation, e.g. `PutEvents`."""
        return str(self.model.name)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]

    def parameters(self, request: MotoRequest) -> dict[str, Any]:
        """The parameters of the call as boto3 would name them. Raises `ApiError` when they cannot be read."""
        parser = PROTOCOL_PARSERS[self.protocol](self.model, map_type=dict)
        try:
            return dict(
                parser.parse(
                    {
                        "method": request.method,
                        "values": request.values,
                        "headers": request.headers,
                        "body": request.get_data(),
                        "url_path": request.path,
                        "url_params": dict(self.path),
                    }
                )
                or {}
            )
        except (RequestParserError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise ApiError("SerializationException", f"the request cannot be read: {error}") from error


def recognise(signing_name: str, request: MotoRequest) -> Recognised:
    """The operation of this request. Raises `ApiError` naming the service or what was called on it."""
    for service in SERVICES.get(signing_name, (signing_name,)):
        protocol = protocol_of(service, request)
        try:
            model, path = _router(service, protocol).match(request)
        except HTTPException:
            continue
        return Recognised(model=model, protocol=protocol, path=path)
    called = (
        request.headers.get("X-Amz-Target")
        or request.values.get("Action")
        or f"{request.method} {request.path}"
    )
    raise ApiError("UnknownOperationException", f"{signing_name} has no operation {called}", 404)


def spoken_by(signing_name: str, request: MotoRequest) -> str:
    """The protocol to answer in before the operation is known."""
    return protocol_of(SERVICES.get(signing_name, (signing_name,))[0], request)


def protocol_of(service: str, request: MotoRequest) -> str:
    """The wire protocol of a request to a service; several services speak two."""
    model = _model(service)
    spoken = str(model.metadata["protocol"])
    if spoken.startswith("rest-") or spoken == "ec2":
        return spoken
    return "json" if request.headers.get("X-Amz-Target") else "query"


@cache
def _model(service: str) -> Any:
    try:
        return get_service_model(service)
    except UnknownServiceError:
        raise ApiError("UnknownService", f"there is no AWS service that signs as {service!r}", 404) from None


@cache
def _router(service: str, protocol: str) -> ProtocolRouter:
    router = get_router_class(service, protocol)
    if router is None:
        raise ApiError("UnknownProtocol", f"{service} is not called with the protocol {protocol}", 404)
    return router(_model(service))
