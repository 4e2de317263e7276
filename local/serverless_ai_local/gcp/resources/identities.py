"""Service accounts, roles, grants, and the project's APIs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from serverless_ai_local.gcp import project, types
from serverless_ai_local.gcp.iam.conditions import ConditionError, parse
from serverless_ai_local.gcp.iam.roles import PREDEFINED
from serverless_ai_local.gcp.resources.row import MEMBER, ResourceError, Row, Setting, Values, nested


def unique_id(email: str) -> str:
    """The digits by which Google's tokens know an account: `sub`."""
    return str(10**20 + int.from_bytes(hashlib.sha256(email.encode()).digest()[:8]) % 10**20)


def _account(setting: Setting, inputs: Values) -> Values:
    email = project.account(inputs["accountId"], setting.project)
    return {
        "email": email,
        "member": f"serviceAccount:{email}",
        "name": f"projects/{setting.project}/serviceAccounts/{email}",
        "uniqueId": unique_id(email),
    }


def _role(setting: Setting, inputs: Values) -> Values:
    return {"name": f"projects/{setting.project}/roles/{inputs['roleId']}"}


def _identity(setting: Setting, inputs: Values) -> Values:
    try:
        email = project.agent(inputs["service"])
    except ValueError as error:
        raise ResourceError(f"service: {error}") from error
    return {"email": email, "member": f"serviceAccount:{email}"}


def check_grant(setting: Setting, inputs: Values) -> None:
    """`ResourceError` for a role, member or condition that Google or this cloud does not know."""
    role = inputs["role"]
    if role not in PREDEFINED and setting.registry.find(types.CUSTOM_ROLE, role) is None:
        known = ", ".join(sorted(PREDEFINED))
        raise ResourceError(f"role {role} is not known here; a custom role of the stack, or one of {known}")
    members: Sequence[Any] = inputs.get("members") or [inputs["member"]]
    for member in members:
        if not MEMBER.fullmatch(str(member)):
            raise ResourceError(f"Invalid argument: '{member}' is not a member such as user:ada@example.com")
    condition = inputs.get("condition")
    if condition is not None:
        try:
            parse(condition["expression"])
        except ConditionError as error:
            raise ResourceError(f"condition.expression: {error}") from error


CONDITION: Final = nested("title", "description", "expression")

ROWS: Final = (
    Row(
        types.ACCOUNT,
        inputs=nested("accountId", "displayName", "description"),
        id="projects/{project}/serviceAccounts/{accountId}@{project}.iam.gserviceaccount.com",
        outputs=_account,
        fixed=("accountId",),
        defaults={"disabled": False},
    ),
    Row(
        types.CUSTOM_ROLE,
        inputs=nested("roleId", "title", "permissions", "stage", "description"),
        id="projects/{project}/roles/{roleId}",
        outputs=_role,
        fixed=("roleId",),
        defaults={"stage": "GA", "deleted": False},
    ),
    Row(
        types.PROJECT_MEMBER,
        inputs={**nested("role", "member"), "condition": CONDITION},
        id="{project}/{role}/{member}",
        outputs=lambda setting, inputs: {"etag": setting.uid},
        fixed=None,
        shared=True,
        check=check_grant,
    ),
    Row(
        "gcp:projects/service:Service",
        inputs=nested("service", "disableOnDestroy", "disableDependentServices"),
        id="{project}/{service}",
        fixed=("service",),
        shared=True,
    ),
    Row(
        "gcp:projects/serviceIdentity:ServiceIdentity",
        inputs=nested("service"),
        id="projects/{project}/services/{service}",
        outputs=_identity,
        fixed=None,
        shared=True,
    ),
)


def grant(token: str, *where: str, many: bool = False) -> Row:
    """A grant on one resource, which the inputs `where` name."""
    who = "members" if many else "member"
    place = "/".join(f"{{{name}}}" for name in where)
    return Row(
        token,
        inputs={**nested(*where, "role", who), "condition": CONDITION},
        id=f"{{project}}/{place}/{{role}}" + ("" if many else "/{member}"),
        outputs=lambda setting, inputs: {"etag": setting.uid},
        fixed=(*where, "role") if many else None,
        shared=not many,
        check=check_grant,
    )
