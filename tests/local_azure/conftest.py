"""One local cloud for all tests here, and resources in it, made through the local resource manager."""

from __future__ import annotations

import io
import itertools
import os
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from azure_world import Reply, bearer, send

from serverless_ai_local import launch
from serverless_ai_local.azure.from_pulumi.arm import Arm
from serverless_ai_local.azure.place import SUBSCRIPTION
from serverless_ai_local.azure.types import TABLE
from serverless_ai_local.launch import RunningCloud
from serverless_ai_patterns.azure.roles import Role

GROUP = "tests"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Made:
    """A resource as the tests use it."""

    id: str
    name: str
    outputs: Mapping[str, Any]
    inputs: Mapping[str, Any]


class Subscription:
    """Makes resources, grants roles, gets tokens."""

    def __init__(self, cloud: RunningCloud) -> None:
        self.cloud, self._arm = cloud, Arm(cloud.url)
        self.make("resources:ResourceGroup", resourceGroupName=GROUP)

    def make(self, kind: str, /, **inputs: Any) -> Made:
        row = TABLE[kind]
        given = dict(inputs)
        if row.path != "resourceGroups":
            given.setdefault("resourceGroupName", GROUP)
        if row.named_by:
            given.setdefault(row.named_by, str(uuid.uuid4()) if "Assignment" in kind else self.name("r"))
        id_ = row.id(given)
        return Made(id_, row.name(given), self._arm.put(id_, kind, given), given)

    def remove(self, made: Made) -> None:
        self._arm.delete(made.id)

    def name(self, prefix: str) -> str:
        return f"{prefix}{next(_numbers)}"

    def identity(self) -> Made:
        return self.make("managedidentity:UserAssignedIdentity")

    def grant(self, principal: str, role: Role | str, scope: Made) -> Made:
        id_ = role if isinstance(role, str) else role.id
        definition = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{id_}"
        return self.make(
            "authorization:RoleAssignment",
            scope=scope.id,
            principalId=principal,
            principalType="ServicePrincipal",
            roleDefinitionId=definition,
        )

    def token(self, resource: str, oid: str | None = None, **more: Any) -> str:
        """Of the administrator, or of another principal."""
        wish = {"resource": resource, **({"oid": oid} if oid else {}), **more}
        return self.cloud.admin("POST", "azure/token", wish)["access_token"]

    def user(self, audience: str, subject: str = "ada", **more: Any) -> str:
        wish = {"sub": subject, "aud": audience, **more}
        return self.cloud.admin("POST", "azure/users/token", wish)["access_token"]

    def checks(self, role: str) -> list[dict[str, Any]]:
        return self.cloud.admin("GET", f"iam/checks?role={role}")["checks"]


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    running = launch.start(
        tmp_path_factory.mktemp("azure"), parent=os.getpid(), env={"LOCAL_ASYNC_RETRY_SECONDS": "0.1"}
    )
    yield running
    running.stop()


@pytest.fixture(scope="session")
def subscription(cloud: RunningCloud) -> Subscription:
    return Subscription(cloud)


@pytest.fixture
def principal() -> str:
    """Object id of a principal that nobody has granted anything."""
    return str(uuid.uuid4())


class Call:
    """`call("GET", url, token)`: a request with a bearer token."""

    def __call__(
        self,
        method: str,
        url: str,
        token: str | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        return send(method, url, body, {**bearer(token), **(headers or {})})


@pytest.fixture(scope="session")
def call() -> Call:
    return Call()


@pytest.fixture(scope="session")
def package() -> Callable[..., bytes]:
    """A zip of a function app: `package(code, **host_json)`."""

    def build(code: str, host: str = '{"version": "2.0"}') -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("function_app.py", code)
            archive.writestr("host.json", host)
        return buffer.getvalue()

    return build
