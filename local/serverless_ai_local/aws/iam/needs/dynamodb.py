"""DynamoDB: data operations on tables and indexes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from serverless_ai_local.aws.iam.needs.base import Need, Parameters, Place, Rule

_TRANSACTION: Final = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Get": "dynamodb:GetItem",
}


def _table(name: str, place: Place) -> str:
    return name if name.startswith("arn:") else place.arn("dynamodb", f"table/{name}")


def _item(action: str) -> Rule:
    def rule(parameters: Parameters, place: Place) -> list[Need]:
        return [Need(action=action, resource=_table(parameters["TableName"], place))]

    return rule


def _search(action: str) -> Rule:
    def rule(parameters: Parameters, place: Place) -> list[Need]:
        table = _table(parameters["TableName"], place)
        index = parameters.get("IndexName")
        return [Need(action=action, resource=f"{table}/index/{index}" if index else table)]

    return rule


def _batch(action: str) -> Rule:
    def rule(parameters: Parameters, place: Place) -> list[Need]:
        return [Need(action=action, resource=_table(name, place)) for name in parameters["RequestItems"]]

    return rule


def _transaction(parameters: Parameters, place: Place) -> list[Need]:
    return [
        Need(action=_TRANSACTION[kind], resource=_table(content["TableName"], place))
        for item in parameters["TransactItems"]
        for kind, content in item.items()
    ]


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    **{
        ("dynamodb", name): _item(f"dynamodb:{name}")
        for name in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "DescribeTable", "DescribeTimeToLive")
    },
    **{("dynamodb", name): _search(f"dynamodb:{name}") for name in ("Query", "Scan")},
    **{("dynamodb", name): _batch(f"dynamodb:{name}") for name in ("BatchGetItem", "BatchWriteItem")},
    **{("dynamodb", name): _transaction for name in ("TransactGetItems", "TransactWriteItems")},
}
