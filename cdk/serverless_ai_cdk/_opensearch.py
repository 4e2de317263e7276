"""OpenSearch Serverless as a vector store: a collection, its group, and who may use its indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Names, RemovalPolicy, Stack, aws_kms
from aws_cdk import aws_opensearchserverless as aoss
from constructs import Construct

from serverless_ai_patterns.aws import opensearch as data
from serverless_ai_patterns.aws.policy import Statement
from serverless_ai_patterns.rag.stores import OpenSearch


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenSearchParts:
    """Everything that was made. The indexes are not: the first write makes them."""

    collection: aoss.CfnCollection
    group: aoss.CfnCollectionGroup | None
    """None for a classic collection."""
    encryption: aoss.CfnSecurityPolicy
    network: aoss.CfnSecurityPolicy
    places: Mapping[str, str]
    read: Sequence[Statement]
    write: Sequence[Statement]
    _holder: Construct
    _name: str
    _store: OpenSearch

    def let_in(self, *, readers: Sequence[str], writers: Sequence[str]) -> None:
        """The policy of who searches and who writes: the rights of a role alone let nobody in."""
        allowed = data.access_policy(
            self._name, list(self.places), self._store, readers=readers, writers=writers
        )
        policy = Stack.of(self._holder).to_json_string(allowed)
        aoss.CfnAccessPolicy(self._holder, "Access", name=self._name, type="data", policy=policy)


def opensearch(
    scope: Construct,
    id: str,
    indexes: Mapping[str, int],
    store: OpenSearch,
    *,
    key: aws_kms.IKey | None,
    removal_policy: RemovalPolicy,
) -> OpenSearchParts:
    """`indexes`: name -> dimension. Nobody may use them until they are `let_in`."""
    holder = Construct(scope, id)
    name = data.short_name(Names.unique_resource_name(holder, max_length=255), store)
    encryption = _policy(
        holder, "Encryption", name, data.encryption_policy(name, key.key_arn if key else None)
    )
    network = _policy(holder, "Network", name, data.network_policy(name))
    group = None if store.classic else _group(holder, name, store)
    collection = aoss.CfnCollection(
        holder,
        "Collection",
        name=name,
        type=data.COLLECTION_TYPE,
        standby_replicas=data.STANDBY,
        collection_group_name=name if group else None,
    )
    for needed in (encryption, network, group):
        if needed is not None:
            collection.add_dependency(needed)
    for kept in (collection, group):
        if kept is not None:
            kept.apply_removal_policy(removal_policy)
    statements = [data.use_collection(collection.attr_arn)]
    return OpenSearchParts(
        collection=collection,
        group=group,
        encryption=encryption,
        network=network,
        places=data.places(collection.attr_collection_endpoint, indexes, store),
        read=statements,
        write=statements,
        _holder=holder,
        _name=name,
        _store=store,
    )


def _policy(scope: Construct, id: str, name: str, document: object) -> aoss.CfnSecurityPolicy:
    text = Stack.of(scope).to_json_string(document)
    return aoss.CfnSecurityPolicy(scope, id, name=name, type=id.lower(), policy=text)


def _group(scope: Construct, name: str, store: OpenSearch) -> aoss.CfnCollectionGroup:
    return aoss.CfnCollectionGroup(
        scope,
        "Group",
        name=name,
        generation=data.NEXTGEN,
        standby_replicas=data.STANDBY,
        capacity_limits=aoss.CfnCollectionGroup.CapacityLimitsProperty(**data.limits(store)),
    )
