"""What each type of resource costs in a month without a call, on Google Cloud: list prices in USD.

Free tiers are per billing account and not per deployment: they are named, not subtracted. What is kept (image
and source of the function, records, logs) is paid by the gigabyte and comes to cents: named, not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from serverless_ai_patterns.aws.prices import HOURS, Idle, Price, UnpricedError

READ_ON: Final = "2026-11-24"
_LIST: Final = f"the service's price page; from memory on {READ_ON}, not compared with a price file"

ALERT_CONDITION = Price(0.10, "condition of an alert policy a month", _LIST)
SCHEDULER_JOB = Price(0.10, "job a month", _LIST)
SECRET_VERSION = Price(0.06, "version a month in each place that keeps it", _LIST)
ALLOYDB_CPU = Price(0.06608, "hour of a vCPU", "facts of 2026-11, as in infracost's test data")
ALLOYDB_GB = Price(0.0112, "hour of a gigabyte of memory", "facts of 2026-11, as in infracost's test data")
_HOURS: Final = 730
VECTOR_MACHINES: Final[Mapping[str, Price]] = {
    "e2-standard-2": Price(0.0939 * _HOURS, "machine of an index a month", _LIST),
    "e2-standard-16": Price(0.751 * _HOURS, "machine of an index a month", _LIST),
}
"""Of Vector Search 1.0, in us-central1; a machine serves one replica of one shard."""

Properties = Mapping[str, Any]


def idle(kind: str, properties: Properties) -> Idle:
    """Idle price of a resource of Pulumi type `kind`. Raises `UnpricedError` naming what has none."""
    if kind in FREE:
        return Idle(0.0, FREE[kind], _LIST)
    if kind not in _RULES:
        raise UnpricedError(
            f"no price is known for resource type {kind}; add it to gcp/prices.py, free or not"
        )
    return _RULES[kind](properties)


_CONFIGURATION = "configuration: no charge"
FREE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "gcp:alloydb/user:User",
            "gcp:apigateway/apiConfig:ApiConfig",
            "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
            "gcp:cloudrunv2/serviceIamBinding:ServiceIamBinding",
            "gcp:compute/globalAddress:GlobalAddress",
            "gcp:compute/network:Network",
            "gcp:compute/subnetwork:Subnetwork",
            "gcp:firestore/field:Field",
            "gcp:storage/bucketIAMMember:BucketIAMMember",
            "gcp:logging/projectExclusion:ProjectExclusion",
            "gcp:logging/projectSink:ProjectSink",
            "gcp:monitoring/dashboard:Dashboard",
            "gcp:projects/iAMCustomRole:IAMCustomRole",
            "gcp:projects/iAMMember:IAMMember",
            "gcp:projects/service:Service",
            "gcp:projects/serviceIdentity:ServiceIdentity",
            "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember",
            "gcp:pubsub/topicIAMMember:TopicIAMMember",
            "gcp:secretmanager/secretIamMember:SecretIamMember",
            "gcp:serviceaccount/account:Account",
            "gcp:servicenetworking/connection:Connection",
        ),
        _CONFIGURATION,
    ),
    "gcp:alloydb/cluster:Cluster": "paid by its instances and the gigabytes kept",
    "gcp:apigateway/api:Api": "paid by the call",
    "gcp:apigateway/gateway:Gateway": "paid by the call",
    "gcp:artifactregistry/repository:Repository": "paid by the gigabyte kept: one image of the function",
    "gcp:essentialcontacts/documentAiProcessor:DocumentAiProcessor": "$1.50 per 1,000 pages that are read",
    "gcp:eventarc/trigger:Trigger": "events of Google's own services are free; paid as Pub/Sub delivers",
    "gcp:firestore/database:Database": "paid by the read, the write and the gigabyte kept",
    "gcp:firestore/index:Index": "paid by the gigabyte kept, and by the index entries that a search reads",
    "gcp:logging/metric:Metric": "paid by the sample; none is written while nobody calls",
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": "paid by the gigabyte written and kept",
    "gcp:pubsub/subscription:Subscription": "paid by the gigabyte delivered and kept",
    "gcp:pubsub/topic:Topic": "paid by the gigabyte published",
    "gcp:secretmanager/secret:Secret": "its versions are paid for",
    "gcp:storage/bucket:Bucket": "paid by the gigabyte kept and by the request",
    "gcp:storage/bucketObject:BucketObject": "paid with its bucket",
}


def _function(properties: Properties) -> Idle:
    warm = int(properties.get("serviceConfig", {}).get("minInstanceCount", 0))
    if warm:
        raise UnpricedError(f"{warm} instances kept warm have no price here; add it to gcp/prices.py")
    return Idle(0.0, "paid by the call and its duration", _LIST)


def _alert(properties: Properties) -> Idle:
    count = len(properties["conditions"])
    return Idle(count * ALERT_CONDITION.usd, f"{ALERT_CONDITION.usd:.2f} a {ALERT_CONDITION.unit}", _LIST)


def _job(_: Properties) -> Idle:
    why = f"{SCHEDULER_JOB.usd:.2f} a {SCHEDULER_JOB.unit}; a billing account's first three are free"
    return Idle(SCHEDULER_JOB.usd, why, _LIST)


ALLOYDB_GB_PER_CPU: Final = 8
ALLOYDB_CPUS: Final = 2
"""Of an instance that does not say; from memory."""


def _alloydb(properties: Properties) -> Idle:
    """It never pauses; a regional instance is two."""
    cpus = int(properties.get("machineConfig", {}).get("cpuCount", ALLOYDB_CPUS))
    copies = 1 if properties.get("availabilityType") == "ZONAL" else 2
    usd = copies * cpus * HOURS * (ALLOYDB_CPU.usd + ALLOYDB_GB_PER_CPU * ALLOYDB_GB.usd)
    why = f"{copies} x {cpus} vCPU of {ALLOYDB_GB_PER_CPU} GB each, {HOURS} hours"
    return Idle(usd, why, ALLOYDB_CPU.source)


def _secret_version(_: Properties) -> Idle:
    why = (
        f"{SECRET_VERSION.usd:.2f} a {SECRET_VERSION.unit}, here one; a billing account's first six are free"
    )
    return Idle(SECRET_VERSION.usd, why, _LIST)


def _paid_by_use(why: str, source: str = _LIST) -> Callable[[Properties], Idle]:
    return lambda _: Idle(0.0, why, source)


def _deployed_index(properties: Properties) -> Idle:
    """One shard. Without machines of its own choice Vertex AI takes two of the larger kind."""
    resources = properties.get("dedicatedResources", {})
    kind = resources.get("machineSpec", {}).get("machineType", "e2-standard-16")
    count = int(resources.get("minReplicaCount", 1 if resources else 2))
    if kind not in VECTOR_MACHINES:
        raise UnpricedError(f"machine {kind} of an index has no price here; add it to gcp/prices.py")
    price = VECTOR_MACHINES[kind]
    return Idle(
        count * price.usd, f"{count} x {kind}: {price.usd:.2f} a {price.unit} and shard", price.source
    )


_RULES: Final[Mapping[str, Callable[[Properties], Idle]]] = {
    "gcp:alloydb/instance:Instance": _alloydb,
    "gcp:cloudfunctionsv2/function:Function": _function,
    "gcp:cloudscheduler/job:Job": _job,
    "gcp:monitoring/alertPolicy:AlertPolicy": _alert,
    "gcp:secretmanager/secretVersion:SecretVersion": _secret_version,
    "gcp:vectorsearch/collection:Collection": _paid_by_use(
        "paid by the gigabyte kept, the write and the search; only an index has machines, and none is made",
        "overview of Agent Retrieval (usage-based pricing for smaller workloads), read 2026-11-27; no rates",
    ),
    "gcp:vertex/aiIndex:AiIndex": _paid_by_use("paid by the gigabyte built and streamed"),
    "gcp:vertex/aiIndexEndpoint:AiIndexEndpoint": _paid_by_use("its deployed indexes are paid for"),
    "gcp:vertex/aiIndexEndpointDeployedIndex:AiIndexEndpointDeployedIndex": _deployed_index,
}
