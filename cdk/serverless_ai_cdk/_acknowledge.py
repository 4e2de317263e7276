"""Findings of cdk-nag that a pattern accepts, each with its reason, so that a user's own checks stay quiet.

Written as metadata of the CDK itself: cdk-nag reads it where it is used, and is not needed where it is not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct

from serverless_ai_patterns.aws.policy import STAR_RESOURCES, Statement


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept `rule` on the resource of `construct`, and not on what a user attaches to it later."""
    resource = construct.node.default_child or construct
    Validations.of(resource).acknowledge(Acknowledgment(id=rule, reason=reason))


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
    """An ARN as cdk-nag names it in a finding: references in angle brackets, what it cannot name as JSON."""
    match resolved:
        case str():
            return resolved.replace("${", "<").replace("}", ">")
        case {"Fn::Join": [delimiter, parts]}:
            return delimiter.join(_as_nag_writes(part) for part in parts)
        case {"Fn::Sub": inner} | {"Fn::ImportValue": inner}:
            return _as_nag_writes(inner)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Ref": name}:
            return f"<{name}>"
    return json.dumps(resolved, separators=(",", ":"))
