"""What Azure's services share: how their errors are read, and how they write a date."""

from __future__ import annotations

import time

from serverless_ai_runtime.adapters.service import Cloud, TokenSource
from serverless_ai_runtime.core.ports import ServiceError, World
from serverless_ai_runtime.http import HttpClient, Response


def azure(http: HttpClient, world: World, tokens: TokenSource) -> Cloud:
    """What all services of one app share."""
    return Cloud(http, world, tokens, _decode)


def http_date(now: float) -> str:
    """Unix seconds as the header x-ms-date wants them (RFC 1123)."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now))


def _decode(service: str, operation: str, response: Response) -> ServiceError:
    from serverless_ai_runtime.adapters.azure.errors import decode  # what went well never loads it

    return decode(service, operation, response)
