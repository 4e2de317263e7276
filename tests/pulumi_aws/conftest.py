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
import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import SETTINGS

from serverless_ai_patterns.function_llm import Events, FunctionLlmSettings, Jwt, Llm
from serverless_ai_pulumi.aws import FunctionLlm

REGION = "eu-west-1"
ACCOUNT = "111122223333"
STACK_TYPE = "pulumi:pulumi:Stack"


def _arn(service: str, kind: str = "") -> Callable[[str], str]:
    return lambda name: f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}{name}"


# What the provider computes and the component or its users read, by resource type.
COMPUTED: Mapping[str, Mapping[str, Callable[[str], Any]]] = {
    "aws:apigatewayv2/api:Api": {
        "apiEndpoint": lambda name: f"https://{name}.example.com",
        "executionArn": _arn("execute-api"),
    },
    "aws:bedrock/guardrail:Guardrail": {
        "guardrailArn": _arn("bedrock", "guardrail/"),
        "guardrailId": lambda name: f"id-of-{name}",
    },
    "aws:bedrock/guardrailVersion:GuardrailVersion": {"version": lambda _: "7"},
    "aws:cloudwatch/eventRule:EventRule": {"arn": _arn("events", "rule/")},
    "aws:cloudwatch/logGroup:LogGroup": {"arn": _arn("logs", "log-group:")},
    "aws:dynamodb/table:Table": {"arn": _arn("dynamodb", "table/")},
    "aws:iam/role:Role": {"arn": lambda name: f"arn:aws:iam::{ACCOUNT}:role/{name}"},
    "aws:lambda/function:Function": {
        "arn": _arn("lambda", "function:"),
        "invokeArn": lambda name: f"arn:aws:apigateway:{REGION}:lambda:path/{name}/invocations",
    },
    "aws:sqs/queue:Queue": {
        "arn": _arn("sqs"),
        "url": lambda name: f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}",
    },
}
INVOKES: Mapping[str, Mapping[str, Any]] = {"aws:index/getRegion:getRegion": {"id": REGION, "region": REGION}}


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

    def __init__(self, *, preview: bool) -> None:
        self.recording = Recording()
        self._preview = preview
        self._lock = threading.Lock()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs = json_format.MessageToDict(request.object)
        physical = inputs.get("name", f"{request.name}-0a1b2c3")
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
                )
            )
        if not request.custom:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        computed = {"name": lambda name: name, **COMPUTED.get(request.type, {})}
        outputs = struct_pb2.Struct()
        outputs.update(
            {
                **inputs,
                **{key: rpc.UNKNOWN if self._preview else of(physical) for key, of in computed.items()},
            }
        )
        identifier = "" if self._preview else f"{request.name}-id"
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identifier, object=outputs)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        self.recording.outputs[request.urn] = json_format.MessageToDict(request.outputs)
        return super().RegisterResourceOutputs(request)

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        self.recording.invokes.append((request.tok, request.provider))
        answer = struct_pb2.Struct()
        answer.update(INVOKES[request.tok])
        return resource_pb2.ResourceInvokeResponse(**{"return": answer})


class Warnings(logging.Handler):
    def __init__(self, into: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._into = into

    def emit(self, record: logging.LogRecord) -> None:
        self._into.append(record.getMessage())


Program = Callable[[], object]
Deploy = Callable[..., Recording]


@pytest.fixture(scope="session")
def deploy() -> Deploy:
    """Run a program against a recorder of its own: `deploy(program, preview=False, config={})`."""

    def run(program: Program, *, preview: bool = False, config: Mapping[str, str] | None = None) -> Recording:
        # The SDK keeps its state in context variables: an empty context is a new process to it.
        return contextvars.Context().run(_run, program, preview, dict(config or {}))

    return run


@pytest.fixture(scope="session")
def everything() -> FunctionLlmSettings:
    """Every part that settings can ask for."""
    return FunctionLlmSettings(
        llm=Llm(guardrail=True),
        auth=Jwt(issuer="https://login.example.com/", audience=("chat", "admin")),
        events=Events(
            schedule="rate(1 day)", bus_filter={"source": ["shop"], "detail": {"n": [1]}}, destination=True
        ),
    )


@pytest.fixture(scope="session")
def usual(deploy: Deploy) -> Recording:
    """`FunctionLlm("chat")` and nothing else."""
    return deploy(lambda: FunctionLlm("chat"))


@pytest.fixture(scope="session")
def whole(deploy: Deploy, everything: FunctionLlmSettings) -> Recording:
    """`FunctionLlm` with every part."""
    return deploy(lambda: FunctionLlm("chat", everything))


def _run(program: Program, preview: bool, config: dict[str, str]) -> Recording:
    monitor = Monitor(preview=preview)
    logger = logging.Logger("pulumi-program")
    logger.addHandler(Warnings(monitor.recording.warnings))
    pulumi.runtime.configure(
        mocks.MockSettings(
            monitor=monitor,
            monitor_features=set(monitor.GetDeploymentInfo(None).supportedFeatures),
            engine=mocks.MockEngine(logger),
            project="serverless-ai-aws",
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
