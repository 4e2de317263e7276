"""Rules for Google Cloud: subscriptions and schedules, and where events end that nobody could answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from serverless_ai_policy.checks import must_be, must_be_set
from serverless_ai_policy.rule import Each, Finding, Resource, Rule, Stack, Whole
from serverless_ai_policy.values import UNKNOWN, at, is_set, known

SUBSCRIPTION: Final = "gcp:pubsub:Subscription"
TOPIC: Final = "gcp:pubsub:Topic"
SCHEDULE: Final = ("gcp:cloudscheduler:Job",)
BURIAL: Final = "deadLetterPolicy"
GRANTS: Final = (
    ("gcp:pubsub:SubscriptionIAM*", "subscription", "roles/pubsub.subscriber", "take them off it"),
    ("gcp:pubsub:TopicIAM*", "topic", "roles/pubsub.publisher", "publish to the topic for them"),
)
"""What Pub/Sub's own account needs for dead letters: kind, property, role, and what for."""


def _ends(stack: Stack) -> Iterator[Resource]:
    """Topics that dead letters are published to."""
    return (topic for topic in stack.of(TOPIC) if any(stack.referring(topic, BURIAL, SUBSCRIPTION)))


def _buries(subscription: Resource) -> bool:
    return is_set(at(subscription.props, f"{BURIAL}.deadLetterTopic"))


def _subscriptions_bury(stack: Stack) -> Iterator[Finding]:
    ends = list(_ends(stack))
    for subscription in stack.of(SUBSCRIPTION):
        if not _buries(subscription) and not any(subscription.refers("topic", end) for end in ends):
            yield Finding(
                subscription, "a message that always fails is tried until it is too old, and dropped"
            )


def _dead_letters_are_kept(stack: Stack) -> Iterator[Finding]:
    for topic in _ends(stack):
        if not any(stack.referring(topic, "topic", SUBSCRIPTION)):
            yield Finding(topic, "nothing subscribes to it: a topic alone keeps no message")


def _dead_letters_are_moved(stack: Stack) -> Iterator[Finding]:
    taken = [(subscription, GRANTS[0]) for subscription in stack.of(SUBSCRIPTION) if _buries(subscription)]
    put = [(topic, GRANTS[1]) for topic in _ends(stack)]
    for resource, (kind, prop, role, use) in (*taken, *put):
        granted = [each for each in stack.referring(resource, prop, kind) if each.props.get("role") == role]
        if not any(map(_to_agent, granted)):
            yield Finding(resource, f"Pub/Sub's own account may not {use}: it lacks {role}")


def _to_agent(grant: Resource) -> bool:
    members = grant.props.get("members") or [grant.props.get("member")]
    return members is UNKNOWN or any(one is UNKNOWN or "gcp-sa-pubsub" in str(one) for one in members)


def _push_is_safe(resource: Resource) -> Iterator[str]:
    if not is_set(at(resource.props, "pushConfig")):
        return
    if not is_set(at(resource.props, "pushConfig.oidcToken.serviceAccountEmail")):
        yield "events are pushed without a token"
    endpoint = known(at(resource.props, "pushConfig.pushEndpoint"), "pushConfig.pushEndpoint")
    if not str(endpoint).startswith("https://"):
        yield "events are pushed over plain HTTP"


def _push_backs_off(resource: Resource) -> Iterator[str]:
    if is_set(at(resource.props, "pushConfig")):
        yield from must_be_set("retryPolicy.minimumBackoff")(resource)


def _goes_through_a_topic(resource: Resource) -> Iterator[str]:
    if not is_set(at(resource.props, "pubsubTarget")):
        yield "a run that fails is gone: only a topic's subscription has dead letters"


RULES: Final = (
    Rule(
        id="gcp-subscription-dead-letters",
        reason="A message that nobody can process must wait for people, and not be lost",
        mend="dead_letter_policy with dead_letter_topic",
        looks=Whole(_subscriptions_bury),
    ),
    Rule(
        id="gcp-dead-letters-kept",
        reason="A topic keeps nothing: what is published while nobody subscribes is gone",
        mend="A Subscription of the dead-letter topic",
        looks=Whole(_dead_letters_are_kept),
    ),
    Rule(
        id="gcp-dead-letters-granted",
        reason="Without both grants dead letters stay where they are, and nobody is told",
        mend="SubscriptionIAMMember and TopicIAMMember for "
        "serviceAccount:service-NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com",
        looks=Whole(_dead_letters_are_moved),
    ),
    Rule(
        id="gcp-subscription-kept",
        reason="A subscription that nobody has read for 31 days is deleted, with its messages",
        mend='expiration_policy=SubscriptionExpirationPolicyArgs(ttl="")',
        looks=Each((SUBSCRIPTION,), must_be("expirationPolicy.ttl", "")),
    ),
    Rule(
        id="gcp-push-authorised",
        reason="Whoever knows the URL could push events, and each calls the model",
        mend="push_config.oidc_token with an account of its own, and an endpoint of https",
        looks=Each((SUBSCRIPTION,), _push_is_safe),
    ),
    Rule(
        id="gcp-push-backoff",
        reason="A message that fails is pushed again at once otherwise, and the model is paid each time",
        mend="retry_policy with minimum_backoff and maximum_backoff",
        looks=Each((SUBSCRIPTION,), _push_backs_off),
    ),
    Rule(
        id="gcp-schedule-dead-letters",
        reason="Cloud Scheduler has no dead letters of its own",
        mend="pubsub_target, and a subscription that pushes with dead_letter_policy",
        looks=Each(SCHEDULE, _goes_through_a_topic),
    ),
    Rule(
        id="gcp-schedule-retries",
        reason="Cloud Scheduler tries once otherwise, and Google's own errors are many",
        mend="retry_config=JobRetryConfigArgs(retry_count=3)",
        looks=Each(SCHEDULE, must_be_set("retryConfig.retryCount")),
    ),
)
