"""What Google's AI services share: refusals that are final, and operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.ports import Unprocessable
from serverless_ai_runtime.core.ports import Deadline

# Statuses of refusals that no further attempt mends -> our code.
FINAL: Final[Mapping[str, str]] = {"400": "unsupported_type", "413": "too_large"}
JOBS: Final = "jobs/"
"""Prefix in the results bucket of what jobs write."""


def operation_of(service: Service, answer: Mapping[str, Any]) -> str:
    """The id of an operation that was begun: the last part of its name."""
    name = str(answer.get("name", "")).rpartition("/")[2]
    if not name:
        raise service.malformed("Begin", "an operation without a name")
    return name


def ended(service: Service, path: str, handle: str, deadline: Deadline) -> dict[str, Any] | None:
    """The operation `handle` of the place at `path`; None while it goes on.

    Raises `Unprocessable` if it failed, or if the service knows it no more.
    """
    response = service.call(
        "GetOperation", "GET", f"{path}/operations/{quote(handle, safe='')}", deadline, headers=dict
    )
    operation = service.parsed("GetOperation", response)
    if not operation.get("done"):
        return None
    require_success(service, operation.get("error"))
    return operation


def require_success(service: Service, status: Any) -> None:
    """Raise `Unprocessable` for a google.rpc.Status that says so."""
    failure: Mapping[str, Any] = status or {}
    if failure.get("code"):
        why = failure.get("message") or f"code {failure['code']} and no reason"
        raise Unprocessable("job_failed", f"{service.name}: {why}")
