"""A CloudFormation over made-up resource types that fail on demand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from werkzeug.wrappers import Request

from serverless_ai_local.aws.clients import client
from serverless_ai_local.aws.provider import Context, Made, Provider, ResourceError
from serverless_ai_local.http_server import Server

ACCOUNT = "123456789012"
REGION = "us-east-1"


@dataclass
class World:
    """What made-up resources exist, and which step is to fail."""

    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    failing: set[tuple[str, str]] = field(default_factory=set)
    """(verb, logical or physical name)."""
    made: int = 0
    gate: threading.Event = field(default_factory=threading.Event)

    def step(self, verb: str, name: str) -> None:
        self.log.append((verb, name))
        if (verb, name) in self.failing:
            raise ResourceError(f"{name} cannot {verb}")


@dataclass(frozen=True)
class Thing:
    """`Test::Thing`: `Fixed` is immutable, everything else can be changed in place."""

    world: World
    type: str = "Test::Thing"

    def replaces(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        return old.get("Fixed") != new.get("Fixed")

    def create(self, context: Context, name: str, properties: Mapping[str, Any]) -> Made:
        self.world.step("create", name)
        self.world.made += 1
        physical_id = f"{context.stack}-{name}-{self.world.made}"
        self.world.things[physical_id] = {**properties, "tags": dict(context.tags)}
        return self._made(physical_id)

    def update(
        self, context: Context, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> Made:
        self.world.things[physical_id] = {**new, "tags": dict(context.tags), "half": True}
        self.world.step("update", json.dumps(new.get("Size")))
        self.world.things[physical_id] = {**new, "tags": dict(context.tags)}
        return self._made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> None:
        self.world.step("delete", physical_id.split("-")[1])
        self.world.things.pop(physical_id, None)

    def _made(self, physical_id: str) -> Made:
        size = self.world.things[physical_id].get("Size", "none")
        return Made(physical_id=physical_id, attributes={"Arn": f"arn:{physical_id}", "Size": size})


@dataclass(frozen=True)
class Slow(Thing):
    """`Test::Slow`: is only made when the gate opens."""

    type: str = "Test::Slow"

    def create(self, context: Context, name: str, properties: Mapping[str, Any]) -> Made:
        assert self.world.gate.wait(20)
        return super().create(context, name, properties)


@dataclass(frozen=True)
class Broken(Thing):
    """`Test::Broken`: its provider has a defect."""

    type: str = "Test::Broken"

    def create(self, context: Context, name: str, properties: Mapping[str, Any]) -> Made:
        raise KeyError("a defect")


@dataclass(frozen=True)
class Role(Thing):
    """`AWS::IAM::Role`: needs a capability."""

    type: str = "AWS::IAM::Role"


class Door:
    """One CloudFormation over made-up types, called with boto3."""

    CHAIN: ClassVar[dict[str, Any]] = {
        "A": {},
        "B": {"Properties": {"Of": {"Ref": "A"}}},
        "C": {"Properties": {"Of": {"Fn::GetAtt": ["B", "Arn"]}}},
        "D": {"DependsOn": "C"},
    }

    @staticmethod
    def sized(size: int | None = None, fixed: str | None = None, **more: Any) -> dict[str, Any]:
        properties = {"Size": size, "Fixed": fixed}
        return {"Properties": {key: value for key, value in properties.items() if value is not None}, **more}

    def sizes(self) -> dict[str, Any]:
        """Logical name -> size of what exists."""
        return {name.split("-")[1]: thing.get("Size") for name, thing in self.world.things.items()}

    def __init__(self, world: World, api: Any, cloud_formation: Any) -> None:
        self.world, self.api, self.door = world, api, cloud_formation

    @staticmethod
    def template(resources: Mapping[str, Any], **sections: Any) -> str:
        """Resources that name no type are things."""
        declared = {name: {"Type": "Test::Thing", **entry} for name, entry in resources.items()}
        return json.dumps({"Resources": declared, **sections})

    def create(self, resources: Mapping[str, Any], name: str = "S", **given: Any) -> dict[str, Any]:
        sections = given.pop("sections", {})
        self.api.create_stack(StackName=name, TemplateBody=self.template(resources, **sections), **given)
        return self.settled(name)

    def update(self, resources: Mapping[str, Any], name: str = "S", **given: Any) -> dict[str, Any]:
        sections = given.pop("sections", {})
        self.api.update_stack(StackName=name, TemplateBody=self.template(resources, **sections), **given)
        return self.settled(name)

    def delete(self, name: str = "S", **given: Any) -> str:
        stack_id = self.stack(name)["StackId"]
        self.api.delete_stack(StackName=name, **given)
        return self.settled(stack_id)["StackStatus"]

    def stack(self, name: str = "S") -> dict[str, Any]:
        return self.api.describe_stacks(StackName=name)["Stacks"][0]

    def settled(self, name: str = "S") -> dict[str, Any]:
        deadline = time.monotonic() + 20
        while True:
            stack = self.stack(name)
            if not stack["StackStatus"].endswith("IN_PROGRESS"):
                return stack
            assert time.monotonic() < deadline, stack
            time.sleep(0.01)

    def events(self, name: str = "S") -> list[tuple[str, str]]:
        found = self.api.describe_stack_events(StackName=name)["StackEvents"]
        return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in reversed(found)]

    def reasons(self, name: str = "S") -> list[str]:
        found = self.api.describe_stack_events(StackName=name)["StackEvents"]
        return [event["ResourceStatusReason"] for event in found if "ResourceStatusReason" in event]

    def change_set(self, resources: Mapping[str, Any], kind: str = "UPDATE", **given: Any) -> dict[str, Any]:
        sections = given.pop("sections", {})
        name = given.pop("name", "changes")
        self.api.create_change_set(
            StackName="S",
            ChangeSetName=name,
            ChangeSetType=kind,
            TemplateBody=self.template(resources, **sections),
            **given,
        )
        return self.api.describe_change_set(StackName="S", ChangeSetName=name, IncludePropertyValues=True)


@pytest.fixture(scope="session")
def door_server() -> Iterator[tuple[Server, Any]]:
    server = Server("127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server, client("cloudformation", f"http://127.0.0.1:{server.server_address[1]}")
    server.shutdown()
    server.server_close()


@pytest.fixture
def door(services: Any, door_server: tuple[Server, Any]) -> Iterator[Door]:
    from serverless_ai_local.doors.cloudformation import CloudFormation

    server, api = door_server
    world = World()
    kinds: list[Provider] = [Thing(world), Slow(world), Broken(world), Role(world)]
    cloud_formation = CloudFormation({kind.type: kind for kind in kinds}, services.context, head_start_s=0.05)
    server.application = only(cloud_formation)
    yield Door(world, api, cloud_formation)
    world.gate.set()


def only(cloud_formation: Any) -> Callable[..., Any]:
    """Nothing but this CloudFormation, for an administrator."""
    from serverless_ai_local.aws import errors
    from serverless_ai_local.aws.api import ApiError, Call, Identity

    operations = cloud_formation.operations()
    identity = Identity(arn=f"arn:aws:iam::{ACCOUNT}:root", account=ACCOUNT, access_key="test")

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        request = Request(environ)
        request.get_data(cache=True)
        operation = request.form["Action"]
        call = Call(
            service="cloudformation",
            operation=operation,
            region=REGION,
            account=ACCOUNT,
            identity=identity,
            request=request,
        )
        try:
            answer = operations["cloudformation", operation](call)
        except ApiError as error:
            answer = errors.write(error, "query")
        return answer(environ, start)

    return application
