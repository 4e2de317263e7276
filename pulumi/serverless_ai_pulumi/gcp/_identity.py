"""Service accounts, one a purpose, and what each may do."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.gcp.policy import Condition, check_member
from serverless_ai_pulumi.gcp._names import unique


def account(name: str, use: str, purpose: str, *, opts: pulumi.ResourceOptions) -> gcp.serviceaccount.Account:
    """A service account without keys; it may do nothing yet."""
    label = f"{name}-{use}"
    return gcp.serviceaccount.Account(
        label, account_id=unique(name, use), display_name=f"{label}: {purpose}", opts=opts
    )


def custom_role(
    name: str, use: str, permissions: Sequence[str], *, opts: pulumi.ResourceOptions
) -> gcp.projects.IAMCustomRole:
    """A role of exactly `permissions`."""
    return gcp.projects.IAMCustomRole(
        f"{name}-{use}",
        role_id=unique(name, use).replace("-", "_"),
        title=f"{name}-{use}",
        permissions=list(permissions),
        stage="GA",
        opts=opts,
    )


def on_project(
    name: str,
    identity: gcp.serviceaccount.Account,
    role: pulumi.Input[str],
    *,
    project: pulumi.Input[str],
    condition: pulumi.Output[Condition] | None = None,
    opts: pulumi.ResourceOptions,
) -> gcp.projects.IAMMember:
    """Let `identity` do what `role` allows, on the project as far as `condition` holds."""
    where = None
    if condition is not None:
        where = gcp.projects.IAMMemberConditionArgs(
            title=condition.apply(lambda one: one.title),
            expression=condition.apply(lambda one: one.expression),
        )
    return gcp.projects.IAMMember(
        name, project=project, role=role, member=identity.member, condition=where, opts=opts
    )


def invokers(
    name: str,
    function: gcp.cloudfunctionsv2.Function,
    members: Sequence[pulumi.Input[str]],
    *,
    opts: pulumi.ResourceOptions,
) -> gcp.cloudrunv2.ServiceIamBinding | None:
    """Who may call `function`: exactly `members`, so that a grant made by hand is taken back. None: nobody.

    A member that means anyone fails the program with ValueError.
    """
    if not members:
        return None
    return gcp.cloudrunv2.ServiceIamBinding(
        name,
        name=function.name,
        location=function.location,
        role="roles/run.invoker",
        members=[pulumi.Output.from_input(member).apply(check_member) for member in members],
        opts=opts,
    )
