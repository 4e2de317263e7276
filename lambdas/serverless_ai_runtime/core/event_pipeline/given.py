"""What an AI service is given of an item, and what its refusals mean for it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final, NoReturn

from serverless_ai_runtime.core.event_pipeline.ports import Source, Unprocessable
from serverless_ai_runtime.core.ports import Refused

MEBIBYTE: Final = 1024 * 1024


def content_of(source: Source, service: str, most_mb: int) -> bytes:
    """An item's file; raises `Unprocessable` for a message, and for one too large for the service."""
    require_file(source, service)
    return source.load(most_mb * MEBIBYTE)


def require_file(source: Source, service: str) -> None:
    """Raise `Unprocessable` for an item that is a message."""
    if source.ref is None:
        raise Unprocessable("unsupported_type", f"{service} takes files: upload one, do not send a message")


@contextmanager
def judged(final: Mapping[str, str]) -> Generator[None]:
    """Turn a refusal that no further attempt mends into `Unprocessable`, with the service's own words.

    `final`: the service's code, or the HTTP status as text -> our code.
    """
    try:
        yield
    except Refused as error:
        code = final.get(error.code) or final.get(str(error.status))
        if code is None:
            raise
        raise Unprocessable(code, str(error)) from None


def no_jobs(service: str, handle: str) -> NoReturn:
    """The `collect` of a service that starts no jobs."""
    raise Unprocessable("unknown_job", f"{service} starts no jobs, but {handle} came back")
