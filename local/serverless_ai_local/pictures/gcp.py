"""How Google Cloud is drawn: a push subscription as an arrow, one to pull from as a box."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from serverless_ai_local.graph import Resource
from serverless_ai_local.pictures.sketch import (
    CALLER,
    EMBEDDER,
    HIDDEN,
    MODEL,
    Arrow,
    Box,
    Cloud,
    Graph,
    Look,
    embedding_model,
    failed,
    watched,
)
from serverless_ai_runtime.config import PREFIX

_FUNCTION, _GATEWAY = "gcp:cloudfunctionsv2/function:Function", "gcp:apigateway/gateway:Gateway"
_DATABASE, _INDEX = "gcp:firestore/database:Database", "gcp:firestore/index:Index"
_TOPIC, _SUBSCRIPTION = "gcp:pubsub/topic:Topic", "gcp:pubsub/subscription:Subscription"
_JOB = "gcp:cloudscheduler/job:Job"
_BUCKET, _TRIGGER = "gcp:storage/bucket:Bucket", "gcp:eventarc/trigger:Trigger"
_PROCESSOR = "gcp:essentialcontacts/documentAiProcessor:DocumentAiProcessor"
_LOGS = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
_ALERT, _DASHBOARD = "gcp:monitoring/alertPolicy:AlertPolicy", "gcp:monitoring/dashboard:Dashboard"
_BLUE, _GREEN, _ORANGE, _RED = "#4285f4", "#34a853", "#e37400", "#ea4335"


def _holds(graph: Graph, resource: Resource) -> str:
    return "records and vectors" if list(graph.of(_INDEX)) else "sessions, budgets, events seen"


_LOOKS: Final[Mapping[str, Look]] = {
    _GATEWAY: Look(label="API Gateway", colour=_BLUE),
    _FUNCTION: Look(label="Cloud Run function", colour=_BLUE, caption=Graph.short),
    _DATABASE: Look(label="Firestore database", colour=_ORANGE, caption=_holds),
    _TOPIC: Look(label="Pub/Sub topic", colour=_RED, caption=Graph.short),
    _SUBSCRIPTION: Look(label="Pub/Sub subscription", colour=_RED, joined=True, caption=Graph.short),
    _BUCKET: Look(label="Cloud Storage bucket", colour=_GREEN, joined=True, caption=Graph.short),
    _TRIGGER: Look(label="Eventarc trigger", colour=_RED, caption=Graph.short),
    _PROCESSOR: Look(label="Document AI processor", colour=_GREEN),
    _JOB: Look(label="Cloud Scheduler job", colour=_RED),
    _LOGS: Look(label="Log bucket", colour=_RED),
    _ALERT: Look(label="Alert policies", colour=_RED, grouped=True),
    _DASHBOARD: Look(label="Dashboard", colour=_RED),
    **dict.fromkeys(
        (
            "gcp:apigateway/api:Api",
            "gcp:apigateway/apiConfig:ApiConfig",
            "gcp:artifactregistry/repository:Repository",
            "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
            "gcp:cloudrunv2/serviceIamBinding:ServiceIamBinding",
            "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
            "gcp:firestore/field:Field",
            _INDEX,
            "gcp:logging/metric:Metric",
            "gcp:logging/projectExclusion:ProjectExclusion",
            "gcp:logging/projectSink:ProjectSink",
            "gcp:projects/iAMCustomRole:IAMCustomRole",
            "gcp:projects/iAMMember:IAMMember",
            "gcp:projects/service:Service",
            "gcp:projects/serviceIdentity:ServiceIdentity",
            "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember",
            "gcp:pubsub/topicIAMMember:TopicIAMMember",
            "gcp:secretmanager/secret:Secret",
            "gcp:secretmanager/secretIamMember:SecretIamMember",
            "gcp:secretmanager/secretVersion:SecretVersion",
            "gcp:serviceaccount/account:Account",
            "gcp:storage/bucketIAMMember:BucketIAMMember",
            "gcp:storage/bucketObject:BucketObject",
        ),
        HIDDEN,
    ),
}


def _arrows(graph: Graph) -> Iterator[Arrow]:
    functions, gateways = list(graph.of(_FUNCTION)), list(graph.of(_GATEWAY))
    asked = [one for one in functions if _variable(one, "MODEL") and not _variable(one, "PROCESSOR")]
    path = "POST /ask\nPOST /search" if any(_variable(one, "TOP_K") for one in asked) else "POST /chat"
    for door in gateways or asked:
        yield Arrow(CALLER, door.name, path)
    for trigger in graph.of(_TRIGGER):
        yield from (Arrow(bucket.name, trigger.name) for bucket in graph.others(trigger, _BUCKET))
        yield from (Arrow(trigger.name, one.name, "push") for one in graph.others(trigger, _FUNCTION))
    for function in asked:
        yield from (Arrow(gateway.name, function.name) for gateway in gateways)
    for function in functions:
        yield from _calls(graph, function)
    for job in graph.of(_JOB):
        yield from (Arrow(job.name, topic.name) for topic in graph.others(job, _TOPIC))
    for subscription in graph.of(_SUBSCRIPTION):
        yield from _deliveries(graph, subscription)
    for resource in graph.resources:
        if resource.type not in _LOOKS:
            yield from (Arrow(resource.name, other.name) for other in graph.others(resource))


def _calls(graph: Graph, function: Resource) -> Iterator[Arrow]:
    if _variable(function, "MODEL"):
        yield Arrow(function.name, MODEL, "generateContent")
    if embedding_model(_variable(function, "INDEXES")):
        yield Arrow(function.name, EMBEDDER, "predict")
    yield from (Arrow(function.name, database.name) for database in graph.others(function, _DATABASE))
    for topic in graph.others(function, _TOPIC):
        dead = topic.physical_id == _variable(function, "DEAD_LETTERS")
        yield failed(function.name, topic.name) if dead else Arrow(function.name, topic.name)
    for bucket in graph.of(_BUCKET):
        if bucket.physical_id == _variable(function, "RESULTS"):
            yield Arrow(function.name, bucket.name, "results")
    yield from (Arrow(function.name, processor.name) for processor in graph.others(function, _PROCESSOR))
    yield from (Arrow(function.name, logs.name) for logs in graph.of(_LOGS))
    # Their queries name the service: they refer to it by name only.
    for watcher in graph.of(_ALERT, _DASHBOARD):
        if str(function.properties["name"]) in str(watcher.properties):
            yield watched(function.name, watcher.name)


def _deliveries(graph: Graph, subscription: Resource) -> Iterator[Arrow]:
    """From the topic to whom it is pushed, or to where it waits; from there to the dead letters."""
    policy: Mapping[str, Any] = subscription.properties.get("deadLetterPolicy") or {}
    functions = graph.others(subscription, _FUNCTION) if subscription.properties.get("pushConfig") else []
    topics = graph.others(subscription, _TOPIC)
    dead = [one for one in topics if one.physical_id == policy.get("deadLetterTopic")]
    for source in topics:
        if source in dead:
            continue
        for function in functions:
            yield Arrow(source.name, function.name, "push")
        if not functions:
            yield Arrow(source.name, subscription.name)
        for letters in dead:
            yield failed(source.name if functions else subscription.name, letters.name)


def _boxes(graph: Graph) -> Iterator[Box]:
    for function in graph.of(_FUNCTION):
        model = _variable(function, "MODEL")
        if model:
            yield Box(MODEL, f"Vertex AI\n{model}", _GREEN)
    for model in {embedding_model(_variable(one, "INDEXES")) for one in graph.of(_FUNCTION)} - {""}:
        yield Box(EMBEDDER, f"Vertex AI\n{model}", _GREEN)


def _variable(function: Resource, name: str) -> str:
    variables: Mapping[str, Any] = function.properties.get("serviceConfig", {}).get(
        "environmentVariables", {}
    )
    return str(variables.get(PREFIX + name, ""))


CLOUD: Final = Cloud(looks=_LOOKS, caller="ID token", arrows=_arrows, boxes=_boxes)
