"""The local AWS's resource types, used without a stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from serverless_ai_local.aws.provider import Context, Made, Provider

SERVICES = ["lambda.amazonaws.com", "scheduler.amazonaws.com"]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": SERVICES}, "Action": "sts:AssumeRole"}],
}


class Types:
    """The local AWS's own resource types, used without a stack."""

    def __init__(self, services: Any) -> None:
        from serverless_ai_local.aws.resources import registry

        self._services, self.registry, self.url = services, registry(), services.url

    def provider(self, kind: str) -> Provider:
        return self.registry[kind]

    def client(self, service: str) -> Any:
        return self._services.client(service)

    def context(self, **given: Any) -> Context:
        return self._services.context(**{"stack": "Shop", **given})

    @contextmanager
    def made(self, kind: str, properties: Mapping[str, Any], name: str = "R") -> Iterator[Made]:
        provider = self.registry[kind]
        resource = provider.create(self.context(), name, properties)
        yield resource
        provider.delete(self.context(), resource.physical_id, properties)

    def lives(
        self, kind: str, read: Callable[[Made], Any], steps: list[tuple[dict[str, Any], Any]], name: str = "R"
    ) -> Made:
        """Make with the first properties, change through the others, delete twice; `read` shows it."""
        provider, context = self.registry[kind], self.context()
        (properties, wanted), *rest = steps
        resource = provider.create(context, name, properties)
        try:
            shows(read(resource), wanted, kind)
            for changed, wanted_then in rest:
                assert not provider.replaces(properties, changed)
                again = provider.update(context, resource.physical_id, properties, changed)
                assert again.physical_id == resource.physical_id
                assert again.attributes.keys() == resource.attributes.keys()
                shows(read(resource), wanted_then, kind)
                properties = changed
        finally:
            provider.delete(context, resource.physical_id, properties)
        assert is_gone(read, resource)
        provider.delete(context, resource.physical_id, properties)
        return resource

    @staticmethod
    def allow(action: str, resource: str = "*") -> dict[str, Any]:
        statement = {"Effect": "Allow", "Action": action, "Resource": resource}
        return {"Version": "2012-10-17", "Statement": [statement]}


def shows(seen: Any, wanted: Any, place: str) -> None:
    """Whether everything wanted is there; more may be."""
    if isinstance(wanted, Mapping):
        for key, value in wanted.items():
            assert key in seen, f"{place}.{key} is missing from {seen}"
            shows(seen[key], value, f"{place}.{key}")
    else:
        assert seen == wanted, f"{place}: {seen!r} is not {wanted!r}"


def is_gone(read: Callable[[Made], Any], resource: Made) -> bool:
    try:
        return not read(resource)
    except (ClientError, LookupError):
        return True


@pytest.fixture
def types(services: Any) -> Types:
    return Types(services)


@pytest.fixture
def role(types: Types) -> Iterator[str]:
    """ARN of a role that a function may take and that may do everything."""
    everything = [{"PolicyName": "All", "PolicyDocument": types.allow("*")}]
    with types.made(
        "AWS::IAM::Role", {"AssumeRolePolicyDocument": TRUST, "Policies": everything}
    ) as resource:
        yield resource.attributes["Arn"]
