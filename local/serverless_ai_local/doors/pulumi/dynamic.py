"""Dynamic resources: their providers are part of the program, and run in the SDK's own server for them."""

from __future__ import annotations

import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from serverless_ai_local import graph
from serverless_ai_local.doors.pulumi.clouds import CloudError, Consequence, Live, Placed, Target
from serverless_ai_local.doors.pulumi.values import Values, decode, encode, known

PROVIDER: Final = "__provider"
"""The input that holds the provider itself, pickled by the SDK."""
CHILD: Final = Path(__file__).with_name("dynamic_child.py")

Environment = Callable[[str], Mapping[str, str]]
"""Endpoint of the local cloud -> the variables that a provider runs with."""


class DynamicCloud:
    """What answers for `pulumi-python:`: every type of it is made by the provider in its inputs."""

    def __init__(self, environment: Environment) -> None:
        self._server = _Server(environment)

    def settings(self, config: Values) -> Values:
        """There is nothing to configure: providers with `configure` get an empty configuration."""
        return {}

    def consequence(self, token: str, old: Values, new: Values) -> Consequence:
        return "none"

    def kind(self, token: str) -> DynamicKind:
        return DynamicKind(token, self._server)

    def invoke(self, target: Target, token: str, arguments: Values) -> Values:
        raise CloudError(f"function {token}: dynamic providers have no functions")

    def graph(self, resources: Sequence[Placed]) -> list[graph.Resource]:
        """As they are, without the provider's code."""
        return [
            graph.Resource(
                name=one.name,
                type=one.token,
                properties={key: value for key, value in one.inputs.items() if key != PROVIDER},
                physical_id=one.live.id,
                depends_on=one.depends_on,
            )
            for one in resources
        ]


class DynamicKind:
    """One dynamic type."""

    def __init__(self, token: str, server: _Server) -> None:
        self._token, self._server = token, server

    def defaults(self, name: str, inputs: Values, random: Callable[[int], str]) -> Values:
        return {}

    def check(self, inputs: Values) -> None:
        """The provider's own check is left to `create`: there may be no cloud to run against yet."""

    def differs(self, target: Target, live: Live, new: Values) -> bool:
        """Whether the provider itself sees a change between what is there and the new inputs."""
        if not known(new):
            return True
        answer = self._server.call(
            target,
            "Diff",
            provider_pb2.DiffRequest(id=live.id, olds=_struct(live.outputs), news=_struct(new)),
        )
        return answer.changes != provider_pb2.DiffResponse.DIFF_NONE

    def replaces(self, old: Values, new: Values) -> bool:
        return False

    def collides(self, old: Values, new: Values) -> bool:
        return False

    def create(self, target: Target, name: str, inputs: Values) -> Live:
        made = self._server.call(target, "Create", provider_pb2.CreateRequest(properties=_struct(inputs)))
        return Live(id=made.id, outputs=_values(made.properties))

    def update(self, target: Target, live: Live, old: Values, new: Values) -> Live:
        request = provider_pb2.UpdateRequest(id=live.id, olds=_struct(live.outputs), news=_struct(new))
        made = self._server.call(target, "Update", request)
        return Live(id=live.id, outputs=_values(made.properties))

    def delete(self, target: Target, live: Live, inputs: Values) -> None:
        self._server.call(
            target, "Delete", provider_pb2.DeleteRequest(id=live.id, properties=_struct(live.outputs))
        )

    def read(self, target: Target, id: str) -> Live:  # noqa: A002 - Pulumi's word
        raise CloudError(f"{self._token}: existing ones cannot be read on the local cloud")


class _Server:
    """The SDK's server in a process of its own, started by the first call."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._stub: Any = None
        self._lock = threading.Lock()

    def call(self, target: Target, method: str, request: Any) -> Any:
        """Raises `CloudError` with the last line of what the provider raised."""
        with self._lock:
            if self._stub is None:
                self._stub = self._started(target.endpoint)
        try:
            return getattr(self._stub, method)(request)
        except grpc.RpcError as error:
            refusal: Any = error  # gRPC's errors have no types of their own
            lines = str(refusal.details()).strip().splitlines()
            raise CloudError(f"its provider failed: {lines[-1] if lines else refusal.code()}") from error

    def _started(self, endpoint: str) -> Any:
        process = subprocess.Popen(
            [sys.executable, "-u", str(CHILD)],
            env=dict(self._environment(endpoint)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        weakref.finalize(self, _end, process)
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port.isdigit():
            raise CloudError("the SDK's server of dynamic providers did not start")
        channel: Any = grpc.insecure_channel(f"127.0.0.1:{port}")  # pyright: ignore[reportUnknownMemberType]
        return provider_pb2_grpc.ResourceProviderStub(channel)


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def _struct(values: Values) -> struct_pb2.Struct:
    return json_format.ParseDict(encode(values), struct_pb2.Struct())


def _values(properties: struct_pb2.Struct) -> Values:
    return decode(json_format.MessageToDict(properties), Path())
