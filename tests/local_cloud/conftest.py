"""One local cloud in a process of its own for all tests here that talk to it through boto3."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from serverless_ai_local import launch
from serverless_ai_local.launch import Credentials, RunningCloud

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    running = launch.start(tmp_path_factory.mktemp("cloud"), parent=os.getpid())
    yield running
    running.stop()


@pytest.fixture(scope="session")
def root(cloud: RunningCloud) -> Callable[[str], Any]:
    """`root("sqs")`: a client as administrator, made once."""
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = cloud.client(service)
        return made[service]

    return client


@pytest.fixture(scope="session")
def name() -> Callable[[str], str]:
    """A name that no other test uses."""
    return lambda kind: f"{kind}-{next(_numbers)}"


class Role:
    """A role with one inline policy, and clients that act as a function of that role."""

    def __init__(self, cloud: RunningCloud, iam: Any, role_name: str) -> None:
        self._cloud, self._iam, self.name = cloud, iam, role_name
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.arn = iam.create_role(RoleName=role_name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        self.credentials = Credentials(**cloud.admin("POST", "iam/credentials", {"role_arn": self.arn}))
        self._clients: dict[str, Any] = {}

    def may(self, *statements: dict[str, Any]) -> None:
        """The statements that it has from now on."""
        whole = [{"Effect": "Allow", "Resource": "*", **one} for one in statements]
        document = json.dumps({"Version": "2012-10-17", "Statement": whole})
        self._iam.put_role_policy(RoleName=self.name, PolicyName="p", PolicyDocument=document)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._cloud.client(service, self.credentials)
        return self._clients[service]

    def checks(self) -> list[dict[str, Any]]:
        return self._cloud.admin("GET", f"iam/checks?role={self.name}")["checks"]


@pytest.fixture
def role(cloud: RunningCloud, root: Callable[[str], Any], name: Callable[[str], str]) -> Role:
    return Role(cloud, root("iam"), name("role"))
