"""AWS for Pulumi programs: each resource type by its row, made by the provider of its CloudFormation type."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from serverless_ai_local import graph
from serverless_ai_local.aws.from_pulumi import (
    buckets,
    databases,
    events,
    functions,
    http_api,
    iam,
    keys,
    messaging,
    models,
    network,
    observability,
    opensearch,
    place,
    tables,
    vectors,
)
from serverless_ai_local.aws.from_pulumi.direct import Direct
from serverless_ai_local.aws.from_pulumi.kind import Translated
from serverless_ai_local.aws.from_pulumi.policy_document import policy_document
from serverless_ai_local.aws.from_pulumi.translation import Translation
from serverless_ai_local.aws.provider import Context
from serverless_ai_local.aws.resources import registry
from serverless_ai_local.doors.pulumi.clouds import CloudError, Consequence, Kind, Placed, Target
from serverless_ai_local.doors.pulumi.values import Values

ROWS: Final[Sequence[Translation]] = (
    *buckets.ROWS,
    *databases.ROWS,
    *events.ROWS,
    *functions.ROWS,
    *http_api.ROWS,
    *iam.ROWS,
    *keys.ROWS,
    *messaging.ROWS,
    *models.ROWS,
    *network.ROWS,
    *observability.ROWS,
    *opensearch.ROWS,
    *tables.ROWS,
    *vectors.ROWS,
)
DIRECT: Final[Sequence[Direct]] = (
    *buckets.DIRECT,
    *events.DIRECT,
    *iam.DIRECT,
    *keys.DIRECT,
    *messaging.DIRECT,
)

Invoke = Callable[[Context, Values], Values]


def _region(context: Context, arguments: Values) -> Values:
    name = arguments.get("region") or arguments.get("name") or context.region
    return {
        "id": name,
        "name": name,
        "region": name,
        "description": f"{name} (local)",
        "endpoint": f"ec2.{name}.amazonaws.com",
    }


def _caller(context: Context, arguments: Values) -> Values:
    arn = f"arn:aws:iam::{context.account}:root"
    return {"id": context.account, "accountId": context.account, "arn": arn, "userId": context.account}


def _partition(context: Context, arguments: Values) -> Values:
    return {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


INVOKES: Final[Mapping[str, Invoke]] = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": network.zones,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:index/getPartition:getPartition": _partition,
    "aws:iam/getPolicyDocument:getPolicyDocument": lambda context, arguments: policy_document(arguments),
}


class AwsCloud:
    """What answers for `aws:`."""

    def __init__(self) -> None:
        providers = registry()
        translated: dict[str, Kind] = {row.token: Translated(row, providers[row.type]) for row in ROWS}
        self._kinds = translated | {one.token: one for one in DIRECT}

    def settings(self, config: Values) -> Values:
        """Region and default tags."""
        return place.settings(config)

    def consequence(self, token: str, old: Values, new: Values) -> Consequence:
        """Nothing can be moved to another region. Default tags are for what has tags."""
        kind = self._kinds[token]
        if old.get("region") != new.get("region"):
            return "replace"
        tagged = isinstance(kind, Translated) and "tags" in kind.translation.inputs
        return "update" if tagged else "none"

    def kind(self, token: str) -> Kind:
        """`CloudError` naming a type that is not in the table."""
        found = self._kinds.get(token)
        if found is None:
            service = token.split("/", maxsplit=1)[0]
            near = [one for one in self._kinds if one.startswith(f"{service}/")]
            close = difflib.get_close_matches(token, self._kinds, 3)
            hint = ", ".join(sorted({*near, *close})) or "none like it"
            raise CloudError(f"resource type {token} is not on the local cloud; there are: {hint}")
        return found

    def invoke(self, target: Target, token: str, arguments: Values) -> Values:
        """`CloudError` naming a function that is not in the table."""
        if token not in INVOKES:
            raise CloudError(
                f"function {token} is not on the local cloud; there are: {', '.join(sorted(INVOKES))}"
            )
        return INVOKES[token](place.context_for(target, arguments), arguments)

    def graph(self, resources: Sequence[Placed]) -> list[graph.Resource]:
        """In CloudFormation's words. What has no type of its own there is put into what it is part of."""
        found: list[graph.Resource] = []
        apart: list[tuple[Direct, Placed]] = []
        for one in resources:
            kind = self._kinds[one.token]
            if isinstance(kind, Translated):
                found.append(_resource(kind.translation, one))
            elif isinstance(kind, Direct):
                apart.append((kind, one))
        for kind, one in apart:
            found = kind.part_of(found, one.inputs)
        names = {one.name for one in found}
        return [_only_known(one, names) for one in found]


def _resource(row: Translation, one: Placed) -> graph.Resource:
    return graph.Resource(
        name=one.name,
        type=row.type,
        properties=row.properties(one.inputs),
        physical_id=one.live.handle,
        depends_on=one.depends_on,
    )


def _only_known(one: graph.Resource, names: set[str]) -> graph.Resource:
    return replace(one, depends_on=tuple(name for name in one.depends_on if name in names))
