"""Pulumi's ResourceMonitor: the program registers resources here, and asks questions."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from google.protobuf.message import Message
from pulumi.runtime.proto import callback_pb2, resource_pb2, resource_pb2_grpc

from serverless_ai_local.doors.pulumi import registration
from serverless_ai_local.doors.pulumi.clouds import CloudError
from serverless_ai_local.doors.pulumi.results import RefusedError
from serverless_ai_local.doors.pulumi.state import Entry
from serverless_ai_local.doors.pulumi.transforms import Transforms
from serverless_ai_local.doors.pulumi.update import StoppedError, Update
from serverless_ai_local.doors.pulumi.values import decode, encode

Answer = TypeVar("Answer")
# Hooks and state migrations are listed so that our own words refuse them. Byte strings are not understood
# here, and invokes wait on the program's side.
NOT_SUPPORTED = (
    "BYTE_STRING",
    "INVOKE_DEPENDS_ON",
    "INVOKE_PARENT",
    "INVOKE_OUTPUT_VALUES",
    "CALL_OUTPUT_VALUES",
)
LEGACY_FEATURES = (
    "aliasSpecs",
    "deletedWith",
    "outputValues",
    "parameterization",
    "resourceHooks",
    "resourceReferences",
    "secrets",
    "transforms",
)
PARALLEL = 16


class Call(Protocol):
    """What gRPC passes to a method besides the request."""

    def abort(self, code: Any, details: str) -> NoReturn: ...


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """One program's run. `folder`: where its relative paths start; `root`: where its source lies."""

    def __init__(self, update: Update, *, project: str, stack: str, folder: Path, root: Path) -> None:
        self._update = update
        self._project = project
        self._stack = stack
        self._folder = folder
        self._root = root
        self._transforms = Transforms()
        self._under_way = 0
        self._idle = threading.Condition()

    def wait_until_idle(self) -> None:
        """Every registration that was begun has come to its end, and is in the state.

        gRPC does not wait for them when the program is gone, and a resource may be half made.
        """
        with self._idle:
            self._idle.wait_for(lambda: self._under_way == 0)

    def GetDeploymentInfo(self, request: Message, context: Any) -> resource_pb2.DeploymentInfo:  # noqa: N802
        features = [
            number
            for name, number in resource_pb2.ResourceMonitorFeature.items()
            if not name.endswith(NOT_SUPPORTED)
        ]
        return resource_pb2.DeploymentInfo(
            project=self._project,
            stack=self._stack,
            organization="organization",
            dryRun=self._update.steps.dry,
            parallel=PARALLEL,
            supportedFeatures=features,
        )

    def SupportsFeature(  # noqa: N802
        self, request: resource_pb2.SupportsFeatureRequest, context: Any
    ) -> resource_pb2.SupportsFeatureResponse:
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in LEGACY_FEATURES)

    def RegisterResource(  # noqa: N802
        self, request: Any, context: Call
    ) -> resource_pb2.RegisterResourceResponse:
        place = registration.position(request.sourcePosition, request.stackTrace, self._root)

        def work() -> resource_pb2.RegisterResourceResponse:
            changed = self._transforms.apply(request)
            made = self._update.register(registration.read(changed, self._folder))
            self._transforms.add(made.urn, request.transforms, request.parent)
            return resource_pb2.RegisterResourceResponse(
                urn=made.urn, id=made.id, object=_struct(made.outputs), result=resource_pb2.SUCCESS
            )

        return self._guarded(context, place, request, work)

    def RegisterResourceOutputs(  # noqa: N802
        self, request: resource_pb2.RegisterResourceOutputsRequest, context: Call
    ) -> empty_pb2.Empty:
        try:
            outputs = decode(json_format.MessageToDict(request.outputs), self._folder)
            self._update.set_outputs(request.urn, outputs)
        except (RefusedError, ValueError) as error:
            self._update.steps.report.problem(str(error), urn=request.urn)
            return _refuse(context, str(error))
        return empty_pb2.Empty()

    def ReadResource(  # noqa: N802
        self, request: Any, context: Call
    ) -> resource_pb2.ReadResourceResponse:
        place = registration.position(request.sourcePosition, request.stackTrace, self._root)

        def work() -> resource_pb2.ReadResourceResponse:
            entry = Entry(
                urn="",
                type=request.type,
                name=request.name,
                custom=True,
                parent=request.parent,
                dependencies=tuple(sorted(request.dependencies)),
                provider=registration.provider_urn(request.provider),
            )
            found = self._update.read(entry, decode(request.id, self._folder))
            return resource_pb2.ReadResourceResponse(
                urn=found.urn, id=found.id, properties=_struct(found.outputs), result=resource_pb2.SUCCESS
            )

        return self._guarded(context, place, request, work)

    def Invoke(  # noqa: N802
        self, request: resource_pb2.ResourceInvokeRequest, context: Call
    ) -> resource_pb2.ResourceInvokeResponse:
        # A program may catch what an invoke raises: it is a problem only if the program dies of it.
        try:
            arguments = decode(json_format.MessageToDict(request.args), self._folder)
            provider = registration.provider_urn(request.provider)
            answer = self._update.invoke(request.tok, arguments, provider)
        except (RefusedError, CloudError, ValueError) as error:
            return _refuse(context, str(error))
        fields: dict[str, Any] = {"return": _struct(answer)}  # a keyword of Python
        return resource_pb2.ResourceInvokeResponse(**fields)

    def Call(self, request: resource_pb2.ResourceCallRequest, context: Call) -> Any:  # noqa: N802
        return _refuse(context, f"{request.tok}: methods of resources are not called here")

    def ExistsResource(self, request: resource_pb2.ExistsResourceRequest, context: Call) -> Any:  # noqa: N802
        return _refuse(
            context, f"{request.type} {request.id!r}: whether it exists cannot be asked here; use .get()"
        )

    def RegisterPackage(  # noqa: N802
        self, request: resource_pb2.RegisterPackageRequest, context: Call
    ) -> resource_pb2.RegisterPackageResponse:
        if request.HasField("parameterization"):
            name = request.parameterization.name
            return _refuse(
                context, f"package {name!r} of {request.name!r}: parameterized providers do not run here"
            )
        return resource_pb2.RegisterPackageResponse(ref=f"{request.name}@{request.version}")

    def RegisterStackTransform(self, request: callback_pb2.Callback, context: Any) -> empty_pb2.Empty:  # noqa: N802
        self._transforms.add_to_stack(request)
        return empty_pb2.Empty()

    def RegisterStackInvokeTransform(self, request: Message, context: Call) -> empty_pb2.Empty:  # noqa: N802
        return _refuse(context, "transforms of invokes do not run here")

    def RegisterResourceHook(  # noqa: N802
        self, request: resource_pb2.RegisterResourceHookRequest, context: Call
    ) -> empty_pb2.Empty:
        return _refuse(context, f"resource hook {request.name!r}: hooks do not run here")

    def RegisterErrorHook(self, request: Any, context: Call) -> empty_pb2.Empty:  # noqa: N802
        return _refuse(context, f"error hook {request.name!r}: hooks do not run here")

    def SignalAndWaitForShutdown(self, request: Message, context: Any) -> empty_pb2.Empty:  # noqa: N802
        # There are no hooks that a deletion would call: the program need not wait for it.
        return empty_pb2.Empty()

    @contextmanager
    def _counted(self) -> Generator[None]:
        with self._idle:
            self._under_way += 1
        try:
            yield
        finally:
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()

    def _guarded(self, context: Call, place: str, request: Any, work: Callable[[], Answer]) -> Answer:
        """A registration that fails is a problem, said with its place in the program."""
        with self._counted():
            try:
                return work()
            except StoppedError as stopped:
                text = str(stopped)
            except Exception as error:  # a fault of ours or of a translator must not pass for a success
                subject = f"{request.type} {request.name!r}: {_reason(error)}"
                text = f"{place}: {subject}" if place else subject
                self._update.steps.report.problem(text, type_=request.type, name=request.name)
        return _refuse(context, text)


def _reason(error: Exception) -> str:
    if isinstance(error, RefusedError | CloudError | ValueError):
        return str(error)
    if isinstance(error, grpc.RpcError):
        refusal: Any = error  # gRPC's errors have no types of their own
        return f"a transform failed: {refusal.details()}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} (at {Path(last.filename).name}:{last.lineno})"


def _refuse(context: Call, text: str) -> NoReturn:
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, text)


def _struct(values: Any) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update({key: encode(value) for key, value in values.items() if value is not None})
    return struct
