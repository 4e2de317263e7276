"""STS GetCallerIdentity: who signed this call. moto knows only keys of its own making."""

from __future__ import annotations

import uuid
from typing import Final
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import Call, Operations

_ANSWER: Final = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    "<Arn>{arn}</Arn><UserId>{user}</UserId><Account>{account}</Account></GetCallerIdentityResult>"
    "<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
)


def operations() -> Operations:
    """What this answers."""
    return {("sts", "GetCallerIdentity"): _identity}


def _identity(call: Call) -> Response:
    who = call.identity
    body = _ANSWER.format(arn=escape(who.arn), user=escape(who.user_id), account=who.account, id=uuid.uuid4())
    return Response(body, content_type="text/xml")
