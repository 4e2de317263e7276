"""IAM: roles, their policies, managed policies."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.from_pulumi import existing
from serverless_ai_local.aws.from_pulumi.direct import Direct, member
from serverless_ai_local.aws.from_pulumi.translation import (
    TAG_LIST,
    AutoName,
    Translation,
    block,
    document,
    each,
)
from serverless_ai_local.aws.provider import Context
from serverless_ai_local.aws.resources.calls import call
from serverless_ai_local.doors.pulumi.clouds import Live
from serverless_ai_local.doors.pulumi.values import Values

TRUST: Final = "assumeRolePolicy"


def _policy(given: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation hangs one policy on several roles, Terraform makes one a role."""
    role = given.pop("Role")
    return {**given, "Roles": [role]}


def _attach(context: Context, inputs: Values) -> Live:
    role, arn = existing.arn_name(inputs["role"]), inputs["policyArn"]
    call(context, "iam", "AttachRolePolicy", {"RoleName": role, "PolicyArn": arn})
    return Live(id=f"{role}-{arn}")


def _detach(context: Context, live: Live, inputs: Values) -> None:
    role = existing.arn_name(inputs["role"])
    call(context, "iam", "DetachRolePolicy", {"RoleName": role, "PolicyArn": inputs["policyArn"]})


ROWS: Final = (
    Translation(
        "aws:iam/role:Role",
        "AWS::IAM::Role",
        regional=False,
        inputs={
            TRUST: ("AssumeRolePolicyDocument", document),
            "description": "Description",
            # A role of ours is emptied before it goes in any case.
            "forceDetachPolicies": None,
            "inlinePolicies": (
                "Policies",
                each(block({"name": "PolicyName", "policy": ("PolicyDocument", document)})),
            ),
            "managedPolicyArns": "ManagedPolicyArns",
            "maxSessionDuration": "MaxSessionDuration",
            "name": "RoleName",
            "path": "Path",
            "permissionsBoundary": "PermissionsBoundary",
            "tags": TAG_LIST,
        },
        outputs={"arn": "{a[Arn]}", "uniqueId": "{a[RoleId]}"},
        name=AutoName(),
        read=existing.role,
    ),
    Translation(
        "aws:iam/rolePolicy:RolePolicy",
        "AWS::IAM::Policy",
        regional=False,
        inputs={
            "name": "PolicyName",
            "policy": ("PolicyDocument", document),
            "role": ("Role", existing.arn_name),
        },
        id="{p[Roles][0]}:{p[PolicyName]}",
        name=AutoName(limit=128),
        unique=("role", "name"),
        prepare=_policy,
    ),
    Translation(
        "aws:iam/policy:Policy",
        "AWS::IAM::ManagedPolicy",
        regional=False,
        inputs={
            "description": "Description",
            "name": "ManagedPolicyName",
            "path": "Path",
            "policy": ("PolicyDocument", document),
        },
        outputs={"arn": "{id}"},
        name=AutoName(limit=128),
    ),
)

DIRECT: Final = (
    Direct(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        inputs=("policyArn", "role"),
        make=_attach,
        remove=_detach,
        part_of=member(
            "AWS::IAM::Role", "RoleName", "role", "ManagedPolicyArns", lambda given: given["policyArn"]
        ),
    ),
)
