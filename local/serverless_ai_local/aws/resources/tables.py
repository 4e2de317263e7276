"""DynamoDB tables; a global table here is a table with its one replica in the stack's own region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from serverless_ai_local.aws.provider import Context, Made, ResourceError
from serverless_ai_local.aws.resources.calls import as_json, call, fitted
from serverless_ai_local.aws.resources.kind import Call, Facet, Kind, Properties
from serverless_ai_local.aws.resources.naming import Name
from serverless_ai_local.aws.resources.tagging import Tagging

_TABLE: Final = "AWS::DynamoDB::Table"
_SERVICE: Final = "dynamodb"


def _expiry(context: Context, made: Made, old: Properties, new: Properties) -> None:
    wanted = new.get("TimeToLiveSpecification", {"Enabled": False})
    attribute = wanted.get("AttributeName") or old.get("TimeToLiveSpecification", {}).get("AttributeName")
    parameters = {
        "TableName": made.physical_id,
        "TimeToLiveSpecification": {**wanted, "AttributeName": attribute},
    }
    fitted(context, _SERVICE, "UpdateTimeToLive", parameters, _TABLE)


def _backups(context: Context, made: Made, old: Properties, new: Properties) -> None:
    wanted = new.get("PointInTimeRecoverySpecification", {"PointInTimeRecoveryEnabled": False})
    parameters = {"TableName": made.physical_id, "PointInTimeRecoverySpecification": wanted}
    fitted(context, _SERVICE, "UpdateContinuousBackups", parameters, _TABLE)


def _policy(context: Context, made: Made, old: Properties, new: Properties) -> None:
    about = {"ResourceArn": made.attributes["Arn"]}
    if "ResourcePolicy" in new:
        policy = {"Policy": as_json(new["ResourcePolicy"]["PolicyDocument"])}
        fitted(context, _SERVICE, "PutResourcePolicy", about | policy, _TABLE)
    else:
        call(context, _SERVICE, "DeleteResourcePolicy", about)


def _api_words(properties: Properties) -> Properties:
    """Where the API says it differently: encryption and streams."""
    values = dict(properties)
    encryption = values.get("SSESpecification")
    if encryption is not None:
        renamed = {key: value for key, value in encryption.items() if key != "SSEEnabled"}
        values["SSESpecification"] = {"Enabled": encryption.get("SSEEnabled", False), **renamed}
    stream = values.get("StreamSpecification")
    if stream is not None:
        values["StreamSpecification"] = {"StreamEnabled": True, **stream}
    return values


TABLE: Final = Kind(
    type=_TABLE,
    service=_SERVICE,
    create_call=Call("CreateTable"),
    update_call=Call("UpdateTable", {"TableName": "{id}"}),
    delete_call=Call("DeleteTable", {"TableName": "{id}"}),
    read_call=Call("DescribeTable", {"TableName": "{p[TableName]}"}),
    ref="{p[TableName]}",
    attributes={"Arn": "{answer[Table][TableArn]}", "StreamArn": "{answer[Table][LatestStreamArn]}"},
    name=Name(property="TableName", limit=255),
    immutable=frozenset({"KeySchema", "LocalSecondaryIndexes"}),
    resets={
        "BillingMode": "PROVISIONED",
        "DeletionProtectionEnabled": False,
        "SSESpecification": {"SSEEnabled": False},
        "StreamSpecification": {"StreamEnabled": False},
        "TableClass": "STANDARD",
    },
    prepare=_api_words,
    facets=(
        Facet(properties=frozenset({"TimeToLiveSpecification"}), apply=_expiry),
        Facet(properties=frozenset({"PointInTimeRecoverySpecification"}), apply=_backups),
        Facet(properties=frozenset({"ResourcePolicy"}), apply=_policy),
    ),
    tagging=Tagging(target="{made[Arn]}"),
)

# Of a replica's properties, those that are a plain table's own.
_REPLICA: Final = frozenset(
    {"DeletionProtectionEnabled", "PointInTimeRecoverySpecification", "ResourcePolicy", "TableClass", "Tags"}
)


_GLOBAL: Final = replace(TABLE, type="AWS::DynamoDB::GlobalTable")


@dataclass(frozen=True, slots=True)
class GlobalTable:
    """`AWS::DynamoDB::GlobalTable` with exactly one replica."""

    type: str = _GLOBAL.type

    def replaces(self, old: Properties, new: Properties) -> bool:
        """As for a table."""
        return _GLOBAL.replaces(_plain(old), _plain(new))

    def create(self, context: Context, name: str, properties: Properties) -> Made:
        """Make the table in the stack's region. More replicas are a `ResourceError`."""
        return _with_id(_GLOBAL.create(context, name, _plain(properties, context.region)), context)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> Made:
        """As for a table."""
        made = _GLOBAL.update(context, physical_id, _plain(old), _plain(new, context.region))
        return _with_id(made, context)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """As for a table."""
        _GLOBAL.delete(context, physical_id, _plain(properties))


def _plain(properties: Properties, region: str | None = None) -> dict[str, Any]:
    """A table's properties. With `region`, the one replica must be there."""
    values = dict(properties)
    replicas: list[Mapping[str, Any]] = values.pop("Replicas", [])
    if len(replicas) != 1 or (region and replicas[0].get("Region") != region):
        regions = ", ".join(str(replica.get("Region")) for replica in replicas)
        raise ResourceError(
            "AWS::DynamoDB::GlobalTable.Replicas: the local cloud has one replica, in the stack's region; "
            f"got {regions}"
        )
    replica = {key: value for key, value in replicas[0].items() if key != "Region"}
    unknown = sorted(replica.keys() - _REPLICA)
    if unknown:
        raise ResourceError(
            f"Encountered unsupported property AWS::DynamoDB::GlobalTable.Replicas.{', '.join(unknown)}; "
            f"supported: {', '.join(sorted(_REPLICA))}"
        )
    return {**values, **replica}


def _with_id(made: Made, context: Context) -> Made:
    table = call(context, _SERVICE, "DescribeTable", {"TableName": made.physical_id})["Table"]
    return Made(
        physical_id=made.physical_id, attributes={**made.attributes, "TableId": table.get("TableId", "")}
    )


PROVIDERS: Final = (TABLE, GlobalTable())
