"""Resource groups, identities, role assignments, and what only observes: logs, alerts, workbooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_local.azure.place import TENANT
from serverless_ai_local.azure.types.row import Making, Type


def _identity(making: Making) -> Mapping[str, Any]:
    return {
        "clientId": making.guid("clientId"),
        "principalId": making.guid("principalId"),
        "tenantId": TENANT,
    }


def _workspace(making: Making) -> Mapping[str, Any]:
    return {"customerId": making.guid("customerId"), "provisioningState": "Succeeded"}


def _insights(making: Making) -> Mapping[str, Any]:
    key, app = making.guid("instrumentationKey"), making.guid("appId")
    # No exporter of ours sends there: the host keeps the logs of its apps by itself.
    address = f"{making.endpoint}/_azure/insights/{making.name}/"
    return {
        "instrumentationKey": key,
        "appId": app,
        "applicationId": making.name,
        "connectionString": f"InstrumentationKey={key};IngestionEndpoint={address};ApplicationId={app}",
        "tenantId": TENANT,
    }


TYPES: Final = (
    Type(
        kind="resources:ResourceGroup",
        path="resourceGroups",
        named_by="resourceGroupName",
        inputs=("tags.*",),
        located=True,
    ),
    Type(
        kind="managedidentity:UserAssignedIdentity",
        path="Microsoft.ManagedIdentity/userAssignedIdentities",
        named_by="resourceName",
        inputs=("tags.*",),
        located=True,
        outputs=_identity,
    ),
    Type(
        kind="authorization:RoleAssignment",
        path="{scope}/Microsoft.Authorization/roleAssignments",
        named_by="roleAssignmentName",
        inputs=("scope", "principalId", "principalType", "roleDefinitionId", "description"),
        fixed=("principalId", "principalType", "roleDefinitionId"),
    ),
    Type(
        kind="operationalinsights:Workspace",
        path="Microsoft.OperationalInsights/workspaces",
        named_by="workspaceName",
        inputs=("sku.name", "retentionInDays", "features.disableLocalAuth", "tags.*"),
        located=True,
        outputs=_workspace,
    ),
    Type(
        kind="applicationinsights:Component",
        path="Microsoft.Insights/components",
        named_by="resourceName",
        inputs=(
            "applicationType",
            "disableLocalAuth",
            "kind",
            "workspaceResourceId",
            "tags.*",
        ),
        defaults={
            "flowType": "Bluefield",
            "ingestionMode": "LogAnalytics",
            "publicNetworkAccessForIngestion": "Enabled",
            "publicNetworkAccessForQuery": "Enabled",
            "requestSource": "rest",
        },
        located=True,
        outputs=_insights,
    ),
    Type(
        kind="applicationinsights:Workbook",
        path="Microsoft.Insights/workbooks",
        named_by="resourceName",
        inputs=("category", "displayName", "kind", "serializedData", "sourceId", "tags.*"),
        located=True,
    ),
    Type(
        kind="monitor:MetricAlert",
        path="Microsoft.Insights/metricAlerts",
        named_by="ruleName",
        inputs=(
            "autoMitigate",
            "criteria.*",
            "description",
            "enabled",
            "evaluationFrequency",
            "scopes",
            "severity",
            "windowSize",
            "tags.*",
        ),
        located=True,
    ),
    Type(
        kind="monitor:ScheduledQueryRule",
        path="Microsoft.Insights/scheduledQueryRules",
        named_by="ruleName",
        inputs=(
            "autoMitigate",
            "criteria.*",
            "description",
            "displayName",
            "enabled",
            "evaluationFrequency",
            "kind",
            "scopes",
            "severity",
            "skipQueryValidation",
            "windowSize",
            "tags.*",
        ),
        located=True,
    ),
)
