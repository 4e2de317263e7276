"""A vector store on Aurora PostgreSQL Serverless v2 with pgvector, which pauses when nobody asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Fn, RemovalPolicy, aws_ec2, aws_kms, aws_rds
from constructs import Construct

from serverless_ai_cdk._acknowledge import acknowledge
from serverless_ai_patterns.aws import aurora as shared
from serverless_ai_patterns.aws.policy import Statement
from serverless_ai_patterns.rag.stores import Aurora


@dataclass(frozen=True, kw_only=True, slots=True)
class AuroraNetwork:
    """Two subnets without a way in or out."""

    vpc: aws_ec2.CfnVPC
    subnets: tuple[aws_ec2.CfnSubnet, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AuroraStore:
    """A cluster, whose tables are made by whoever writes to them first."""

    network: AuroraNetwork | None
    """None when the cluster is in a VPC of yours."""
    security_group: aws_ec2.CfnSecurityGroup
    subnet_group: aws_rds.CfnDBSubnetGroup
    cluster: aws_rds.CfnDBCluster
    instance: aws_rds.CfnDBInstance
    places: Mapping[str, str]
    """Index -> where it is, for a function's configuration."""
    read: tuple[Statement, ...]
    write: tuple[Statement, ...]

    def let_in(self, *, readers: Sequence[str], writers: Sequence[str]) -> None:
        """Nothing to do: the roles' own policies admit them."""


def aurora(
    scope: Construct,
    id: str,
    indexes: Mapping[str, int],
    store: Aurora,
    *,
    key: aws_kms.IKey | None,
    removal_policy: RemovalPolicy,
    vpc: aws_ec2.IVpc | None = None,
) -> AuroraStore:
    """One cluster for all `indexes`.

    `vpc`: the cluster is in its isolated subnets, or private ones if it has none, instead of a network of its
    own. A function need not be in either.
    """
    within = Construct(scope, id)
    network = None if vpc else _network(within)
    group = _subnet_group(within, network, vpc)
    guard = _security_group(within, network, vpc)
    kept = removal_policy == RemovalPolicy.RETAIN
    cluster = _cluster(within, store, group, guard, key=key, kept=kept)
    instance = aws_rds.CfnDBInstance(
        within,
        "Writer",
        db_cluster_identifier=cluster.ref,
        db_instance_class=shared.INSTANCE_CLASS,
        engine=shared.ENGINE,
        publicly_accessible=False,
    )
    cluster.apply_removal_policy(removal_policy)
    parts = (network.vpc, *network.subnets) if network else ()
    for one in (instance, group, guard, *parts):  # a cluster that stays needs all that it stands on
        one.apply_removal_policy(removal_policy if kept else RemovalPolicy.DESTROY)
    arns = (cluster.attr_db_cluster_arn, cluster.attr_master_user_secret_secret_arn)
    place = shared.place(*arns)
    return AuroraStore(
        network=network,
        security_group=guard,
        subnet_group=group,
        cluster=cluster,
        instance=instance,
        places=dict.fromkeys(indexes, place),
        read=tuple(shared.read(*arns)),
        write=tuple(shared.write(*arns)),
    )


def _network(scope: Construct) -> AuroraNetwork:
    vpc = aws_ec2.CfnVPC(scope, "Vpc", cidr_block=shared.NETWORK)
    acknowledge(vpc, "AwsSolutions-VPC7", "Nothing is in it but a database that nobody is let to: no traffic")
    subnets = tuple(
        aws_ec2.CfnSubnet(
            scope,
            f"Subnet{number}",
            vpc_id=vpc.attr_vpc_id,
            cidr_block=block,
            availability_zone=Fn.select(number - 1, Fn.get_azs()),
        )
        for number, block in enumerate(shared.SUBNETS, 1)
    )
    return AuroraNetwork(vpc=vpc, subnets=subnets)


def _subnet_group(
    scope: Construct, network: AuroraNetwork | None, vpc: aws_ec2.IVpc | None
) -> aws_rds.CfnDBSubnetGroup:
    if network is not None:
        subnets = [subnet.attr_subnet_id for subnet in network.subnets]
    else:
        assert vpc is not None
        subnets = [subnet.subnet_id for subnet in vpc.isolated_subnets or vpc.private_subnets]
    return aws_rds.CfnDBSubnetGroup(
        scope, "Subnets", db_subnet_group_description="Of a vector store", subnet_ids=subnets
    )


def _security_group(
    scope: Construct, network: AuroraNetwork | None, vpc: aws_ec2.IVpc | None
) -> aws_ec2.CfnSecurityGroup:
    if network is not None:
        vpc_id = network.vpc.attr_vpc_id
    else:
        assert vpc is not None
        vpc_id = vpc.vpc_id
    nowhere = aws_ec2.CfnSecurityGroup.EgressProperty(
        ip_protocol="icmp",
        cidr_ip="255.255.255.255/32",
        from_port=252,
        to_port=86,
        description="Nowhere: a group without a rule may send everywhere",
    )
    return aws_ec2.CfnSecurityGroup(
        scope,
        "Guard",
        group_description="Nobody is let in: the Data API comes from within",
        vpc_id=vpc_id,
        security_group_egress=[nowhere],
    )


def _cluster(
    scope: Construct,
    store: Aurora,
    group: aws_rds.CfnDBSubnetGroup,
    guard: aws_ec2.CfnSecurityGroup,
    *,
    key: aws_kms.IKey | None,
    kept: bool,
) -> aws_rds.CfnDBCluster:
    secret = aws_rds.CfnDBCluster.MasterUserSecretProperty(kms_key_id=key.key_arn) if key else None
    made = aws_rds.CfnDBCluster(
        scope,
        "Cluster",
        engine=shared.ENGINE,
        engine_version=shared.VERSION,
        database_name=shared.DATABASE,
        master_username=shared.USER,
        manage_master_user_password=True,
        master_user_secret=secret,
        enable_http_endpoint=True,
        enable_iam_database_authentication=True,
        serverless_v2_scaling_configuration=aws_rds.CfnDBCluster.ServerlessV2ScalingConfigurationProperty(
            min_capacity=shared.MIN_ACU,
            max_capacity=store.max_acu,
            seconds_until_auto_pause=store.pause_after_s,
        ),
        db_subnet_group_name=group.ref,
        vpc_security_group_ids=[guard.attr_group_id],
        storage_encrypted=True,
        kms_key_id=key.key_arn if key else None,
        copy_tags_to_snapshot=True,
        deletion_protection=kept,
    )
    acknowledge(made, "AwsSolutions-RDS11", "No port is reached: the security group lets nobody in")
    if not kept:
        acknowledge(made, "AwsSolutions-RDS10", "It was asked for that it goes with its stack")
    return made
