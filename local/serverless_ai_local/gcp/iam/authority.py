"""May this account do this? The deployed grants are read at every call; each check is written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from serverless_ai_local.aws.iam.ledger import Check, Ledger
from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.errors import RpcError
from serverless_ai_local.gcp.iam.conditions import parse
from serverless_ai_local.gcp.iam.roles import PREDEFINED
from serverless_ai_local.gcp.registry import Deployed, Registry

_SCOPES: Final[Mapping[str, str]] = {
    types.PROJECT_MEMBER: "projects/{project}",
    types.BUCKET_MEMBER: "projects/{project}/projects/_/buckets/{bucket}",
    types.TOPIC_MEMBER: "projects/{project}/topics/{topic}",
    types.SUBSCRIPTION_MEMBER: "projects/{project}/subscriptions/{subscription}",
    types.SERVICE_BINDING: "projects/{project}/locations/{location}/services/{name}",
    types.SERVICE_MEMBER: "projects/{project}/locations/{location}/services/{name}",
    types.SECRET_MEMBER: "projects/{project}/secrets/{secretId}",
    types.REPOSITORY_MEMBER: "projects/{project}/locations/{location}/repositories/{repository}",
}
"""Type of a grant -> what it is on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Who calls. `administrator`: the one at this machine, who may do everything."""

    email: str
    administrator: bool = False

    @property
    def is_account(self) -> bool:
        """Whether it is a service account, and no person."""
        return self.email.endswith(".gserviceaccount.com")


ADMINISTRATOR: Final = Principal(email="administrator@local", administrator=True)


class Authority:
    """Answers from the grants in `registry`; accounts' checks go into `ledger` under their mail address."""

    def __init__(self, registry: Registry, ledger: Ledger) -> None:
        self._registry, self._ledger = registry, ledger

    def require(
        self, who: Principal, permission: str, resource: str, *, service: str, within: str = ""
    ) -> None:
        """Return if it is allowed, else raise `RpcError` in Google's words.

        `resource` is a full name (projects/P/topics/T), `within` its project where the name holds none.
        """
        if not self.allows(who, permission, resource, service=service, within=within):
            raise RpcError(
                "PERMISSION_DENIED",
                _denied(permission, resource, service),
                [
                    {
                        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                        "reason": "IAM_PERMISSION_DENIED",
                        "domain": service,
                        "metadata": {"permission": permission, "resource": resource},
                    }
                ],
            )

    def allows(
        self, who: Principal, permission: str, resource: str, *, service: str, within: str = ""
    ) -> bool:
        """Whether it is allowed; written down either way."""
        if who.administrator:
            return True
        allowed = any(
            self._reaches(grant, resource, within) and permission in self._permissions(grant)
            for grant in self._registry.all(*_SCOPES)
            if any(_means(member, who) for member in _members(grant))
        )
        if who.is_account:
            message = "" if allowed else _denied(permission, resource, service)
            self._ledger.add(
                Check(role=who.email, action=permission, resource=resource, allowed=allowed, message=message)
            )
        return allowed

    def _permissions(self, grant: Deployed) -> frozenset[str]:
        role = str(grant.inputs["role"])
        if role in PREDEFINED:
            return PREDEFINED[role].permissions
        custom = self._registry.find(types.CUSTOM_ROLE, role)
        return frozenset(custom.inputs["permissions"]) if custom else frozenset()

    def _reaches(self, grant: Deployed, resource: str, within: str) -> bool:
        scope = _scope(grant)
        place = f"projects/{within}/{resource}" if within else resource
        if place != scope and not place.startswith(scope + "/"):
            return False
        condition: Mapping[str, Any] | None = grant.inputs.get("condition")
        return condition is None or parse(condition["expression"])(resource)


def _scope(grant: Deployed) -> str:
    values = {key: _short(value) for key, value in grant.inputs.items() if isinstance(value, str)}
    return _SCOPES[grant.token].format_map({**values, "project": grant.project})


def _short(name: str) -> str:
    """A topic may be given by its full name."""
    return name.rsplit("/", 1)[-1]


def _members(grant: Deployed) -> Iterator[str]:
    many: Sequence[str] = grant.inputs.get("members", ())
    yield from many
    if "member" in grant.inputs:
        yield str(grant.inputs["member"])


def _means(member: str, who: Principal) -> bool:
    kind, _, name = member.partition(":")
    if kind == "domain":
        return not who.is_account and who.email.endswith(f"@{name}")
    if kind == "allUsers":
        return True
    if kind == "allAuthenticatedUsers":
        return bool(who.email)
    return kind == ("serviceAccount" if who.is_account else "user") and name == who.email


def _denied(permission: str, resource: str, service: str) -> str:
    return f"Permission '{permission}' denied on resource '//{service}/{resource}' (or it may not exist)."
