"""The services behind the front: moto, in this process. What moto lacks is an error with its name."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import traceback
from typing import Any

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Call
from serverless_ai_local.http_server import HEADERS

# Accounts are not told apart: everything is in the one account, whichever key signed.
ACCOUNT = "123456789012"
# moto checks a condition and then writes; DynamoDB promises that nothing comes between the two.
_ATOMIC = ("dynamodb",)


def configure(url: str) -> None:
    """Settings that moto reads from the environment when its modules are first imported."""
    os.environ.update(
        MOTO_ACCOUNT_ID=ACCOUNT,
        MOTO_PORT=url.rsplit(":", 1)[1],
        MOTO_DISABLE_GLOBAL_CORS="true",
        MOTO_S3_CUSTOM_ENDPOINTS=url,
        TEST_SERVER_MODE="true",
    )
    from moto.core.config import default_user_config  # noqa: PLC0415

    default_user_config["iam"] = {"load_aws_managed_policies": True}
    default_user_config["stepfunctions"] = {"execute_state_machine": True}


class Moto:
    """Every service that moto knows, as one WSGI-like call."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import (  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]
            DomainDispatcherApplication,
            create_backend_app,
        )

        self._apps = DomainDispatcherApplication(create_backend_app)
        # moto lists its folder and tries two hundred patterns, 1.4 ms a request, for the same answer.
        self._apps.get_backend_for_host = functools.lru_cache(self._apps.get_backend_for_host)
        # By host name moto takes HTTP APIs for a part of REST APIs, and those need a dozen more packages.
        self._http_apis = functools.cache(lambda: create_backend_app("apigatewayv2"))
        self._locks = {service: threading.Lock() for service in _ATOMIC}

    def forward(self, call: Call) -> Response:
        """moto's response to a call, e.g. for a handler that only adds to it."""
        return self.answer(call.request.environ, call.service, call.operation)

    def answer(self, environ: dict[str, Any], service: str, operation: str) -> Response:
        """moto's response to this request; raises `ApiError` for what moto does not have."""
        from moto.core.request import (  # noqa: PLC0415
            PRESERVED_HEADER_NAMES_ENVIRON_KEY,
            environ_key_for_header,
            should_preserve_original_header_name,
        )

        environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = {
            environ_key_for_header(name): name
            for name, _ in environ.get(HEADERS, ())
            if should_preserve_original_header_name(name)
        }
        environ["wsgi.input"].seek(0)
        try:
            with self._locks.get(service, contextlib.nullcontext()):
                response = Response.from_app(self._app(service, environ), environ)
        except NotImplementedError as error:
            raise missing(service, operation) from error
        except ModuleNotFoundError as error:
            detail = f"{service}:{operation} needs the Python package {error.name}, which is not installed"
            raise ApiError("NotImplemented", detail, 501) from error
        except Exception as error:
            traceback.print_exc()
            raise ApiError(
                "InternalFailure",
                f"the local {service}:{operation} failed: {type(error).__name__}: {error}",
                500,
            ) from error
        page = response.mimetype == "text/html" and environ["REQUEST_METHOD"] != "HEAD"
        if page and response.status_code in (404, 405):
            raise missing(service, operation)  # Flask's own page: there is no such path in moto
        return response

    def _app(self, service: str, environ: dict[str, Any]) -> Any:
        http_api = service == "apigateway" and str(environ["PATH_INFO"]).startswith("/v2/")
        return self._http_apis() if http_api else self._apps


def missing(service: str, operation: str) -> ApiError:
    """The error for an operation that nothing here offers."""
    return ApiError("NotImplemented", f"the local cloud does not offer {service}:{operation}", 501)
