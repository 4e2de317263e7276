"""Errors on the wire: one error, written as each of AWS's protocols writes it."""

from __future__ import annotations

import json
import uuid
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError

_QUERY = (
    "<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    "<RequestId>{id}</RequestId></ErrorResponse>"
)
_EC2 = (
    "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
    "<RequestID>{id}</RequestID></Response>"
)
_S3 = "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{id}</RequestId></Error>"
_XML = {"query": _QUERY, "ec2": _EC2, "rest-xml": _S3}


def write(error: ApiError, protocol: str) -> Response:
    """The response for this error in `json`, `rest-json`, `query`, `ec2` or `rest-xml`."""
    request_id = str(uuid.uuid4())
    template = _XML.get(protocol)
    if template is not None:
        body = '<?xml version="1.0" encoding="UTF-8"?>\n' + template.format(
            fault="Sender" if error.status < 500 else "Receiver",
            code=escape(error.code),
            message=escape(error.message),
            id=request_id,
        )
        return Response(
            body,
            error.status,
            {"x-amzn-RequestId": request_id, "x-amz-request-id": request_id},
            content_type="text/xml",
        )
    headers = {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": error.code}
    kind = "application/x-amz-json-1.1" if protocol == "json" else "application/json"
    content = {"message": error.message}
    if protocol == "json":
        content["__type"] = error.code
    return Response(json.dumps(content), error.status, headers, content_type=kind)
