"""The one endpoint of all AWS services: recognise the call, check who makes it and whether it may, hand it on."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from typing import Any, Final

from moto.core.request import Request as MotoRequest
from werkzeug.wrappers import Response

from serverless_ai_local.aws import errors
from serverless_ai_local.aws.api import ApiError, Call, Handler, Identity
from serverless_ai_local.aws.moto_backends import ACCOUNT, Moto
from serverless_ai_local.aws.operations import Recognised, recognise, spoken_by

_SCOPE: Final = re.compile(r"Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request")


class Front:
    """Answers every AWS API call. `operations` are those that this cloud offers itself; the rest is moto's."""

    def __init__(self, operations: Mapping[tuple[str, str], Handler], moto: Moto) -> None:
        self._operations, self._moto = operations, moto

    def __call__(self, environ: dict[str, Any]) -> Response:
        request = MotoRequest(environ)
        request.get_data(cache=True)
        scope = _SCOPE.search(request.headers.get("Authorization", ""))
        if scope is None:
            return errors.write(
                ApiError("MissingAuthenticationToken", "the request is not signed", 403), "rest-json"
            )
        key, _, region, signing_name = scope.groups()
        protocol = "rest-json"
        try:
            protocol = spoken_by(signing_name, request)
            recognised = recognise(signing_name, request)
            protocol = recognised.protocol
            identity = Identity(arn=f"arn:aws:iam::{ACCOUNT}:root", account=ACCOUNT, access_key=key)
            return self._answer(signing_name, region, identity, recognised, request)
        except ApiError as error:
            return errors.write(error, protocol)
        except Exception as error:
            traceback.print_exc()
            failure = ApiError("InternalFailure", f"{type(error).__name__}: {error}", 500)
            return errors.write(failure, protocol)

    def _answer(
        self, signing_name: str, region: str, identity: Identity, recognised: Recognised, request: MotoRequest
    ) -> Response:
        operation = str(recognised.model.name)
        handler = self._operations.get((signing_name, operation))
        if handler is None:
            request.environ["wsgi.input"].seek(0)
            return self._moto.answer(request.environ, signing_name, operation)
        return handler(
            Call(
                service=signing_name,
                operation=operation,
                region=region,
                account=identity.account,
                identity=identity,
                request=request,
            )
        )
