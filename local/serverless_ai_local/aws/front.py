"""The one endpoint of all AWS services: recognise a call, check who makes it and may they, hand it on."""

from __future__ import annotations

import re
import traceback
import uuid
from typing import Any, Final

from moto.core.request import Request as MotoRequest
from werkzeug.wrappers import Response

from serverless_ai_local.aws import errors
from serverless_ai_local.aws.api import ApiError, Call, Identity, Operations
from serverless_ai_local.aws.iam.authoriser import Authoriser
from serverless_ai_local.aws.iam.needs import Place, needs
from serverless_ai_local.aws.identities import Identities
from serverless_ai_local.aws.moto_backends import ACCOUNT, Moto
from serverless_ai_local.aws.operations import Recognised, recognise, spoken_by
from serverless_ai_local.aws.signatures import SignatureError
from serverless_ai_local.http_server import sent

_SCOPE: Final = re.compile(r"[^/\s=]+/\d{8}/[^/\s]+/([^/\s,]+)/aws4_request")


class Front:
    """Answers every AWS API call. `operations` are those this cloud offers itself; the rest is moto's."""

    def __init__(
        self, identities: Identities, authoriser: Authoriser, operations: Operations, moto: Moto
    ) -> None:
        self._identities, self._authoriser = identities, authoriser
        self._operations, self._moto = operations, moto

    def __call__(self, environ: dict[str, Any]) -> Response:
        """The response, always with a request id."""
        response = self._respond(environ)
        response.headers.setdefault("x-amzn-RequestId", str(uuid.uuid4()))
        return response

    def _respond(self, environ: dict[str, Any]) -> Response:
        request = MotoRequest(environ)
        request.get_data(cache=True)
        protocol = _unsigned_protocol(request)
        try:
            protocol = _protocol(request, protocol)
            identity, signature = self._identities.authenticate(sent(environ))
            recognised = recognise(signature.service, request)
            protocol = recognised.protocol
            self._authorise(identity, recognised, request, Place(region=signature.region, account=ACCOUNT))
            return self._answer(signature.service, signature.region, identity, recognised, request)
        except SignatureError as error:
            return errors.write(errors.of_signature(error, protocol), protocol)
        except ApiError as error:
            return errors.write(errors.of_denial(error, protocol), protocol)
        except ConnectionAbortedError:
            raise  # a fault script wants the connection to end without an answer
        except Exception as error:
            traceback.print_exc()
            return errors.write(
                ApiError("InternalFailure", f"{type(error).__name__}: {error}", 500), protocol
            )

    def _authorise(
        self, identity: Identity, recognised: Recognised, request: MotoRequest, place: Place
    ) -> None:
        if identity.administrator:
            return
        for need in needs(recognised.service, recognised.operation, recognised.parameters(request), place):
            self._authoriser.check(
                identity,
                need.action,
                need.resource,
                {
                    **need.context,
                    "aws:RequestedRegion": [place.region],
                    "aws:SourceIp": [request.remote_addr or "127.0.0.1"],
                    "aws:UserAgent": [request.headers.get("User-Agent", "")],
                },
            )

    def _answer(
        self, service: str, region: str, identity: Identity, recognised: Recognised, request: MotoRequest
    ) -> Response:
        handler = self._operations.get((service, recognised.operation), self._moto.forward)
        return handler(
            Call(
                service=service,
                operation=recognised.operation,
                region=region,
                account=identity.account,
                identity=identity,
                request=request,
            )
        )


def _protocol(request: MotoRequest, otherwise: str) -> str:
    """The protocol of the service that the request says it is signed for."""
    scope = _SCOPE.search(
        request.headers.get("Authorization", "") or request.args.get("X-Amz-Credential", "")
    )
    return spoken_by(scope[1], request) if scope else otherwise


def _unsigned_protocol(request: MotoRequest) -> str:
    if request.headers.get("X-Amz-Target"):
        return "json"
    return "query" if "Action" in request.values else "rest-json"
