"""Findings of cdk-nag that a pattern accepts, each with its reason, so that a user's own checks stay quiet.

Written as metadata of the CDK itself: cdk-nag reads it where it is used, and is not needed where it is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct

from serverless_ai_patterns.aws.policy import STAR_RESOURCES, Statement


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept `rule` on `construct`."""
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))


def acknowledge_stars(role: IConstruct, statements: Iterable[Statement]) -> None:
    """Accept exactly the `*` resources of the written list; any other one stays a finding."""
    for statement in statements:
        reason = STAR_RESOURCES.get(statement.sid)
        for resource in statement.resources if reason else ():
            text = _as_nag_writes(Stack.of(role).resolve(resource))
            if "*" in text:
                acknowledge(role, f"AwsSolutions-IAM5[Resource::{text}]", reason)
            if text == "*":
                acknowledge(role, "Serverless-LambdaStarPermissions", reason)


def _as_nag_writes(resolved: Any) -> str:
    """An ARN as cdk-nag names it in a finding: references in angle brackets."""
    if isinstance(resolved, str):
        return resolved
    ((intrinsic, value),) = resolved.items()
    if intrinsic == "Ref":
        return f"<{value}>"
    if intrinsic == "Fn::GetAtt":
        return f"<{'.'.join(value)}>"
    _, parts = value  # Fn::Join with an empty delimiter is all that the CDK makes of a text with tokens
    return "".join(_as_nag_writes(part) for part in parts)
