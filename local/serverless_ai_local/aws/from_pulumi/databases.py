"""Aurora clusters, their instances and subnet groups."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.from_pulumi.translation import TAG_LIST, AutoName, Translation, block, only
from serverless_ai_local.aws.provider import Context, Made
from serverless_ai_local.aws.resources.calls import call
from serverless_ai_local.doors.pulumi.values import UNKNOWN, Values

_SCALING: Final = block(
    {
        "maxCapacity": "MaxCapacity",
        "minCapacity": "MinCapacity",
        "secondsUntilAutoPause": "SecondsUntilAutoPause",
    }
)


def _cluster(given: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation has a group for the secret."""
    key = given.pop("secretKey", None)
    return {**given, "MasterUserSecret": {"KmsKeyId": key}} if key is not None else given


def _secrets(context: Context, made: Made, properties: Values) -> list[dict[str, Any]]:
    arn = made.attributes.get("MasterUserSecret.SecretArn")
    if arn is None:
        return []
    found = call(context, "rds", "DescribeDBClusters", {"DBClusterIdentifier": made.physical_id})
    key = found["DBClusters"][0]["MasterUserSecret"].get("KmsKeyId")
    return [{"secretArn": arn, "secretStatus": "active", "kmsKeyId": key}]


def _port(value: Any) -> Any:
    return value if value is UNKNOWN else int(value)


ROWS: Final = (
    Translation(
        "aws:rds/cluster:Cluster",
        "AWS::RDS::DBCluster",
        inputs={
            "applyImmediately": None,  # all is here
            "availabilityZones": "AvailabilityZones",
            "backupRetentionPeriod": "BackupRetentionPeriod",
            "clusterIdentifier": "DBClusterIdentifier",
            "copyTagsToSnapshot": "CopyTagsToSnapshot",
            "databaseName": "DatabaseName",
            "dbSubnetGroupName": "DBSubnetGroupName",
            "deletionProtection": "DeletionProtection",
            "enableHttpEndpoint": "EnableHttpEndpoint",
            "engine": ("Engine", only("aurora-postgresql")),
            "engineMode": ("EngineMode", only("provisioned")),
            "engineVersion": "EngineVersion",
            # No snapshot is made: nobody could bring it back.
            "finalSnapshotIdentifier": None,
            "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
            "kmsKeyId": "KmsKeyId",
            "manageMasterUserPassword": "ManageMasterUserPassword",
            "masterPassword": "MasterUserPassword",
            "masterUserSecretKmsKeyId": "secretKey",
            "masterUsername": "MasterUsername",
            "port": ("Port", _port),
            "serverlessv2ScalingConfiguration": ("ServerlessV2ScalingConfiguration", _SCALING),
            "skipFinalSnapshot": None,
            "storageEncrypted": "StorageEncrypted",
            "tags": TAG_LIST,
            "vpcSecurityGroupIds": "VpcSecurityGroupIds",
        },
        outputs={
            "arn": "{a[DBClusterArn]}",
            "clusterIdentifier": "{id}",
            "clusterResourceId": "{a[DBClusterResourceId]}",
            "endpoint": "{a[Endpoint.Address]}",
            "masterUserSecrets": _secrets,
            "readerEndpoint": "{a[ReadEndpoint.Address]}",
        },
        name=AutoName(input="clusterIdentifier", limit=63, lower=True),
        prepare=_cluster,
    ),
    Translation(
        "aws:rds/clusterInstance:ClusterInstance",
        "AWS::RDS::DBInstance",
        inputs={
            "applyImmediately": None,
            "clusterIdentifier": "DBClusterIdentifier",
            "dbSubnetGroupName": "DBSubnetGroupName",
            "engine": "Engine",
            "engineVersion": "EngineVersion",
            "identifier": "DBInstanceIdentifier",
            "instanceClass": ("DBInstanceClass", only("db.serverless")),
            "promotionTier": "PromotionTier",
            "publiclyAccessible": "PubliclyAccessible",
            "tags": TAG_LIST,
        },
        outputs={"arn": "{a[DBInstanceArn]}", "endpoint": "{a[Endpoint.Address]}", "identifier": "{id}"},
        name=AutoName(input="identifier", limit=63, lower=True),
    ),
    Translation(
        "aws:rds/subnetGroup:SubnetGroup",
        "AWS::RDS::DBSubnetGroup",
        inputs={
            "description": "DBSubnetGroupDescription",
            "name": "DBSubnetGroupName",
            "subnetIds": "SubnetIds",
            "tags": TAG_LIST,
        },
        outputs={"arn": "{a[Arn]}", "name": "{id}"},
        name=AutoName(limit=255, lower=True),
    ),
)
