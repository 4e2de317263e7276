"""A Pulumi project in a temporary folder, and a cloud that only writes down what it is asked to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from serverless_ai_local import graph
from serverless_ai_local.doors.pulumi import Deployment, StepEvent
from serverless_ai_local.doors.pulumi.clouds import CloudError, Consequence, Live, Placed, Target
from serverless_ai_local.doors.pulumi.values import UNKNOWN, leaves

ENDPOINT = "http://127.0.0.1:9"  # nothing listens there


@dataclass
class FakeCloud:
    """Any `aws:` resource: a new `name` needs a new resource. `calls` says what was done, in order."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    live: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    places: dict[str, Any] = field(default_factory=dict)
    counter: int = 0
    hook: Callable[[str, str], None] = lambda op, name: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def settings(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        given = {key: value for key, value in config.items() if not key.startswith("skip")}
        unknown = set(given) - {"region"}
        if unknown:
            raise CloudError(f"provider aws: {', '.join(unknown)} is not supported; allowed: region")
        return {"region": given.get("region", "us-east-1")}

    def consequence(self, token: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Consequence:
        return "replace" if old["region"] != new["region"] else "none"

    def kind(self, token: str) -> FakeKind:
        if token.startswith("aws:ssm/"):
            raise CloudError(f"resource type {token} is not supported")
        return FakeKind(self, token)

    def invoke(self, target: Target, token: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if token != "aws:index/getRegion:getRegion":
            raise CloudError(f"function {token} is not supported")
        return {"id": "r", "name": target.settings["region"], "region": target.settings["region"]}

    def graph(self, resources: Sequence[Placed]) -> list[graph.Resource]:
        return [
            graph.Resource(
                name=one.name,
                type=one.token,
                properties=one.inputs,
                physical_id=one.live.id,
                depends_on=one.depends_on,
            )
            for one in resources
        ]

    def note(self, op: str, name: str) -> None:
        with self.lock:
            self.calls.append((op, name))
        self.hook(op, name)
        if name in self.failing or f"{op} {name}" in self.failing:
            raise CloudError(f"{name} cannot be had")

    def taken(self) -> list[tuple[str, str]]:
        """The calls since the last time."""
        calls, self.calls = self.calls, []
        return calls


@dataclass
class FakeKind:
    cloud: FakeCloud
    token: str

    def defaults(
        self, name: str, inputs: Mapping[str, Any], random: Callable[[int], str]
    ) -> Mapping[str, Any]:
        return {} if "name" in inputs else {"name": f"{name}-{random(7)}"}

    def check(self, inputs: Mapping[str, Any]) -> None:
        if "namePrefix" in inputs:
            raise CloudError("namePrefix is not supported")

    def replaces(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        return old.get("name") != new.get("name") or old.get("fifoQueue") != new.get("fifoQueue")

    def collides(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        return old["name"] == new["name"]

    def create(self, target: Target, name: str, inputs: Mapping[str, Any]) -> Live:
        assert UNKNOWN not in list(leaves(inputs)), inputs
        self.cloud.note("create", name)
        with self.cloud.lock:
            self.cloud.counter += 1
            handle = f"{name}#{self.cloud.counter}"
            self.cloud.live[handle] = inputs
            self.cloud.places[name] = target.settings["region"]
        return self._live(target, inputs, handle)

    def update(self, target: Target, live: Live, old: Mapping[str, Any], new: Mapping[str, Any]) -> Live:
        self.cloud.note("update", live.handle.split("#")[0])
        assert self.cloud.live[live.handle] == old
        self.cloud.live[live.handle] = new
        return self._live(target, new, live.handle)

    def delete(self, target: Target, live: Live, inputs: Mapping[str, Any]) -> None:
        self.cloud.note("delete", live.handle.split("#")[0])
        assert self.cloud.live.pop(live.handle) == inputs

    def read(self, target: Target, id: str) -> Live:  # noqa: A002
        self.cloud.note("read", id)
        return Live(id=id, outputs={"arn": f"arn:{id}", "name": id, "url": f"https://{id}"}, handle=id)

    def _live(self, target: Target, inputs: Mapping[str, Any], handle: str) -> Live:
        name = inputs["name"]
        arn = f"arn:aws:x:{target.settings['region']}:123456789012:{name}"
        return Live(
            id=f"https://{name}", outputs={"arn": arn, "name": name, "url": f"https://{name}"}, handle=handle
        )


@dataclass
class Project:
    """A program that can be rewritten, and its deployments against one fake cloud."""

    folder: Path
    cloud: FakeCloud
    events: list[StepEvent] = field(default_factory=list)

    def write(self, program: str, config: str = "") -> None:
        self.folder.mkdir(exist_ok=True)
        text = f"name: shop\nruntime: python\n{dedent(config)}"
        (self.folder / "Pulumi.yaml").write_text(text)
        (self.folder / "__main__.py").write_text(
            "import pulumi, pulumi_aws as aws\n" + dedent(program).lstrip()
        )

    def stack_file(self, text: str, stack: str = "dev") -> None:
        (self.folder / f"Pulumi.{stack}.yaml").write_text(dedent(text))

    def deployment(self, **config: Any) -> Deployment:
        settings: dict[str, Any] = {"endpoint": ENDPOINT, "state_dir": self.state_dir, **config}
        return Deployment(
            self.folder, "dev", on_event=self.events.append, clouds={"aws": self.cloud}, **settings
        )

    @property
    def state_dir(self) -> Path:
        return self.folder / "state"

    @property
    def state(self) -> str:
        return (self.state_dir / "shop.dev.json").read_text()

    @property
    def said(self) -> list[str]:
        return [event.text for event in self.events if event.status == "output"]


@pytest.fixture(scope="session")
def make_project() -> Callable[[Path], Project]:
    """A project in a folder, with a cloud of its own."""
    return lambda folder: Project(folder, FakeCloud())


@pytest.fixture
def project(tmp_path: Path, make_project: Callable[[Path], Project]) -> Project:
    return make_project(tmp_path / "program")


@pytest.fixture
def cloud(project: Project) -> FakeCloud:
    return project.cloud


@pytest.fixture
def ops() -> Callable[[Any], dict[str, str]]:
    """Steps of a result as name -> op, without the stack itself."""
    return lambda result: {step.name: step.op for step in result.steps if step.type != "pulumi:pulumi:Stack"}
