"""Calls to the local services, with the cloud's own reason when one fails."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from botocore import xform_name  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]
from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from serverless_ai_local.aws.provider import Context, ResourceError
from serverless_ai_local.aws.resources.fit import Shape, fit

_MISSING: Final = re.compile(r"NotFound|NoSuch|NonExistent|DoesNotExist|^404$")


class MissingError(ResourceError):
    """What a call is about does not exist."""


def call(context: Context, service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The service's answer. Raises `MissingError` if the thing does not exist, else `ResourceError`."""
    client = context.client(service)
    try:
        answer: dict[str, Any] = getattr(client, xform_name(operation))(**parameters)
    except ClientError as error:
        details: Mapping[str, Any] = error.response
        code = str(details["Error"].get("Code", ""))
        message = details["Error"].get("Message") or code
        kind = MissingError if _MISSING.search(code) else ResourceError
        raise kind(f"{message} (Service: {service}, Operation: {operation}, Code: {code})") from error
    except (BotoCoreError, TypeError, ValueError) as error:  # the SDK's own check of the parameters
        raise ResourceError(f"{error} (Service: {service}, Operation: {operation})") from error
    return answer


def fitted(
    context: Context, service: str, operation: str, parameters: Mapping[str, Any], place: str
) -> dict[str, Any]:
    """`call` with parameters in CloudFormation's form; `place` names them in an error."""
    return call(context, service, operation, fit(input_shape(context, service, operation), parameters, place))


def as_json(document: Any) -> str:
    """A document that may be given as an object or as its text."""
    return document if isinstance(document, str) else json.dumps(document)


def input_shape(context: Context, service: str, operation: str) -> Shape:
    """botocore's shape of what the operation takes."""
    return context.client(service).meta.service_model.operation_model(operation).input_shape
