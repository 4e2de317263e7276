"""A recorder in the place of Pulumi's engine: what a program registers, as it goes over the wire."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi.runtime
from google.protobuf import json_format, struct_pb2
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import SETTINGS

STACK_TYPE = "pulumi:pulumi:Stack"

Inputs = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """What a provider would answer, as far as a component or its users read it."""

    project: str
    computed: Mapping[str, Mapping[str, Callable[[str], Any]]]
    """Resource type -> output -> its value, made of the physical name."""
    invokes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the provider's functions answer, by token."""
    name_of: Callable[[str, str, Inputs], str] = lambda _, name, inputs: inputs.get("name", f"{name}-0a1b2c3")
    """Physical name of a resource by type, logical name and inputs."""
    id_of: Callable[[str, str, str, Inputs], str] = lambda _, name, __, ___: f"{name}-id"
    """Id of a resource by type, logical name, physical name and inputs."""
    echo: Callable[[Inputs], Inputs] = lambda inputs: inputs
    """Inputs as the provider repeats them."""


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One resource as the program registered it; `inputs` are the wire's, plain."""

    urn: str
    type: str
    name: str
    parent: str
    provider: str
    inputs: dict[str, Any]
    dependencies: tuple[str, ...]
    physical: str
    deleted_with: str = ""
    protect: bool = False
    references: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Property -> URNs of the resources that its value is made of."""

    def document(self, key: str) -> dict[str, Any]:
        """An input that holds JSON text."""
        return json.loads(self.inputs[key])


@dataclass
class Recording:
    """Everything that one run of a program told the engine."""

    resources: list[Registered] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    invokes: list[tuple[str, str]] = field(default_factory=list)
    """Token and provider of each call to a provider's function."""
    warnings: list[str] = field(default_factory=list)

    def all(self, type_name: str) -> list[Registered]:
        """Resources whose type ends with `:type_name`."""
        return [each for each in self.resources if each.type.endswith(f":{type_name}")]

    def one(self, type_name: str, name: str = "") -> Registered:
        """The resource of this type, and where there are several, of this logical name."""
        found = [each for each in self.all(type_name) if name in ("", each.name)]
        assert len(found) == 1, f"{type_name} {name}: {[each.name for each in found]}"
        return found[0]

    @property
    def picture(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Every resource by type and name, with its inputs."""
        return {(each.type, each.name): each.inputs for each in self.resources}

    @property
    def statements(self) -> list[dict[str, Any]]:
        """Every statement of every role."""
        return [one for each in self.all("RolePolicy") for one in each.document("policy")["Statement"]]

    @property
    def exports(self) -> dict[str, Any]:
        """The stack's outputs."""
        return next(outputs for urn, outputs in self.outputs.items() if f"::{STACK_TYPE}::" in urn)


class Monitor(mocks.MockMonitor):
    """The engine's side of a run. In a preview what the provider computes is unknown, as in Pulumi's own."""

    def __init__(self, cloud: Cloud, *, preview: bool) -> None:
        self.recording = Recording()
        self._cloud, self._preview = cloud, preview
        self._lock = threading.Lock()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs = json_format.MessageToDict(request.object)
        physical = self._cloud.name_of(request.type, request.name, inputs)
        with self._lock:
            if any(each.urn == urn for each in self.recording.resources):
                raise ValueError(f"duplicate resource {urn}")
            self.recording.resources.append(
                Registered(
                    urn=urn,
                    type=request.type,
                    name=request.name,
                    parent=request.parent,
                    provider=request.provider,
                    inputs=inputs,
                    dependencies=tuple(request.dependencies),
                    physical=physical,
                    deleted_with=request.deletedWith,
                    protect=request.protect,
                    references={
                        key: frozenset(made_of.urns) for key, made_of in request.propertyDependencies.items()
                    },
                )
            )
        if not request.custom:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        computed = {"name": lambda name: name, **self._cloud.computed.get(request.type, {})}
        outputs = struct_pb2.Struct()
        outputs.update(
            {
                **self._cloud.echo(inputs),
                **{key: rpc.UNKNOWN if self._preview else of(physical) for key, of in computed.items()},
            }
        )
        identifier = self._cloud.id_of(request.type, request.name, physical, inputs)
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id="" if self._preview else identifier, object=outputs
        )

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        self.recording.outputs[request.urn] = json_format.MessageToDict(request.outputs)
        return super().RegisterResourceOutputs(request)

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        self.recording.invokes.append((request.tok, request.provider))
        answer = struct_pb2.Struct()
        answer.update(self._cloud.invokes[request.tok])
        return resource_pb2.ResourceInvokeResponse(**{"return": answer})


class Warnings(logging.Handler):
    def __init__(self, into: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._into = into

    def emit(self, record: logging.LogRecord) -> None:
        self._into.append(record.getMessage())


Program = Callable[[], object]
Deploy = Callable[..., Recording]


def deployer(cloud: Cloud) -> Deploy:
    """`deploy(program, preview=False, config={})` runs a program against a recorder of its own."""

    def run(program: Program, *, preview: bool = False, config: Mapping[str, str] | None = None) -> Recording:
        # The SDK keeps its state in context variables: an empty context is a new process to it.
        return contextvars.Context().run(_run, cloud, program, preview, dict(config or {}))

    return run


def _run(cloud: Cloud, program: Program, preview: bool, config: dict[str, str]) -> Recording:
    monitor = Monitor(cloud, preview=preview)
    logger = logging.Logger("pulumi-program")
    logger.addHandler(Warnings(monitor.recording.warnings))
    pulumi.runtime.configure(
        mocks.MockSettings(
            monitor=monitor,
            monitor_features=set(monitor.GetDeploymentInfo(None).supportedFeatures),
            engine=mocks.MockEngine(logger),
            project=cloud.project,
            stack="test",
            dry_run=preview,
            organization=None,
            callbacks=None,
        )
    )
    SETTINGS.outputs.clear()  # what an earlier program left when it failed belongs to a loop that is closed
    pulumi.runtime.set_all_config(config)

    def call() -> None:
        program()

    with asyncio.Runner() as runner:
        runner.run(pulumi.runtime.run_in_stack(call))
    return monitor.recording
