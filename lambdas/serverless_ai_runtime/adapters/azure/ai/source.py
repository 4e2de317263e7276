"""What Azure's AI services share: their refusals that are final, operations, headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.http import Response

# Statuses of refusals that no further attempt mends -> our code.
FINAL: Final[Mapping[str, str]] = {
    "400": "unsupported_type",
    "413": "too_large",
    "415": "unsupported_type",
}


def operation_of(service: Service, response: Response, header: str) -> str:
    """The id of an operation that was begun: the last part of the URL that a header names.

    The URL itself is not kept: our token goes to our own account only.
    """
    name = urlsplit(response.headers.get(header, "")).path.rstrip("/").rpartition("/")[2]
    if not name:
        raise service.malformed("Begin", f"there is no {header}")
    return name


def octets() -> dict[str, str]:
    """Headers of a request whose body is a file."""
    return {"content-type": "application/octet-stream"}


def nothing() -> dict[str, str]:
    """Headers of a request without a body."""
    return {}
