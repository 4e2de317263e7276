"""What handlers of API calls share: reading parameters, and answering in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from moto.core.request import Request as MotoRequest
from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import Call
from serverless_ai_local.aws.operations import recognise

JSON = "application/json"


def parameters(call: Call) -> dict[str, Any]:
    """The parameters of a call as boto3 names them, whatever its protocol. Raises `ApiError`."""
    request = cast(MotoRequest, call.request)
    return recognise(call.service, request).parameters(request)


def reply(content: Mapping[str, Any], status: int = 200) -> Response:
    """A JSON answer."""
    return Response(json.dumps(content), status, content_type=JSON)


def document(response: Response) -> dict[str, Any]:
    """The JSON of a response; empty if it has none."""
    text = response.get_data()
    return json.loads(text) if text else {}


def section(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A nested object of parameters; empty where it is absent or null."""
    found: Any = given
    for name in names:
        found = found.get(name) or {}
    return found
