"""Log buckets and their routes, metrics of the log, alerts, dashboards: kept as deployed, nothing watches."""

from __future__ import annotations

from typing import Final

from serverless_ai_local.gcp import project
from serverless_ai_local.gcp.resources.row import Row, nested

ROWS: Final = (
    Row(
        "gcp:logging/projectBucketConfig:ProjectBucketConfig",
        inputs={
            **nested("bucketId", "location", "retentionDays", "description", "locked", "enableAnalytics"),
            "cmekSettings": nested("kmsKeyName"),
        },
        id="projects/{project}/locations/{location}/buckets/{bucketId}",
        outputs=lambda setting, inputs: {
            "name": f"projects/{setting.project}/locations/{inputs['location']}/buckets/{inputs['bucketId']}",
            "lifecycleState": "ACTIVE",
        },
        fixed=("bucketId", "location"),
        defaults={"retentionDays": 30},
    ),
    Row(
        "gcp:logging/projectSink:ProjectSink",
        inputs=nested("name", "destination", "filter", "uniqueWriterIdentity", "description", "disabled"),
        id="projects/{project}/sinks/{name}",
        outputs=lambda setting, inputs: {
            "writerIdentity": f"serviceAccount:{project.agent('logging.googleapis.com')}"
        },
        fixed=("name",),
        auto="name",
    ),
    Row(
        "gcp:logging/projectExclusion:ProjectExclusion",
        inputs=nested("name", "filter", "description", "disabled"),
        id="projects/{project}/exclusions/{name}",
        fixed=("name",),
        auto="name",
    ),
    Row(
        "gcp:logging/metric:Metric",
        inputs={
            **nested("name", "description", "filter", "valueExtractor", "disabled", "labelExtractors"),
            "metricDescriptor": nested("metricKind", "valueType", "unit", "displayName", "labels"),
            "bucketOptions": None,
        },
        id="{name}",
        fixed=("name",),
        auto="name",
    ),
    Row(
        "gcp:monitoring/alertPolicy:AlertPolicy",
        inputs={
            **nested("displayName", "combiner", "enabled", "notificationChannels", "severity", "userLabels"),
            "conditions": {
                "displayName": None,
                "conditionPrometheusQueryLanguage": nested(
                    "query", "duration", "evaluationInterval", "disableMetricValidation", "labels"
                ),
            },
            "documentation": nested("content", "mimeType", "subject"),
        },
        id="projects/{project}/alertPolicies/{uid}",
        outputs=lambda setting, inputs: {"name": f"projects/{setting.project}/alertPolicies/{setting.uid}"},
        defaults={"enabled": True},
    ),
    Row(
        "gcp:monitoring/dashboard:Dashboard",
        inputs=nested("dashboardJson"),
        id=f"projects/{project.NUMBER}/dashboards/{{uid}}",
    ),
)
