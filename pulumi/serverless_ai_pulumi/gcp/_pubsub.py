"""Topics and subscriptions, with a place for what nobody could process."""

from __future__ import annotations

from typing import NamedTuple

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.gcp import events
from serverless_ai_pulumi.gcp._names import unique

# A subscription that nobody has read for a month would be deleted otherwise, with its messages.
NEVER = gcp.pubsub.SubscriptionExpirationPolicyArgs(ttl="")


class DeadLetters(NamedTuple):
    """The end of the line: where events and results wait for people."""

    topic: gcp.pubsub.Topic
    subscription: gcp.pubsub.Subscription
    agent: pulumi.Output[str]
    """Pub/Sub's own account of the project, which moves dead letters."""


def topic(
    name: str, use: str, *, key: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> gcp.pubsub.Topic:
    return gcp.pubsub.Topic(f"{name}-{use}", name=unique(name, use), kms_key_name=key, opts=opts)


def dead_letters(name: str, *, key: pulumi.Input[str] | None, opts: pulumi.ResourceOptions) -> DeadLetters:
    """A topic for dead letters, and a subscription that keeps them two weeks: a topic alone keeps nothing."""
    use = "dead-letters"
    made = topic(name, use, key=key, opts=opts)
    agent = gcp.projects.ServiceIdentity(f"{name}-pubsub-agent", service="pubsub.googleapis.com", opts=opts)
    gcp.pubsub.TopicIAMMember(
        f"{name}-{use}-agent",
        topic=made.name,
        role="roles/pubsub.publisher",
        member=agent.member,
        opts=opts,
    )
    waiting = gcp.pubsub.Subscription(
        f"{name}-{use}-waiting",
        name=unique(name, use),
        topic=made.id,
        message_retention_duration=_seconds(events.DEAD_LETTER_RETENTION_S),
        expiration_policy=NEVER,
        opts=opts,
    )
    return DeadLetters(made, waiting, agent.member)


def subscription(
    name: str,
    use: str,
    source: gcp.pubsub.Topic,
    dead: DeadLetters,
    *,
    matching: str | None = None,
    push: gcp.pubsub.SubscriptionPushConfigArgs | None = None,
    ack_deadline_s: int | None = None,
    attempts: int = events.ATTEMPTS,
    opts: pulumi.ResourceOptions,
) -> gcp.pubsub.Subscription:
    """Messages of `source`, pushed or to be fetched; what fails too often becomes a dead letter.

    Dead letters need two grants to Pub/Sub's own account, and without either they stay where they are in
    silence: to publish there (`dead_letters`), and to take them off this subscription (here).
    """
    made = gcp.pubsub.Subscription(
        f"{name}-{use}",
        name=unique(name, use),
        topic=source.id,
        filter=matching,
        push_config=push,
        ack_deadline_seconds=ack_deadline_s,
        message_retention_duration=_seconds(events.RETENTION_S),
        expiration_policy=NEVER,
        retry_policy=gcp.pubsub.SubscriptionRetryPolicyArgs(
            minimum_backoff=_seconds(events.FIRST_RETRY_S), maximum_backoff=_seconds(events.LAST_RETRY_S)
        ),
        dead_letter_policy=gcp.pubsub.SubscriptionDeadLetterPolicyArgs(
            dead_letter_topic=dead.topic.id, max_delivery_attempts=attempts
        ),
        opts=opts,
    )
    gcp.pubsub.SubscriptionIAMMember(
        f"{name}-{use}-agent",
        subscription=made.name,
        role="roles/pubsub.subscriber",
        member=dead.agent,
        opts=opts,
    )
    return made


def _seconds(count: int) -> str:
    return f"{count}s"
