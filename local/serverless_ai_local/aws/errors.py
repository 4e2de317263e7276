"""Errors on the wire: each protocol's form, and each protocol's own code for the same refusal."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.aws.signatures import Fault, SignatureError

_QUERY: Final = (
    "<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    "<RequestId>{id}</RequestId></ErrorResponse>"
)
_EC2: Final = (
    "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
    "<RequestID>{id}</RequestID></Response>"
)
_S3: Final = "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{id}</RequestId></Error>"
_XML: Final = {"query": _QUERY, "ec2": _EC2, "rest-xml": _S3}

_NO_MATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)
_S3_NO_MATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your key and "
    "signing method."
)
_INVALID_TOKEN: Final = "The security token included in the request is invalid."  # noqa: S105 - a text
_EXPIRED_TOKEN: Final = "The security token included in the request is expired"  # noqa: S105 - a text
_UNKNOWN_TO_S3: Final = "The AWS Access Key Id you provided does not exist in our records."
_TOO_FAR: Final = "The difference between the request time and the current time is too large."
_Row = tuple[str, int, str]
"""Code, status and text; an empty text is filled with the detail of what was wrong."""

_JSON_FAULTS: Final[Mapping[Fault, _Row]] = {
    Fault.MISSING: ("MissingAuthenticationTokenException", 403, ""),
    Fault.MALFORMED: ("IncompleteSignatureException", 403, ""),
    Fault.UNKNOWN_KEY: ("UnrecognizedClientException", 403, _INVALID_TOKEN),
    Fault.TOKEN: ("UnrecognizedClientException", 403, _INVALID_TOKEN),
    Fault.EXPIRED_TOKEN: ("ExpiredTokenException", 403, _EXPIRED_TOKEN),
    Fault.MISMATCH: ("InvalidSignatureException", 403, _NO_MATCH),
    Fault.PAYLOAD: ("InvalidSignatureException", 403, _NO_MATCH),
    Fault.EXPIRED: ("InvalidSignatureException", 403, ""),
    Fault.TOO_EARLY: ("InvalidSignatureException", 403, ""),
    Fault.EXPIRED_URL: ("InvalidSignatureException", 403, ""),
    Fault.UNSUPPORTED: ("IncompleteSignatureException", 403, ""),
}
_QUERY_FAULTS: Final[Mapping[Fault, _Row]] = {
    Fault.MISSING: ("MissingAuthenticationToken", 403, "Request is missing Authentication Token"),
    Fault.MALFORMED: ("IncompleteSignature", 403, ""),
    Fault.UNKNOWN_KEY: ("InvalidClientTokenId", 403, _INVALID_TOKEN),
    Fault.TOKEN: ("InvalidClientTokenId", 403, _INVALID_TOKEN),
    Fault.EXPIRED_TOKEN: ("ExpiredToken", 403, _EXPIRED_TOKEN),
    Fault.MISMATCH: ("SignatureDoesNotMatch", 403, _NO_MATCH),
    Fault.PAYLOAD: ("SignatureDoesNotMatch", 403, _NO_MATCH),
    Fault.EXPIRED: ("SignatureDoesNotMatch", 403, ""),
    Fault.TOO_EARLY: ("SignatureDoesNotMatch", 403, ""),
    Fault.EXPIRED_URL: ("RequestExpired", 400, "Request has expired."),
    Fault.UNSUPPORTED: ("IncompleteSignature", 403, ""),
}
_S3_FAULTS: Final[Mapping[Fault, _Row]] = {
    Fault.MISSING: ("AccessDenied", 403, "Access Denied"),
    Fault.MALFORMED: ("AuthorizationHeaderMalformed", 400, ""),
    Fault.UNKNOWN_KEY: ("InvalidAccessKeyId", 403, _UNKNOWN_TO_S3),
    Fault.TOKEN: ("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
    Fault.EXPIRED_TOKEN: ("ExpiredToken", 400, "The provided token has expired."),
    Fault.MISMATCH: ("SignatureDoesNotMatch", 403, _S3_NO_MATCH),
    Fault.PAYLOAD: (
        "XAmzContentSHA256Mismatch",
        400,
        "The provided 'x-amz-content-sha256' header does not match.",
    ),
    Fault.EXPIRED: ("RequestTimeTooSkewed", 403, _TOO_FAR),
    Fault.TOO_EARLY: ("RequestTimeTooSkewed", 403, _TOO_FAR),
    Fault.EXPIRED_URL: ("AccessDenied", 403, "Request has expired"),
    Fault.UNSUPPORTED: ("InvalidRequest", 400, ""),
}
_FAULTS: Final = {"query": _QUERY_FAULTS, "ec2": _QUERY_FAULTS, "rest-xml": _S3_FAULTS}


def of_signature(error: SignatureError, protocol: str) -> ApiError:
    """The refusal of a signature in the words of this protocol."""
    code, status, text = _FAULTS.get(protocol, _JSON_FAULTS)[error.fault]
    return ApiError(code, text or str(error), status)


def of_denial(error: ApiError, protocol: str) -> ApiError:
    """A denied permission: without the suffix in XML, and 400 where errors are always 400."""
    if error.code != "AccessDeniedException":
        return error
    if protocol in _XML:
        return ApiError("AccessDenied", error.message, 403)
    return ApiError(error.code, error.message, 400 if protocol == "json" else 403)


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
        ids = {"x-amzn-RequestId": request_id, "x-amz-request-id": request_id}
        return Response(body, error.status, ids, content_type="text/xml")
    headers = {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": error.code}
    kind = "application/x-amz-json-1.1" if protocol == "json" else "application/json"
    content = {"message": error.message}
    if protocol == "json":
        content["__type"] = error.code
    return Response(json.dumps(content), error.status, headers, content_type=kind)
