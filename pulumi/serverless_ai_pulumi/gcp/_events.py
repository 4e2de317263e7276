"""Events to a function: from producers through a filter, and from a schedule, each pushed with dead letters.

A subscription of our own pushes to the function's URL, rather than a trigger of the function: a trigger's
subscription is made by Eventarc, and its filter, back-off and dead letters cannot be set.
"""

from __future__ import annotations

import base64

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.gcp import events
from serverless_ai_patterns.unix_cron import unix_cron
from serverless_ai_pulumi.gcp._function import url_of
from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_pulumi.gcp._pubsub import DeadLetters, subscription

PUBLISH_RETRIES = 3
"""Attempts of Cloud Scheduler after the first; its maximum is 5."""


def pushed(
    name: str,
    use: str,
    source: gcp.pubsub.Topic,
    dead: DeadLetters,
    *,
    function: gcp.cloudfunctionsv2.Function,
    deliverer: gcp.serviceaccount.Account,
    matching: str | None = None,
    path: str = events.PATH,
    ack_deadline_s: int,
    attempts: int = events.ATTEMPTS,
    opts: pulumi.ResourceOptions,
) -> gcp.pubsub.Subscription:
    """Events of `source` that the filter `matching` lets in go to `function`, with a token of `deliverer`.

    The invokers of the function must include `deliverer`.
    """
    url = url_of(function)
    return subscription(
        name,
        use,
        source,
        dead,
        matching=matching,
        push=gcp.pubsub.SubscriptionPushConfigArgs(
            push_endpoint=pulumi.Output.concat(url, path),
            oidc_token=gcp.pubsub.SubscriptionPushConfigOidcTokenArgs(
                service_account_email=deliverer.email, audience=url
            ),
        ),
        ack_deadline_s=ack_deadline_s,
        attempts=attempts,
        opts=opts,
    )


def schedule(
    name: str,
    expression: str,
    message: str,
    target: gcp.pubsub.Topic,
    *,
    region: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> gcp.cloudscheduler.Job:
    """`message` is published to `target` at `expression` (UTC) by Cloud Scheduler's own account."""
    body = events.schedule_message(message)
    return gcp.cloudscheduler.Job(
        f"{name}-schedule",
        name=unique(name, "schedule"),
        region=region,
        schedule=unix_cron(expression, cloud="Google Cloud"),
        time_zone="Etc/UTC",
        pubsub_target=gcp.cloudscheduler.JobPubsubTargetArgs(
            topic_name=target.id,
            data=base64.b64encode(body.encode()).decode(),
            attributes={"source": "schedule"},
        ),
        retry_config=gcp.cloudscheduler.JobRetryConfigArgs(retry_count=PUBLISH_RETRIES),
        opts=opts,
    )
