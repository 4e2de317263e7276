"""Events to a function: a topic, of which those that pass a filter go into the function's queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pulumi
from pulumi_azure_native import eventgrid, storage

from serverless_ai_patterns.azure import events, roles
from serverless_ai_patterns.azure.events import Condition
from serverless_ai_pulumi.azure._place import Place
from serverless_ai_pulumi.azure._roles import assign
from serverless_ai_pulumi.azure._storage import container


class TopicParts(NamedTuple):
    """A topic, what goes on from it, and where undelivered events are."""

    topic: eventgrid.Topic
    rule: eventgrid.TopicEventSubscription
    undelivered: storage.BlobContainer


def topic(
    name: str,
    pattern: Mapping[str, Any],
    place: Place,
    account: storage.StorageAccount,
    queue: storage.Queue,
    *,
    opts: pulumi.ResourceOptions,
) -> TopicParts:
    """CloudEvents that match `pattern` go into `queue`; the topic takes them from holders of a token only.

    A publisher needs the role EventGrid Data Sender on the topic. Raises ValueError for a pattern that Event
    Grid cannot express.
    """
    passes = _filter(pattern)
    made = eventgrid.Topic(
        name,
        resource_group_name=place.group,
        input_schema=eventgrid.InputSchema.CLOUD_EVENT_SCHEMA_V1_0,
        identity=eventgrid.IdentityInfoArgs(type=eventgrid.IdentityType.SYSTEM_ASSIGNED),
        disable_local_auth=True,
        minimum_tls_version_allowed=eventgrid.TlsVersion.TLS_VERSION_1_2,
        opts=opts,
    )
    undelivered = container(f"{name}-undelivered", events.UNDELIVERED, place, account, opts=opts)
    principal = made.identity.apply(lambda identity: (identity.principal_id or "") if identity else "")
    granted = [
        assign(f"{name}-send", roles.SEND_MESSAGES, scope=queue.id, principal_id=principal, opts=opts),
        assign(f"{name}-bury", roles.WRITE_BLOBS, scope=undelivered.id, principal_id=principal, opts=opts),
    ]
    rule = _subscription(
        f"{name}-rule",
        place,
        made,
        passes,
        delivery=eventgrid.StorageQueueEventSubscriptionDestinationArgs(
            endpoint_type="StorageQueue", resource_id=account.id, queue_name=queue.name
        ),
        burial=eventgrid.StorageBlobDeadLetterDestinationArgs(
            endpoint_type="StorageBlob", resource_id=account.id, blob_container_name=undelivered.name
        ),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=granted)),
    )
    return TopicParts(made, rule, undelivered)


def _subscription(
    name: str,
    place: Place,
    made: eventgrid.Topic,
    passes: eventgrid.EventSubscriptionFilterArgs,
    *,
    delivery: eventgrid.StorageQueueEventSubscriptionDestinationArgs,
    burial: eventgrid.StorageBlobDeadLetterDestinationArgs,
    opts: pulumi.ResourceOptions,
) -> eventgrid.TopicEventSubscription:
    identity = eventgrid.EventSubscriptionIdentityArgs(
        type=eventgrid.EventSubscriptionIdentityType.SYSTEM_ASSIGNED
    )
    return eventgrid.TopicEventSubscription(
        name,
        resource_group_name=place.group,
        topic_name=made.name,
        event_delivery_schema=eventgrid.EventDeliverySchema.CLOUD_EVENT_SCHEMA_V1_0,
        filter=passes,
        delivery_with_resource_identity=eventgrid.DeliveryWithResourceIdentityArgs(
            identity=identity, destination=delivery
        ),
        dead_letter_with_resource_identity=eventgrid.DeadLetterWithResourceIdentityArgs(
            identity=identity, dead_letter_destination=burial
        ),
        retry_policy=eventgrid.RetryPolicyArgs(
            event_time_to_live_in_minutes=events.EVENT_AGE_MINUTES,
            max_delivery_attempts=events.DELIVERIES,
        ),
        opts=opts,
    )


def _filter(pattern: Mapping[str, Any]) -> eventgrid.EventSubscriptionFilterArgs:
    wanted = events.event_filter(pattern)
    return eventgrid.EventSubscriptionFilterArgs(
        included_event_types=list(wanted.types) or None,
        advanced_filters=[_advanced(one) for one in wanted.conditions] or None,
    )


def _advanced(condition: Condition) -> Any:
    arguments: dict[str, Any] = {"operator_type": condition.operator, "key": condition.key}
    if condition.operator == "BoolEquals":
        return eventgrid.BoolEqualsAdvancedFilterArgs(**arguments, value=condition.values[0])
    return _FILTERS[condition.operator](**arguments, values=list(condition.values))


_FILTERS: Final[Mapping[str, Any]] = {
    "NumberIn": eventgrid.NumberInAdvancedFilterArgs,
    "StringBeginsWith": eventgrid.StringBeginsWithAdvancedFilterArgs,
    "StringEndsWith": eventgrid.StringEndsWithAdvancedFilterArgs,
    "StringIn": eventgrid.StringInAdvancedFilterArgs,
}
