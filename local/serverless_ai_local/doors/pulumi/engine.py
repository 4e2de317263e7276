"""Pulumi's Engine: what the program logs, the root of its resources, and which version it wants."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.protobuf.message import Message
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from serverless_ai_local.doors.pulumi.report import Report
from serverless_ai_local.doors.pulumi.results import RefusedError

SEVERITIES = {engine_pb2.INFO: "info", engine_pb2.WARNING: "warning", engine_pb2.ERROR: "error"}
_COMPARATOR = re.compile(r"(>=|<=|!=|==|>|<|=|!)?\s*v?(\d+(?:\.\d+){0,2})")


class Engine(engine_pb2_grpc.EngineServicer):
    """Collects `errors` apart: the deployment decides which of them say something new."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._root = ""
        self.errors: list[str] = []

    def Log(self, request: engine_pb2.LogRequest, context: Any) -> empty_pb2.Empty:  # noqa: N802
        severity = SEVERITIES.get(request.severity)
        if severity == "error":
            self.errors.append(request.message)
        elif severity is not None and not request.ephemeral:
            self._report.message(severity, request.message)
        return empty_pb2.Empty()

    def GetRootResource(self, request: Message, context: Any) -> engine_pb2.GetRootResourceResponse:  # noqa: N802
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(  # noqa: N802
        self, request: engine_pb2.SetRootResourceRequest, context: Any
    ) -> engine_pb2.SetRootResourceResponse:
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()

    def StartDebugging(self, request: Message, context: Any) -> empty_pb2.Empty:  # noqa: N802
        return empty_pb2.Empty()

    def RequirePulumiVersion(  # noqa: N802
        self, request: engine_pb2.RequirePulumiVersionRequest, context: Any
    ) -> engine_pb2.RequirePulumiVersionResponse:
        try:
            require_version(request.pulumi_version_range)
        except RefusedError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return engine_pb2.RequirePulumiVersionResponse()


def require_version(wanted: str) -> None:
    """Check a range such as `>=3.100.0 <4.0.0 || >=5.0.0` against the SDK, whose protocol is spoken here.

    Raises `RefusedError` if it does not hold or cannot be read.
    """
    sdk = version("pulumi")
    installed = _numbers(sdk)
    alternatives = [_holds(alternative, installed) for alternative in wanted.split("||")]
    if not any(alternatives):
        raise RefusedError(f"the program wants Pulumi {wanted}; this speaks the protocol of {sdk}")


def _holds(alternative: str, installed: tuple[int, ...]) -> bool:
    rest = _COMPARATOR.sub("", alternative).strip()
    if rest or not alternative.strip():
        raise RefusedError(f"{alternative!r} is not a range of versions such as >=3.100.0 <4.0.0")
    return all(_compare(sign, installed, _numbers(text)) for sign, text in _COMPARATOR.findall(alternative))


def _compare(sign: str, left: tuple[int, ...], right: tuple[int, ...]) -> bool:
    results = {
        ">=": left >= right,
        "<=": left <= right,
        ">": left > right,
        "<": left < right,
        "!": left != right,
        "!=": left != right,
    }
    return results.get(sign, left == right)


def _numbers(version: str) -> tuple[int, ...]:
    found = [int(part) for part in re.findall(r"\d+", version)[:3]]
    return tuple(found + [0] * (3 - len(found)))
