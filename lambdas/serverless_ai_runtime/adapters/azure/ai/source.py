"""What Azure's AI services are given of an item, and what their refusals mean for it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final, NoReturn
from urllib.parse import urlsplit

from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.ports import Source, Unprocessable
from serverless_ai_runtime.core.ports import Refused, Unavailable
from serverless_ai_runtime.http import Response

MEBIBYTE: Final = 1024 * 1024
# Statuses of refusals that no further attempt mends -> our code.
FINAL: Final[Mapping[int, str]] = {400: "unsupported_type", 413: "too_large", 415: "unsupported_type"}


def content_of(source: Source, service: str, most_mb: int) -> bytes:
    """An item's file; raises `Unprocessable` for a message, and for one too large for the service."""
    if source.ref is None:
        raise Unprocessable("unsupported_type", f"{service} takes files: upload one, do not send a message")
    return source.load(most_mb * MEBIBYTE)


@contextmanager
def judged() -> Generator[None]:
    """Turn a refusal that is the item's own fault into `Unprocessable`, with the service's own words."""
    try:
        yield
    except Refused as error:
        code = FINAL.get(error.status)
        if code is None:
            raise
        raise Unprocessable(code, str(error)) from None


def operation_of(service: Service, response: Response, header: str) -> str:
    """The id of an operation that was begun: the last part of the URL that a header names.

    The URL itself is not kept: our token goes to our own account only.
    """
    name = urlsplit(response.headers.get(header, "")).path.rstrip("/").rpartition("/")[2]
    if not name:
        raise malformed(service, f"there is no {header}")
    return name


def malformed(service: Service, what: object) -> Unavailable:
    """The error for an answer that is not what the service promises."""
    return service.malformed("Analyse", f"not what was asked for: {what!r}")


def octets() -> dict[str, str]:
    """Headers of a request whose body is a file."""
    return {"content-type": "application/octet-stream"}


def nothing() -> dict[str, str]:
    """Headers of a request without a body."""
    return {}


def no_jobs(service: str, handle: str) -> NoReturn:
    """The `collect` of a service that starts no jobs."""
    raise Unprocessable("unknown_job", f"{service} starts no jobs, but {handle} came back")
