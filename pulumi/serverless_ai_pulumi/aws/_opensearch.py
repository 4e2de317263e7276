"""OpenSearch Serverless as a vector store: a collection, its group, and who may use its indexes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.aws import opensearch as data
from serverless_ai_patterns.aws.policy import Statement
from serverless_ai_patterns.rag.stores import OpenSearch


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenSearchParts:
    """Everything that was made. The indexes are not: the first write makes them."""

    collection: aws.opensearch.ServerlessCollection
    group: aws.opensearch.ServerlessCollectionGroup | None
    """None for a classic collection."""
    encryption: aws.opensearch.ServerlessSecurityPolicy
    network: aws.opensearch.ServerlessSecurityPolicy
    places: Mapping[str, pulumi.Output[str]]
    read: pulumi.Output[list[Statement]]
    write: pulumi.Output[list[Statement]]
    _name: str
    _called: str
    _store: OpenSearch
    _opts: pulumi.ResourceOptions

    def let_in(self, *, readers: Sequence[pulumi.Input[str]], writers: Sequence[pulumi.Input[str]]) -> None:
        """The policy of who searches and who writes: the rights of a role alone let nobody in."""

        def allowed(roles: Sequence[Sequence[str]]) -> str:
            given = data.access_policy(
                self._called, list(self.places), self._store, readers=roles[0], writers=roles[1]
            )
            return json.dumps(given)

        aws.opensearch.ServerlessAccessPolicy(
            f"{self._name}-access",
            name=self._called,
            type="data",
            policy=pulumi.Output.all(pulumi.Output.all(*readers), pulumi.Output.all(*writers)).apply(allowed),
            opts=self._opts,
        )


def opensearch(
    name: str,
    indexes: Mapping[str, int],
    store: OpenSearch,
    *,
    key_arn: pulumi.Input[str] | None,
    retain: bool,
    opts: pulumi.ResourceOptions,
) -> OpenSearchParts:
    """`indexes`: name -> dimension. Nobody may use them until they are `let_in`.

    With `retain` the collection and its group stay when the stack is destroyed.
    """
    called = data.short_name(f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}", store)
    encryption = aws.opensearch.ServerlessSecurityPolicy(
        f"{name}-encryption",
        name=called,
        type="encryption",
        policy=pulumi.Output.from_input(key_arn).apply(
            lambda arn: json.dumps(data.encryption_policy(called, arn))
        ),
        opts=opts,
    )
    network = aws.opensearch.ServerlessSecurityPolicy(
        f"{name}-network",
        name=called,
        type="network",
        policy=json.dumps(data.network_policy(called)),
        opts=opts,
    )
    kept = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(retain_on_delete=retain))
    group = None if store.classic else _group(f"{name}-group", called, store, opts=kept)
    collection = aws.opensearch.ServerlessCollection(
        name,
        name=called,
        type=data.COLLECTION_TYPE,
        standby_replicas=data.STANDBY,
        collection_group_name=group.name if group else None,
        opts=pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=[encryption, network])),
    )
    statements = collection.arn.apply(_statements)
    return OpenSearchParts(
        collection=collection,
        group=group,
        encryption=encryption,
        network=network,
        places={index: _place(collection, index, dimension, store) for index, dimension in indexes.items()},
        read=statements,
        write=statements,
        _name=name,
        _called=called,
        _store=store,
        _opts=opts,
    )


def _statements(arn: str) -> list[Statement]:
    return [data.use_collection(arn)]


def _place(
    collection: aws.opensearch.ServerlessCollection, index: str, dimension: int, store: OpenSearch
) -> pulumi.Output[str]:
    return collection.collection_endpoint.apply(
        lambda url: data.places(url, {index: dimension}, store)[index]
    )


def _group(
    name: str, called: str, store: OpenSearch, *, opts: pulumi.ResourceOptions
) -> aws.opensearch.ServerlessCollectionGroup:
    limits = aws.opensearch.ServerlessCollectionGroupCapacityLimitArgs(**data.limits(store))
    return aws.opensearch.ServerlessCollectionGroup(
        name,
        name=called,
        generation=data.NEXTGEN,
        standby_replicas=data.STANDBY,
        capacity_limits=[limits],
        opts=opts,
    )
