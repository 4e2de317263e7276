"""Topics, subscriptions, jobs of Cloud Scheduler, and grants on them."""

from __future__ import annotations

from typing import Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.resources.identities import grant
from serverless_ai_local.gcp.resources.row import ResourceError, Row, Setting, Values, found, full, nested
from serverless_ai_local.gcp.services.attribute_filter import FilterError, compile_filter
from serverless_ai_local.gcp.services.cron import CronError, parse

_ATTEMPTS: Final = range(5, 101)
_ACK_S: Final = range(10, 601)


def _subscription(setting: Setting, inputs: Values) -> None:
    found(setting, types.TOPIC, full(setting, "topics", inputs["topic"]), "Resource topic")
    if inputs.get("ackDeadlineSeconds", 10) not in _ACK_S:
        raise ResourceError("ack_deadline_seconds must be from 10 to 600")
    policy = inputs.get("deadLetterPolicy")
    if policy is not None and policy.get("maxDeliveryAttempts", 5) not in _ATTEMPTS:
        raise ResourceError("dead_letter_policy.max_delivery_attempts must be from 5 to 100")
    try:
        compile_filter(inputs.get("filter", ""))
    except FilterError as error:
        raise ResourceError(f"filter: {error}") from error
    account = inputs.get("pushConfig", {}).get("oidcToken", {}).get("serviceAccountEmail")
    if account is not None and not any(
        f"/serviceAccounts/{account}" in one.id for one in setting.registry.all(types.ACCOUNT)
    ):
        raise ResourceError(f"Service account {account} does not exist")


def _job(setting: Setting, inputs: Values) -> None:
    try:
        parse(inputs["schedule"], inputs.get("timeZone", "Etc/UTC"))
    except CronError as error:
        raise ResourceError(f"schedule: {error}") from error
    if ("pubsubTarget" in inputs) == ("httpTarget" in inputs):
        raise ResourceError("a job has exactly one of pubsub_target and http_target here")
    if "pubsubTarget" in inputs:
        found(setting, types.TOPIC, inputs["pubsubTarget"]["topicName"], "Topic")


ROWS: Final = (
    Row(
        types.TOPIC,
        inputs=nested("name", "kmsKeyName", "messageRetentionDuration"),
        id="projects/{project}/topics/{name}",
        fixed=("name", "kmsKeyName"),
        auto="name",
    ),
    Row(
        types.SUBSCRIPTION,
        inputs={
            **nested("name", "topic", "filter", "ackDeadlineSeconds", "messageRetentionDuration"),
            "expirationPolicy": nested("ttl"),
            "retryPolicy": nested("minimumBackoff", "maximumBackoff"),
            "deadLetterPolicy": nested("deadLetterTopic", "maxDeliveryAttempts"),
            "pushConfig": {
                "pushEndpoint": None,
                "oidcToken": nested("serviceAccountEmail", "audience"),
            },
        },
        id="projects/{project}/subscriptions/{name}",
        fixed=("name", "topic", "filter"),
        auto="name",
        check=_subscription,
        defaults={"ackDeadlineSeconds": 10, "messageRetentionDuration": "604800s"},
    ),
    grant(types.TOPIC_MEMBER, "topic"),
    grant(types.SUBSCRIPTION_MEMBER, "subscription"),
    Row(
        types.JOB,
        inputs={
            **nested("name", "region", "description", "schedule", "timeZone", "paused", "attemptDeadline"),
            "pubsubTarget": nested("topicName", "data", "attributes"),
            "httpTarget": {
                **nested("uri", "httpMethod", "body", "headers"),
                "oidcToken": nested("serviceAccountEmail", "audience"),
            },
            "retryConfig": nested("retryCount"),
        },
        id="projects/{project}/locations/{region}/jobs/{name}",
        outputs=lambda setting, inputs: {
            "region": inputs.get("region", setting.region),
            "state": "PAUSED" if inputs.get("paused") else "ENABLED",
        },
        fixed=("name", "region"),
        auto="name",
        check=_job,
        defaults={"timeZone": "Etc/UTC"},
    ),
)
