"""A vector store on AlloyDB for PostgreSQL with pgvector, on a private network; it never pauses by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.gcp.policy import ALLOYDB_ROLES
from serverless_ai_patterns.rag.stores import AlloyDb
from serverless_ai_pulumi.gcp._function import VpcPlacement
from serverless_ai_pulumi.gcp._identity import on_project
from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_runtime.adapters.gcp import alloydb as runtime

VERSION: Final = "POSTGRES_17"
DATABASE: Final = "postgres"
SUBNET: Final = "10.0.0.0/24"
"""Of the functions: direct VPC egress takes addresses from it, two for each instance (from memory)."""
PEERED_BITS: Final = 20
"""Size of the range that Google's side takes its addresses from: /20 is the least that is advised."""
SERVICE: Final = "servicenetworking.googleapis.com"


@dataclass(frozen=True, kw_only=True, slots=True)
class AlloyDbNetwork:
    """A network of the store's own, joined with Google's."""

    network: gcp.compute.Network
    subnet: gcp.compute.Subnetwork
    """Where functions must be (direct VPC egress) to reach the store."""
    range: gcp.compute.GlobalAddress
    peering: gcp.servicenetworking.Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class AlloyDbStore:
    """A cluster, whose tables are made by whoever writes to them first."""

    network: AlloyDbNetwork | None
    """None when the cluster is on a network of yours."""
    cluster: gcp.alloydb.Cluster
    instance: gcp.alloydb.Instance
    places: Mapping[str, pulumi.Output[str]]
    """Index -> where it is, for a function's configuration."""
    project: pulumi.Output[str]

    @property
    def placement(self) -> VpcPlacement | None:
        """Where functions must be to reach it; None: where yours are, on the network that was given."""
        if self.network is None:
            return None
        return VpcPlacement(network=self.network.network.name, subnetwork=self.network.subnet.name)

    def let_in(
        self,
        name: str,
        *,
        reader: gcp.serviceaccount.Account,
        writer: gcp.serviceaccount.Account,
        opts: pulumi.ResourceOptions,
    ) -> Sequence[pulumi.Resource]:
        """Let one account search, and the other one write."""
        return [
            *let_in(f"{name}-reads", self, reader, writes=False, opts=opts),
            *let_in(f"{name}-writes", self, writer, writes=True, opts=opts),
        ]


def alloydb(
    name: str,
    indexes: Mapping[str, int],
    store: AlloyDb,
    *,
    project: pulumi.Output[str],
    region: pulumi.Input[str],
    protect: bool,
    key: pulumi.Input[str] | None = None,
    network: pulumi.Input[str] | None = None,
    opts: pulumi.ResourceOptions,
) -> AlloyDbStore:
    """One cluster for all `indexes`.

    `protect`: a destroy fails while it is there. `network`: one of yours, by its full name, that is joined
    with Google's services already.
    """
    own = None if network is not None else _network(name, region=region, opts=opts)
    where = own.network.id if own else network
    after = pulumi.ResourceOptions.merge(
        opts, pulumi.ResourceOptions(depends_on=[own.peering] if own else [])
    )
    encryption = None if key is None else gcp.alloydb.ClusterEncryptionConfigArgs(kms_key_name=key)
    cluster = gcp.alloydb.Cluster(
        f"{name}-cluster",
        cluster_id=unique(name, "vectors"),
        location=region,
        database_version=VERSION,
        network_config=gcp.alloydb.ClusterNetworkConfigArgs(network=where),
        encryption_config=encryption,
        deletion_protection=protect,
        opts=after,
    )
    instance = gcp.alloydb.Instance(
        f"{name}-primary",
        cluster=cluster.name,
        instance_id="primary",
        instance_type="PRIMARY",
        availability_type="ZONAL",
        machine_config=gcp.alloydb.InstanceMachineConfigArgs(cpu_count=store.cpus),
        database_flags={"alloydb.iam_authentication": "on"},
        client_connection_config=gcp.alloydb.InstanceClientConnectionConfigArgs(
            ssl_config=gcp.alloydb.InstanceClientConnectionConfigSslConfigArgs(ssl_mode="ENCRYPTED_ONLY")
        ),
        opts=opts,
    )
    place = instance.ip_address.apply(lambda host: runtime.Place(host, DATABASE).text())
    return AlloyDbStore(
        network=own,
        cluster=cluster,
        instance=instance,
        places=dict.fromkeys(indexes, place),
        project=project,
    )


def let_in(
    name: str,
    made: AlloyDbStore,
    identity: gcp.serviceaccount.Account,
    *,
    writes: bool,
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Let the account of a function search, and with `writes` make and fill tables."""
    user = gcp.alloydb.User(
        f"{name}-user",
        cluster=made.cluster.name,
        user_id=identity.email.apply(lambda email: email.removesuffix(runtime.SUFFIX)),
        user_type="ALLOYDB_IAM_USER",
        database_roles=[runtime.READERS, runtime.WRITERS] if writes else [runtime.READERS],
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[made.instance])),
    )
    grants = [
        on_project(f"{name}-{role.rsplit('.', 1)[-1]}", identity, role, project=made.project, opts=opts)
        for role in ALLOYDB_ROLES
    ]
    return [user, *grants]


def _network(name: str, *, region: pulumi.Input[str], opts: pulumi.ResourceOptions) -> AlloyDbNetwork:
    network = gcp.compute.Network(
        f"{name}-network", name=unique(name, "network"), auto_create_subnetworks=False, opts=opts
    )
    subnet = gcp.compute.Subnetwork(
        f"{name}-subnet",
        name=unique(name, "subnet"),
        network=network.id,
        region=region,
        ip_cidr_range=SUBNET,
        private_ip_google_access=True,
        opts=opts,
    )
    peered = gcp.compute.GlobalAddress(
        f"{name}-range",
        name=unique(name, "range"),
        address_type="INTERNAL",
        purpose="VPC_PEERING",
        prefix_length=PEERED_BITS,
        network=network.id,
        opts=opts,
    )
    peering = gcp.servicenetworking.Connection(
        f"{name}-peering",
        network=network.id,
        service=SERVICE,
        reserved_peering_ranges=[peered.name],
        opts=opts,
    )
    return AlloyDbNetwork(network=network, subnet=subnet, range=peered, peering=peering)
