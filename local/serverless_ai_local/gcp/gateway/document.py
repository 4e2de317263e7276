"""The OpenAPI document of an API Gateway, as far as the local one follows it. Anything else is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from serverless_ai_local.plain import is_list, is_mapping

_TOP: Final = (
    "swagger", "info", "schemes", "host", "basePath", "consumes", "produces", "securityDefinitions", "paths",
)  # fmt: skip
_OPERATION: Final = ("operationId", "summary", "security", "x-google-backend", "responses")
_BACKEND: Final = ("address", "jwt_audience", "path_translation", "deadline", "protocol")
_SCHEME: Final = (
    "type", "flow", "authorizationUrl", "x-google-issuer", "x-google-jwks_uri", "x-google-audiences",
)  # fmt: skip
DEADLINE_S: Final = 15.0
"""The gateway's default (OpenAPI extensions, read 2026-11)."""
APPEND: Final = "APPEND_PATH_TO_ADDRESS"


class DocumentError(ValueError):
    """The document cannot be followed; the text says where."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scheme:
    """Whose tokens are taken."""

    issuer: str
    audiences: tuple[str, ...]
    jwks_uri: str
    """Empty: found by the issuer's discovery document."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One path and method."""

    address: str
    audience: str
    deadline_s: float
    scheme: Scheme | None


Operations = Mapping[str, Mapping[str, Operation]]
"""Path -> method (capitals) -> operation."""


def read(contents: str) -> Operations:
    """From the document's base64. Raises `DocumentError`."""
    try:
        document: Any = json.loads(base64.b64decode(contents, validate=True))
    except ValueError as error:
        raise DocumentError(f"it must be JSON in base64: {error}") from error
    if not is_mapping(document) or document.get("swagger") != "2.0":
        raise DocumentError('it must be an object with swagger "2.0"')
    _only("", document, _TOP)
    schemes = {
        name: _scheme(f"securityDefinitions.{name}", one)
        for name, one in _object("securityDefinitions", document.get("securityDefinitions", {})).items()
    }
    paths = _object("paths", document.get("paths"))
    return {path: _methods(path, operations, schemes) for path, operations in paths.items()}


def _methods(path: str, operations: Any, schemes: Mapping[str, Scheme]) -> dict[str, Operation]:
    if "{" in path:
        raise DocumentError(f"paths.{path}: parameters in paths are not offered")
    return {
        method.upper(): _operation(f"paths.{path}.{method}", one, schemes)
        for method, one in _object(f"paths.{path}", operations).items()
    }


def _operation(where: str, given: Any, schemes: Mapping[str, Scheme]) -> Operation:
    operation = _object(where, given)
    _only(where, operation, _OPERATION)
    backend = _object(f"{where}.x-google-backend", operation.get("x-google-backend"))
    _only(f"{where}.x-google-backend", backend, _BACKEND)
    if backend.get("path_translation") != APPEND:
        raise DocumentError(f"{where}.x-google-backend.path_translation must be {APPEND} here")
    security = operation.get("security", [])
    if not is_list(security) or len(security) > 1 or any(len(one) != 1 for one in security):
        raise DocumentError(f"{where}.security must name at most one scheme here")
    names = [name for one in security for name in one]
    if any(name not in schemes for name in names):
        raise DocumentError(f"{where}.security names {names[0]}, which is not defined")
    return Operation(
        address=str(backend["address"]),
        audience=str(backend.get("jwt_audience") or backend["address"]),
        deadline_s=float(backend.get("deadline", DEADLINE_S)),
        scheme=schemes[names[0]] if names else None,
    )


def _scheme(where: str, given: Any) -> Scheme:
    scheme = _object(where, given)
    _only(where, scheme, _SCHEME)
    if not scheme.get("x-google-issuer"):
        raise DocumentError(f"{where}: only tokens of an issuer are offered (x-google-issuer)")
    audiences = str(scheme.get("x-google-audiences", ""))
    return Scheme(
        issuer=str(scheme["x-google-issuer"]),
        audiences=tuple(one.strip() for one in audiences.split(",") if one.strip()),
        jwks_uri=str(scheme.get("x-google-jwks_uri", "")),
    )


def _object(where: str, given: Any) -> dict[str, Any]:
    if not is_mapping(given):
        raise DocumentError(f"{where} must be an object")
    return given


def _only(where: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            place = f"{where}.{name}" if where else name
            raise DocumentError(f"{place} is not offered on the local cloud; offered: {', '.join(known)}")
