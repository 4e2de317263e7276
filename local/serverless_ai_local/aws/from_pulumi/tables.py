"""DynamoDB tables."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.from_pulumi import existing
from serverless_ai_local.aws.from_pulumi.translation import (
    TAG_LIST,
    AutoName,
    InputError,
    Rules,
    Translation,
    apply,
    block,
    each,
)
from serverless_ai_local.aws.provider import Context, Made
from serverless_ai_local.aws.resources.calls import call
from serverless_ai_local.doors.pulumi.values import Values

# What tables and indexes share; the lower-case names are gathered into CloudFormation's groups.
_KEYS: Final[Rules] = {
    "hashKey": "hash",
    "rangeKey": "range",
    "readCapacity": "read",
    "writeCapacity": "write",
}
_INDEX: Final[Rules] = {
    **_KEYS,
    "name": "IndexName",
    "nonKeyAttributes": "nonKey",
    "projectionType": "projection",
}


def _keys(given: dict[str, Any]) -> dict[str, Any]:
    names = (("hash", "HASH"), ("range", "RANGE"))
    keys = [{"AttributeName": given.pop(key), "KeyType": kind} for key, kind in names if key in given]
    return {"KeySchema": keys}


def _capacity(given: dict[str, Any]) -> dict[str, Any]:
    read, write = given.pop("read", None), given.pop("write", None)
    if read is None and write is None:
        return {}
    return {"ProvisionedThroughput": {"ReadCapacityUnits": read, "WriteCapacityUnits": write}}


def _index(value: Any) -> dict[str, Any]:
    given = apply(_INDEX, value)
    projection = {"ProjectionType": given.pop("projection")}
    if "nonKey" in given:
        projection["NonKeyAttributes"] = given.pop("nonKey")
    grouped = _keys(given) | _capacity(given)
    return {**given, **grouped, "Projection": projection}


def _local_index(value: Any, hash_key: Any) -> dict[str, Any]:
    """Its hash key is its table's."""
    return _index({**value, "hashKey": hash_key})


def _table(given: dict[str, Any]) -> dict[str, Any]:
    """Keys, capacity, streams and indexes, which CloudFormation groups."""
    local = [_local_index(one, given.get("hash")) for one in given.pop("local", ())]
    enabled, view = given.pop("stream", False), given.pop("view", None)
    grouped = _keys(given) | _capacity(given)
    if local:
        grouped["LocalSecondaryIndexes"] = local
    if enabled:
        grouped["StreamSpecification"] = {"StreamViewType": view}
    on_demand = given.get("BillingMode") == "PAY_PER_REQUEST"
    if on_demand == ("ProvisionedThroughput" in grouped):
        raise InputError("", "give billing_mode PAY_PER_REQUEST, or read_capacity and write_capacity")
    return {**given, **grouped}


def _encryption(value: Any) -> dict[str, Any]:
    converted = apply({"enabled": "SSEEnabled", "kmsKeyArn": "KMSMasterKeyId"}, value)
    return {**converted, "SSEType": "KMS"} if "KMSMasterKeyId" in converted else converted


def _stream_arn(context: Context, made: Made, properties: Values) -> Any:
    return call(context, "dynamodb", "DescribeTable", {"TableName": made.physical_id})["Table"].get(
        "LatestStreamArn"
    )


ROWS: Final = (
    Translation(
        "aws:dynamodb/table:Table",
        "AWS::DynamoDB::Table",
        inputs={
            **_KEYS,
            "attributes": (
                "AttributeDefinitions",
                each(block({"name": "AttributeName", "type": "AttributeType"})),
            ),
            "billingMode": "BillingMode",
            "deletionProtectionEnabled": "DeletionProtectionEnabled",
            "globalSecondaryIndexes": ("GlobalSecondaryIndexes", each(_index)),
            "localSecondaryIndexes": "local",
            "name": "TableName",
            "pointInTimeRecovery": (
                "PointInTimeRecoverySpecification",
                block(
                    {"enabled": "PointInTimeRecoveryEnabled", "recoveryPeriodInDays": "RecoveryPeriodInDays"}
                ),
            ),
            "serverSideEncryption": ("SSESpecification", _encryption),
            "streamEnabled": "stream",
            "streamViewType": "view",
            "tableClass": "TableClass",
            "tags": TAG_LIST,
            "ttl": (
                "TimeToLiveSpecification",
                block({"attributeName": "AttributeName", "enabled": "Enabled"}),
            ),
        },
        outputs={"arn": "{a[Arn]}", "streamArn": _stream_arn},
        name=AutoName(limit=255),
        prepare=_table,
        read=existing.table,
    ),
)
