"""Events to a function: topics, of which those that pass a filter go into the function's queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_azure_native import eventgrid, storage

from serverless_ai_patterns.azure import events, roles
from serverless_ai_patterns.azure.events import Condition, EventFilter
from serverless_ai_pulumi.azure._place import Place, part_of
from serverless_ai_pulumi.azure._roles import assign

Topic = eventgrid.Topic | eventgrid.SystemTopic
Subscription = eventgrid.TopicEventSubscription | eventgrid.SystemTopicEventSubscription


@dataclass(frozen=True, kw_only=True, slots=True)
class Sink:
    """Where the events of a subscription end: a queue, and a container for those that do not get there."""

    queues: storage.StorageAccount
    queue: storage.Queue
    blobs: storage.StorageAccount
    undelivered: storage.BlobContainer
    age_minutes: int = events.EVENT_AGE_MINUTES
    """An event that could not be delivered for so long is dead."""
    deliveries: int = events.DELIVERIES


def custom_topic(name: str, place: Place, *, opts: pulumi.ResourceOptions) -> eventgrid.Topic:
    """A topic that takes CloudEvents from holders of a token only.

    A publisher needs the role EventGrid Data Sender on the topic.
    """
    return eventgrid.Topic(
        name,
        resource_group_name=place.group,
        input_schema=eventgrid.InputSchema.CLOUD_EVENT_SCHEMA_V1_0,
        identity=_own_identity(),
        disable_local_auth=True,
        minimum_tls_version_allowed=eventgrid.TlsVersion.TLS_VERSION_1_2,
        opts=opts,
    )


def system_topic(
    name: str, place: Place, source: pulumi.Input[str], kind: str, *, opts: pulumi.ResourceOptions
) -> eventgrid.SystemTopic:
    """What the resource `source` tells of itself; `kind`, e.g. Microsoft.Storage.StorageAccounts: its type.

    A resource can have one such topic.
    """
    return eventgrid.SystemTopic(
        name,
        resource_group_name=place.group,
        source=source,
        topic_type=kind,
        identity=_own_identity(),
        opts=opts,
    )


def to_queue(
    name: str, topic: Topic, passes: EventFilter, sink: Sink, *, opts: pulumi.ResourceOptions
) -> Subscription:
    """Events of `topic` that pass go into the sink's queue, as the topic's own identity.

    The topic may be another pattern's; it must have an identity of its own.
    """
    principal = topic.identity.apply(lambda identity: (identity.principal_id or "") if identity else "")
    granted = [
        assign(f"{name}-send", roles.SEND_MESSAGES, scope=sink.queue.id, principal_id=principal, opts=opts),
        assign(
            f"{name}-bury", roles.WRITE_BLOBS, scope=sink.undelivered.id, principal_id=principal, opts=opts
        ),
    ]
    arguments: dict[str, Any] = {
        "resource_group_name": topic.id.apply(lambda id_: part_of(id_, "resourceGroups")),
        "event_delivery_schema": eventgrid.EventDeliverySchema.CLOUD_EVENT_SCHEMA_V1_0,
        "filter": _filter(passes),
        "delivery_with_resource_identity": eventgrid.DeliveryWithResourceIdentityArgs(
            identity=_sender(),
            destination=eventgrid.StorageQueueEventSubscriptionDestinationArgs(
                endpoint_type="StorageQueue", resource_id=sink.queues.id, queue_name=sink.queue.name
            ),
        ),
        "dead_letter_with_resource_identity": eventgrid.DeadLetterWithResourceIdentityArgs(
            identity=_sender(),
            dead_letter_destination=eventgrid.StorageBlobDeadLetterDestinationArgs(
                endpoint_type="StorageBlob",
                resource_id=sink.blobs.id,
                blob_container_name=sink.undelivered.name,
            ),
        ),
        "retry_policy": eventgrid.RetryPolicyArgs(
            event_time_to_live_in_minutes=sink.age_minutes,
            max_delivery_attempts=sink.deliveries,
        ),
        "opts": pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=granted)),
    }
    if isinstance(topic, eventgrid.Topic):
        return eventgrid.TopicEventSubscription(f"{name}-rule", topic_name=topic.name, **arguments)
    return eventgrid.SystemTopicEventSubscription(f"{name}-rule", system_topic_name=topic.name, **arguments)


def _own_identity() -> eventgrid.IdentityInfoArgs:
    return eventgrid.IdentityInfoArgs(type=eventgrid.IdentityType.SYSTEM_ASSIGNED)


def _sender() -> eventgrid.EventSubscriptionIdentityArgs:
    return eventgrid.EventSubscriptionIdentityArgs(
        type=eventgrid.EventSubscriptionIdentityType.SYSTEM_ASSIGNED
    )


def _filter(wanted: EventFilter) -> eventgrid.EventSubscriptionFilterArgs:
    subjects = {"subject_begins_with": wanted.begins_with, "subject_ends_with": wanted.ends_with}
    arguments: dict[str, Any] = {name: text for name, text in subjects.items() if text}
    if arguments:
        arguments["is_subject_case_sensitive"] = True
    return eventgrid.EventSubscriptionFilterArgs(
        included_event_types=list(wanted.types) or None,
        advanced_filters=[_advanced(one) for one in wanted.conditions] or None,
        **arguments,
    )


def _advanced(condition: Condition) -> Any:
    arguments: dict[str, Any] = {"operator_type": condition.operator, "key": condition.key}
    if condition.operator in _OF_ONE_VALUE:
        return _OF_ONE_VALUE[condition.operator](**arguments, value=condition.values[0])
    return _FILTERS[condition.operator](**arguments, values=list(condition.values))


_OF_ONE_VALUE: Final[Mapping[str, Any]] = {
    "BoolEquals": eventgrid.BoolEqualsAdvancedFilterArgs,
    "NumberLessThanOrEquals": eventgrid.NumberLessThanOrEqualsAdvancedFilterArgs,
}
_FILTERS: Final[Mapping[str, Any]] = {
    "NumberIn": eventgrid.NumberInAdvancedFilterArgs,
    "StringBeginsWith": eventgrid.StringBeginsWithAdvancedFilterArgs,
    "StringEndsWith": eventgrid.StringEndsWithAdvancedFilterArgs,
    "StringIn": eventgrid.StringInAdvancedFilterArgs,
}
