"""Logs and traces: an Application Insights component that takes tokens only, in a workspace."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import applicationinsights, operationalinsights

from serverless_ai_pulumi.azure._place import Place


def workspace(
    name: str, place: Place, *, retention_days: int, opts: pulumi.ResourceOptions
) -> operationalinsights.Workspace:
    """A workspace that keeps what it holds for `retention_days` (30 to 730)."""
    return operationalinsights.Workspace(
        name,
        resource_group_name=place.group,
        sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"),
        retention_in_days=retention_days,
        features=operationalinsights.WorkspaceFeaturesArgs(disable_local_auth=True),
        opts=opts,
    )


def insights(
    name: str, place: Place, logs: operationalinsights.Workspace, *, opts: pulumi.ResourceOptions
) -> applicationinsights.Component:
    return applicationinsights.Component(
        name,
        resource_group_name=place.group,
        kind="web",
        application_type=applicationinsights.ApplicationType.WEB,
        workspace_resource_id=logs.id,
        disable_local_auth=True,
        opts=opts,
    )
