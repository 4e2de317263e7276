"""A function as it is deployed right now, as one typed value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.project import NUMBER
from serverless_ai_local.gcp.registry import Deployed, Registry, Values


class SecretVariable(NamedTuple):
    """A variable that is filled in when an instance starts."""

    key: str
    project: str
    secret: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """`service` is its name in IAM and its errors."""

    uid: str
    name: str
    project: str
    region: str
    entry_point: str
    email: str
    """Of the account it runs as."""
    environment: Mapping[str, str]
    secrets: tuple[SecretVariable, ...]
    timeout_s: float
    concurrency: int
    most_instances: int
    source: bytes = field(repr=False)
    """The zip."""
    settings: str
    """Everything else that another revision would be made for."""

    @property
    def service(self) -> str:
        return f"projects/{self.project}/locations/{self.region}/services/{self.name}"

    @property
    def revision(self) -> str:
        """Changes whenever instances must give way to new ones."""
        text = json.dumps(
            [self.entry_point, self.email, dict(self.environment), self.settings], sort_keys=True
        )
        digest = hashlib.sha256(text.encode() + self.source).hexdigest()
        return f"{self.name}-{digest[:8]}"


def read(registry: Registry, deployed: Deployed) -> Function:
    """The function; LookupError if its source is gone."""
    build, service = deployed.inputs["buildConfig"], deployed.inputs["serviceConfig"]
    at = build["source"]["storageSource"]
    source = registry.find(types.OBJECT, f"{at['bucket']}-{at['object']}")
    if source is None:
        raise LookupError(f"the source {at['object']} of function {deployed.inputs['name']} is gone")
    kept = {key: value for key, value in service.items() if key != "environmentVariables"}
    return Function(
        uid=deployed.uid,
        name=deployed.inputs["name"],
        project=deployed.project,
        region=deployed.inputs["location"],
        entry_point=build["entryPoint"],
        email=service["serviceAccountEmail"],
        environment=service.get("environmentVariables", {}),
        secrets=secret_variables(service, deployed.project),
        timeout_s=float(service.get("timeoutSeconds", 60)),
        concurrency=int(service.get("maxInstanceRequestConcurrency", 1)),
        most_instances=int(service.get("maxInstanceCount", 100)),
        source=source.content,
        settings=json.dumps(kept, sort_keys=True),
    )


def secret_variables(service: Values, project: str) -> tuple[SecretVariable, ...]:
    """Those of a service configuration; `project` is the function's, which its number means as well."""
    given: Sequence[Mapping[str, str]] = service.get("secretEnvironmentVariables", ())
    return tuple(
        SecretVariable(
            key=one["key"],
            project=project if one.get("projectId", NUMBER) == NUMBER else one["projectId"],
            secret=one["secret"],
            version=one["version"],
        )
        for one in given
    )
