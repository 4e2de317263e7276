"""Aurora clusters, their instances and subnet groups. Only PostgreSQL is behind them, by the Data API."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.provider import Context, Made
from serverless_ai_local.aws.resources.calls import call
from serverless_ai_local.aws.resources.kind import Call, Facet, Kind, Properties
from serverless_ai_local.aws.resources.naming import Name
from serverless_ai_local.aws.resources.tagging import Tagging

_SERVICE: Final = "rds"
_TAGGING: Final = Tagging(target="{made[Arn]}", tag="AddTagsToResource", untag="RemoveTagsFromResource")


def _data_api(context: Context, made: Made, old: Properties, new: Properties) -> None:
    on = str(new.get("EnableHttpEndpoint", False)).lower() == "true"
    about = {"ResourceArn": made.attributes["DBClusterArn"]}
    call(context, _SERVICE, "EnableHttpEndpoint" if on else "DisableHttpEndpoint", about)


def _api_words(properties: Properties) -> Properties:
    """The API has no group for the secret, and says the logs' names alone."""
    values = dict(properties)
    secret = values.pop("MasterUserSecret", None)
    if secret:
        values["MasterUserSecretKmsKeyId"] = secret.get("KmsKeyId")
    return values


CLUSTER: Final = Kind(
    type="AWS::RDS::DBCluster",
    service=_SERVICE,
    create_call=Call("CreateDBCluster"),
    update_call=Call(
        "ModifyDBCluster",
        {"DBClusterIdentifier": "{id}"},
        lambda context: {"ApplyImmediately": True},
    ),
    # What a policy of deletion keeps, is not deleted; a last snapshot would be of no use here.
    delete_call=Call(
        "DeleteDBCluster", {"DBClusterIdentifier": "{id}"}, lambda context: {"SkipFinalSnapshot": True}
    ),
    read_call=Call("DescribeDBClusters", {"DBClusterIdentifier": "{id}"}),
    ref="{answer[DBCluster][DBClusterIdentifier]}",
    attributes={
        "DBClusterArn": "{answer[DBClusters][0][DBClusterArn]}",
        "DBClusterResourceId": "{answer[DBClusters][0][DbClusterResourceId]}",
        "Endpoint.Address": "{answer[DBClusters][0][Endpoint]}",
        "Endpoint.Port": "{answer[DBClusters][0][Port]}",
        "MasterUserSecret.SecretArn": "{answer[DBClusters][0][MasterUserSecret][SecretArn]}",
        "ReadEndpoint.Address": "{answer[DBClusters][0][ReaderEndpoint]}",
    },
    name=Name(property="DBClusterIdentifier", limit=63, lower=True),
    immutable=frozenset(
        {
            "AvailabilityZones",
            "DatabaseName",
            "DBSubnetGroupName",
            "Engine",
            "EngineMode",
            "KmsKeyId",
            "MasterUsername",
            "StorageEncrypted",
        }
    ),
    resets={"DeletionProtection": False},
    prepare=_api_words,
    built=frozenset({"MasterUserSecretKmsKeyId"}),
    facets=(Facet(properties=frozenset({"EnableHttpEndpoint"}), apply=_data_api, in_create=True),),
    tagging=Tagging(target="{made[DBClusterArn]}", tag="AddTagsToResource", untag="RemoveTagsFromResource"),
)


def _instance_words(properties: Properties) -> Properties:
    values = dict(properties)
    groups: Any = values.pop("VPCSecurityGroups", None)
    return values if groups is None else {**values, "VpcSecurityGroupIds": groups}


INSTANCE: Final = Kind(
    type="AWS::RDS::DBInstance",
    service=_SERVICE,
    create_call=Call("CreateDBInstance"),
    update_call=Call(
        "ModifyDBInstance", {"DBInstanceIdentifier": "{id}"}, lambda context: {"ApplyImmediately": True}
    ),
    delete_call=Call(
        "DeleteDBInstance", {"DBInstanceIdentifier": "{id}"}, lambda context: {"SkipFinalSnapshot": True}
    ),
    read_call=Call("DescribeDBInstances", {"DBInstanceIdentifier": "{id}"}),
    ref="{answer[DBInstance][DBInstanceIdentifier]}",
    attributes={
        "DBInstanceArn": "{answer[DBInstances][0][DBInstanceArn]}",
        "DbiResourceId": "{answer[DBInstances][0][DbiResourceId]}",
        "Endpoint.Address": "{answer[DBInstances][0][Endpoint][Address]}",
        "Endpoint.Port": "{answer[DBInstances][0][Endpoint][Port]}",
    },
    name=Name(property="DBInstanceIdentifier", limit=63, lower=True),
    immutable=frozenset({"DBClusterIdentifier", "DBSubnetGroupName", "Engine"}),
    prepare=_instance_words,
    built=frozenset({"VpcSecurityGroupIds"}),
    tagging=Tagging(target="{made[DBInstanceArn]}", tag="AddTagsToResource", untag="RemoveTagsFromResource"),
)

SUBNETS: Final = Kind(
    type="AWS::RDS::DBSubnetGroup",
    service=_SERVICE,
    create_call=Call("CreateDBSubnetGroup"),
    update_call=Call("ModifyDBSubnetGroup", {"DBSubnetGroupName": "{id}"}),
    delete_call=Call("DeleteDBSubnetGroup", {"DBSubnetGroupName": "{id}"}),
    read_call=Call("DescribeDBSubnetGroups", {"DBSubnetGroupName": "{id}"}),
    ref="{answer[DBSubnetGroup][DBSubnetGroupName]}",
    attributes={"Arn": "{answer[DBSubnetGroups][0][DBSubnetGroupArn]}"},
    name=Name(property="DBSubnetGroupName", limit=255, lower=True),
    tagging=_TAGGING,
)

KINDS: Final = (CLUSTER, INSTANCE, SUBNETS)
