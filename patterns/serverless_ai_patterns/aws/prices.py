"""List prices of AWS in USD (us-east-1), and what each type of resource costs in a month without a call.

A month has 730 hours. Free tiers are per account and not per deployment: they are named, not subtracted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, cast

READ_ON: Final = "2026-11-24"
HOURS: Final = 730
_LIST: Final = f"AWS price list, us-east-1, as in infracost's test data of 2026-08-21; read {READ_ON}"
_PAGE: Final = (
    f"the service's price page, us-east-1; from memory on {READ_ON}, not compared with a price file"
)


class Price(NamedTuple):
    """One meter."""

    usd: float
    unit: str
    source: str = _LIST


HTTP_API = Price(1.00, "million requests")
LAMBDA_REQUESTS = Price(0.20, "million requests")
LAMBDA_ARM = Price(0.0000133334, "GB-second, arm64")
PROVISIONED_ARM = Price(0.0000033333, "GB-second of provisioned concurrency, arm64")
PROVISIONED_X86 = Price(0.0000041667, "GB-second of provisioned concurrency, x86_64", _PAGE)
DYNAMODB_WRITES = Price(0.625, "million write units, on demand")
DYNAMODB_READS = Price(0.125, "million read units, on demand")
DYNAMODB_WCU = Price(0.00065, "hour of a provisioned write unit", _PAGE)
DYNAMODB_RCU = Price(0.00013, "hour of a provisioned read unit", _PAGE)
LOGS_INGESTED = Price(0.50, "GB")
EVENTS = Price(1.00, "million custom events")
QUEUE_REQUESTS = Price(0.40, "million requests of a standard queue")
OBJECT_WRITES = Price(5.00, "million PUT requests")
OBJECT_READS = Price(0.40, "million GET requests")
VECTORS_PUT = Price(0.20, "GB of vectors put", _PAGE)
VECTORS_KEPT = Price(0.06, "GB of vectors and metadata a month", _PAGE)
VECTOR_QUERIES = Price(2.50, "million queries", _PAGE)
VECTORS_SEARCHED = Price(0.004, "TB searched, for the first 100,000 vectors of an index", _PAGE)
TEXTRACT_PAGES = Price(1.50, "thousand pages, DetectDocumentText", _PAGE)
REKOGNITION_IMAGES = Price(1.00, "thousand images", _PAGE)
COMPREHEND_UNITS = Price(0.0001, "unit of 100 characters, at least 3 a request", _PAGE)
TRANSCRIBE_MINUTES = Price(0.024, "minute", _PAGE)
TRACES = Price(5.00, "million traces", _PAGE)
GUARDRAIL_CONTENT = Price(
    0.15, "1,000 text units of up to 1,000 characters", f"litellm 1.109.1; read {READ_ON}"
)
ALARM = Price(0.10, "metric of a standard-resolution alarm a month")
ALARM_HIGH_RESOLUTION = Price(0.30, "metric of a high-resolution alarm a month")
ALARM_COMPOSITE = Price(0.50, "composite alarm a month", _PAGE)
DASHBOARD = Price(3.00, "dashboard a month", _PAGE)
KMS_KEY = Price(1.00, "key a month")
SECRET = Price(0.40, "secret a month")
NAT_GATEWAY = Price(0.045, "hour")
PUBLIC_IPV4 = Price(0.005, "hour of an address", _PAGE)
_OCU_SOURCE: Final = (
    "OpenSearch Service price page, us-east-1, as quoted on cloudburn.io (2026-03), read 2026-11-27; that "
    "NEXTGEN has the same price is assumed"
)
OCU = Price(0.24, "hour of an OpenSearch compute unit", _OCU_SOURCE)
INTERFACE_ENDPOINT = Price(0.01, "hour and availability zone")
AURORA_ACU = Price(0.12, "hour of an Aurora capacity unit (ACU), Serverless v2", _PAGE)


class Idle(NamedTuple):
    """What one resource costs in a month without a call, and why."""

    usd: float
    why: str
    source: str


class UnpricedError(ValueError):
    """A resource whose idle price is not known here; never taken as free."""


Properties = Mapping[str, Any]
Peers = Mapping[str, tuple[str, Properties]]
"""Name -> type and properties of every resource of the deployment."""


def idle(kind: str, properties: Properties, peers: Peers) -> Idle:
    """Idle price of a resource of CloudFormation type `kind`. Raises `UnpricedError` naming what has none."""
    if kind in FREE:
        return Idle(0.0, FREE[kind], _LIST)
    if kind not in _RULES:
        raise UnpricedError(
            f"no price is known for resource type {kind}; add it to aws/prices.py, free or not"
        )
    return _RULES[kind](properties, peers)


_CONFIGURATION = "configuration: no charge"
FREE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "AWS::ApiGatewayV2::Authorizer",
            "AWS::ApiGatewayV2::Integration",
            "AWS::ApiGatewayV2::Route",
            "AWS::ApiGatewayV2::Stage",
            "AWS::Bedrock::GuardrailVersion",
            "AWS::CDK::Metadata",
            "AWS::EC2::Route",
            "AWS::EC2::RouteTable",
            "AWS::EC2::SecurityGroup",
            "AWS::EC2::SecurityGroupEgress",
            "AWS::EC2::SecurityGroupIngress",
            "AWS::EC2::Subnet",
            "AWS::EC2::SubnetRouteTableAssociation",
            "AWS::EC2::VPC",
            "AWS::EC2::InternetGateway",
            "AWS::EC2::VPCGatewayAttachment",
            "AWS::Events::Rule",
            "AWS::IAM::ManagedPolicy",
            "AWS::IAM::Policy",
            "AWS::IAM::Role",
            "AWS::IAM::RolePolicy",
            "AWS::KMS::Alias",
            "AWS::Lambda::EventInvokeConfig",
            "AWS::Lambda::Permission",
            "AWS::Lambda::Version",
            "AWS::Logs::ResourcePolicy",
            "AWS::RDS::DBSubnetGroup",
            "AWS::OpenSearchServerless::AccessPolicy",
            "AWS::OpenSearchServerless::SecurityPolicy",
            "AWS::S3::BucketPolicy",
            "AWS::SNS::Subscription",
            "AWS::SNS::TopicPolicy",
            "AWS::SQS::QueuePolicy",
            "AWS::Scheduler::ScheduleGroup",
        ),
        _CONFIGURATION,
    ),
    "AWS::ApiGatewayV2::Api": "paid by the request",
    "AWS::Bedrock::Guardrail": "paid by the text it checks",
    "AWS::Events::EventBus": "paid by the event",
    "AWS::Lambda::Function": "paid by the call and its duration",
    "AWS::Logs::LogGroup": "paid by the gigabyte written and kept; nothing is written while nobody calls",
    "AWS::S3::Bucket": "paid by the gigabyte kept and by the request",
    "AWS::SNS::Topic": "paid by the message",
    "AWS::SQS::Queue": "paid by the request",
    "AWS::S3Vectors::Index": "paid by the gigabyte kept, put and searched",
    "AWS::S3Vectors::VectorBucket": "holds indexes: no charge",
    "AWS::Scheduler::Schedule": "paid by the invocation",
}


def _alarm(properties: Properties, _: Peers) -> Idle:
    queries = [m for m in properties.get("Metrics", []) if "MetricStat" in m]
    periods = [m["MetricStat"].get("Period", 300) for m in queries] or [properties.get("Period", 300)]
    price = ALARM_HIGH_RESOLUTION if min(map(int, periods)) < 60 else ALARM
    # An anomaly detection alarm is billed as three: the metric and both edges of its band.
    factor = 3 if "ThresholdMetricId" in properties else 1
    return Idle(price.usd * len(periods) * factor, f"{price.usd:.2f} a {price.unit}", price.source)


def _dashboard(_: Properties, __: Peers) -> Idle:
    why = f"{DASHBOARD.usd:.2f} a {DASHBOARD.unit}; an account's first three (of up to 50 metrics) are free"
    return Idle(DASHBOARD.usd, why, DASHBOARD.source)


def _table(properties: Properties, _: Peers) -> Idle:
    if properties.get("BillingMode") == "PAY_PER_REQUEST":
        return Idle(0.0, "on demand: paid by the request and the gigabyte kept", DYNAMODB_WRITES.source)
    units = properties.get("ProvisionedThroughput", {})
    writes, reads = int(units.get("WriteCapacityUnits", 0)), int(units.get("ReadCapacityUnits", 0))
    if not writes or not reads:
        raise UnpricedError(
            "AWS::DynamoDB::Table without PAY_PER_REQUEST needs ProvisionedThroughput to be priced"
        )
    usd = HOURS * (writes * DYNAMODB_WCU.usd + reads * DYNAMODB_RCU.usd)
    return Idle(usd, f"{writes} write and {reads} read units provisioned", DYNAMODB_WCU.source)


def _alias(properties: Properties, peers: Peers) -> Idle:
    config = properties.get("ProvisionedConcurrencyConfig")
    if config is None:
        return Idle(0.0, _CONFIGURATION, _LIST)
    function = _function_of(properties.get("FunctionName"), peers)
    price = PROVISIONED_ARM if "arm64" in function.get("Architectures", ()) else PROVISIONED_X86
    copies, memory_gb = (
        int(config["ProvisionedConcurrentExecutions"]),
        int(function.get("MemorySize", 128)) / 1024,
    )
    usd = copies * memory_gb * HOURS * 3600 * price.usd
    return Idle(usd, f"{copies} copies of {memory_gb:g} GB kept warm; {price.unit}", price.source)


def _cluster(properties: Properties, _: Peers) -> Idle:
    """Serverless v2 at its least; a managed password is a secret, which is there all the time."""
    scaling = properties.get("ServerlessV2ScalingConfiguration")
    if scaling is None:
        raise UnpricedError("AWS::RDS::DBCluster is priced with ServerlessV2ScalingConfiguration only")
    units = float(scaling["MinCapacity"])
    secret = SECRET.usd if properties.get("ManageMasterUserPassword") else 0.0
    why = (
        f"{units:g} capacity units at least, {HOURS} hours, and the gigabytes kept; {secret:.2f}, its secret"
    )
    return Idle(units * HOURS * AURORA_ACU.usd + secret, why, AURORA_ACU.source)


def _database_instance(properties: Properties, _: Peers) -> Idle:
    if properties.get("DBInstanceClass") != "db.serverless":
        raise UnpricedError("AWS::RDS::DBInstance is priced with the class db.serverless only")
    return Idle(0.0, "paid by its cluster's capacity units", AURORA_ACU.source)


POLLS: Final = 5 * 3 * 60 * HOURS
"""Receives a month of an empty queue: Lambda keeps five connections, each of which waits 20 s at most."""


def _event_source(properties: Properties, _: Peers) -> Idle:
    if ":sqs:" not in str(properties.get("EventSourceArn")):
        raise UnpricedError("AWS::Lambda::EventSourceMapping is priced for SQS queues only")
    usd = POLLS / 1e6 * QUEUE_REQUESTS.usd
    why = f"{POLLS} receives of the empty queue a month; an account's first million requests are free"
    return Idle(usd, why, f"{QUEUE_REQUESTS.source}; Lambda Developer Guide, scaling of SQS, {READ_ON}")


def _function_of(reference: Any, peers: Peers) -> Properties:
    name: object = cast("Properties", reference).get("Ref") if isinstance(reference, Mapping) else reference
    for peer, (kind, properties) in peers.items():
        if kind == "AWS::Lambda::Function" and name in (peer, properties.get("FunctionName")):
            return properties
    raise UnpricedError(
        f"provisioned concurrency of {name!r} has no price: its function is not in the deployment"
    )


def _endpoint(properties: Properties, _: Peers) -> Idle:
    if properties.get("VpcEndpointType", "Gateway") == "Gateway":
        return Idle(0.0, "gateway endpoints are free", _LIST)
    zones = max(1, len(properties.get("SubnetIds", ())))
    return _hourly(INTERFACE_ENDPOINT, zones)(properties, {})


_SCALES_TO_ZERO: Final = "OpenSearch Service Developer Guide, Scale to zero, read 2026-11-27"
_CLASSIC_OCU: Final = {"ENABLED": 2.0, "DISABLED": 1.0}
"""Half a unit for indexing and half one for search, and each once more with standby replicas (AWS Big Data
Blog, cost-effective search capabilities at any scale, read 2026-11-27)."""


def _collection(properties: Properties, peers: Peers) -> Idle:
    if properties.get("CollectionGroupName"):
        if not any(kind == "AWS::OpenSearchServerless::CollectionGroup" for kind, _ in peers.values()):
            raise UnpricedError("a collection whose group is not in the deployment has no price")
        return Idle(0.0, "its group has the capacity; paid by the gigabyte kept", OCU.source)
    units = _CLASSIC_OCU[str(properties.get("StandbyReplicas", "ENABLED"))]
    why = f"{units:g} OCU at least, shared with the account's other classic collections of the same key"
    return Idle(units * HOURS * OCU.usd, why, OCU.source)


def _collection_group(properties: Properties, _: Peers) -> Idle:
    if properties.get("Generation") != "NEXTGEN":
        raise UnpricedError("only collection groups of generation NEXTGEN are priced")
    limits = properties.get("CapacityLimits", {})
    names = ("MinIndexingCapacityInOcu", "MinSearchCapacityInOcu")
    units = sum(float(limits.get(name, 0)) for name in names)
    why = f"{units:g} OCU kept; without a request for 10 minutes it goes down to them"
    return Idle(units * HOURS * OCU.usd, why, f"{OCU.source}; {_SCALES_TO_ZERO}")


def _monthly(price: Price) -> Callable[[Properties, Peers], Idle]:
    return lambda _, __: Idle(price.usd, f"{price.usd:.2f} a {price.unit}", price.source)


def _hourly(price: Price, count: int = 1) -> Callable[[Properties, Peers], Idle]:
    why = f"{count} x {price.usd} an {price.unit}, {HOURS} hours"
    return lambda _, __: Idle(price.usd * count * HOURS, why, price.source)


_RULES: Final[Mapping[str, Callable[[Properties, Peers], Idle]]] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": _monthly(ALARM_COMPOSITE),
    "AWS::CloudWatch::Dashboard": _dashboard,
    "AWS::DynamoDB::Table": _table,
    "AWS::EC2::EIP": _hourly(PUBLIC_IPV4),
    "AWS::EC2::NatGateway": _hourly(NAT_GATEWAY),
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::KMS::Key": _monthly(KMS_KEY),
    "AWS::Lambda::Alias": _alias,
    "AWS::Lambda::EventSourceMapping": _event_source,
    "AWS::RDS::DBCluster": _cluster,
    "AWS::RDS::DBInstance": _database_instance,
    "AWS::OpenSearchServerless::Collection": _collection,
    "AWS::OpenSearchServerless::CollectionGroup": _collection_group,
    "AWS::SecretsManager::Secret": _monthly(SECRET),
}
