"""Role assignments: one role, on one resource, for one identity."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import authorization

from serverless_ai_patterns.azure import roles
from serverless_ai_patterns.azure.roles import Role


def assign(
    name: str,
    role: Role,
    *,
    scope: pulumi.Input[str],
    principal_id: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> authorization.RoleAssignment:
    """Let `principal_id`, a managed identity, do what `role` says with the resource of id `scope`.

    The assignment's name is made of what it says: Azure refuses to change one, and takes the same one twice.
    """
    on = pulumi.Output.from_input(scope)
    return authorization.RoleAssignment(
        name,
        scope=on,
        principal_id=principal_id,
        principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,
        role_definition_id=on.apply(lambda id_: roles.definition_id(id_, role)),
        role_assignment_name=pulumi.Output.all(on, principal_id).apply(
            lambda made: roles.assignment_name(made[0], made[1], role.id)
        ),
        opts=opts,
    )
