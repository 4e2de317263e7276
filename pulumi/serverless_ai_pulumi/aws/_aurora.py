"""A vector store on Aurora PostgreSQL Serverless v2 with pgvector, which pauses when nobody asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.aws import aurora as shared
from serverless_ai_patterns.aws.policy import Statement
from serverless_ai_patterns.rag.stores import Aurora
from serverless_ai_pulumi.aws._function import VpcPlacement


@dataclass(frozen=True, kw_only=True, slots=True)
class AuroraNetwork:
    """Two subnets without a way in or out, and a security group that lets nobody in."""

    vpc: aws.ec2.Vpc
    subnets: tuple[aws.ec2.Subnet, ...]
    security_group: aws.ec2.SecurityGroup


@dataclass(frozen=True, kw_only=True, slots=True)
class AuroraStore:
    """A cluster, whose tables are made by whoever writes to them first."""

    network: AuroraNetwork | None
    """None when the cluster is in a VPC of yours."""
    subnet_group: aws.rds.SubnetGroup
    cluster: aws.rds.Cluster
    instance: aws.rds.ClusterInstance
    places: Mapping[str, pulumi.Output[str]]
    """Index -> where it is, for a function's configuration."""
    read: pulumi.Output[list[Statement]]
    write: pulumi.Output[list[Statement]]

    def let_in(self, *, readers: Sequence[pulumi.Input[str]], writers: Sequence[pulumi.Input[str]]) -> None:
        """Nothing to do: the roles' own policies admit them."""


def aurora(
    name: str,
    indexes: Mapping[str, int],
    store: Aurora,
    *,
    key_arn: pulumi.Input[str] | None,
    protect: bool,
    vpc: VpcPlacement | None = None,
    opts: pulumi.ResourceOptions,
) -> AuroraStore:
    """One cluster for all `indexes`.

    `protect`: a destroy fails while it is there, and leaves a last snapshot. `vpc`: subnets and security
    groups of yours, instead of a network of its own. A function need not be in either.
    """
    network = None if vpc else _network(name, opts=opts)
    placement = vpc or _placement(network)
    group = aws.rds.SubnetGroup(
        f"{name}-subnets", description="Of a vector store", subnet_ids=placement.subnet_ids, opts=opts
    )
    cluster = _cluster(name, store, group, placement, key_arn=key_arn, protect=protect, opts=opts)
    instance = aws.rds.ClusterInstance(
        f"{name}-writer",
        cluster_identifier=cluster.id,
        engine=aws.rds.EngineType(shared.ENGINE),
        instance_class=shared.INSTANCE_CLASS,
        publicly_accessible=False,
        opts=opts,
    )
    secret = cluster.master_user_secrets.apply(lambda found: str(found[0].secret_arn))
    arns = pulumi.Output.all(cluster.arn, secret)
    place = arns.apply(lambda both: shared.place(*both))
    return AuroraStore(
        network=network,
        subnet_group=group,
        cluster=cluster,
        instance=instance,
        places=dict.fromkeys(indexes, place),
        read=arns.apply(lambda both: shared.read(*both)),
        write=arns.apply(lambda both: shared.write(*both)),
    )


def _network(name: str, *, opts: pulumi.ResourceOptions) -> AuroraNetwork:
    zones = aws.get_availability_zones_output(
        state="available",
        filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],  # no local zones
        opts=pulumi.InvokeOutputOptions(parent=opts.parent),
    )
    vpc = aws.ec2.Vpc(f"{name}-network", cidr_block=shared.NETWORK, opts=opts)
    subnets = tuple(
        aws.ec2.Subnet(
            f"{name}-subnet-{number}",
            vpc_id=vpc.id,
            cidr_block=block,
            availability_zone=zones.names[number - 1],
            opts=opts,
        )
        for number, block in enumerate(shared.SUBNETS, 1)
    )
    guard = aws.ec2.SecurityGroup(
        f"{name}-guard",
        description="Nobody is let in: the Data API comes from within",
        vpc_id=vpc.id,
        opts=opts,
    )
    return AuroraNetwork(vpc=vpc, subnets=subnets, security_group=guard)


def _placement(network: AuroraNetwork | None) -> VpcPlacement:
    assert network is not None
    return VpcPlacement(
        subnet_ids=[subnet.id for subnet in network.subnets], security_group_ids=[network.security_group.id]
    )


def _cluster(
    name: str,
    store: Aurora,
    group: aws.rds.SubnetGroup,
    placement: VpcPlacement,
    *,
    key_arn: pulumi.Input[str] | None,
    protect: bool,
    opts: pulumi.ResourceOptions,
) -> aws.rds.Cluster:
    return aws.rds.Cluster(
        f"{name}-cluster",
        engine=shared.ENGINE,
        engine_version=shared.VERSION,
        database_name=shared.DATABASE,
        master_username=shared.USER,
        manage_master_user_password=True,
        master_user_secret_kms_key_id=key_arn,
        enable_http_endpoint=True,
        iam_database_authentication_enabled=True,
        serverlessv2_scaling_configuration=aws.rds.ClusterServerlessv2ScalingConfigurationArgs(
            min_capacity=shared.MIN_ACU,
            max_capacity=store.max_acu,
            seconds_until_auto_pause=store.pause_after_s,
        ),
        db_subnet_group_name=group.name,
        vpc_security_group_ids=placement.security_group_ids,
        storage_encrypted=True,
        kms_key_id=key_arn,
        copy_tags_to_snapshot=True,
        deletion_protection=protect,
        skip_final_snapshot=not protect,
        final_snapshot_identifier=f"{name}-last" if protect else None,
        opts=opts,
    )
