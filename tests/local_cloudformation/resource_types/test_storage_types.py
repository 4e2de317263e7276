"""Tables, buckets and image repositories as declared, seen through boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serverless_ai_local.aws.provider import Made, ResourceError

TABLE = {
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def table(types: Any, made: Made) -> Any:
    dynamodb = types.client("dynamodb")
    found = dynamodb.describe_table(TableName=made.physical_id)["Table"]
    expiry = dynamodb.describe_time_to_live(TableName=made.physical_id)["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName=made.physical_id)["ContinuousBackupsDescription"]
    tags = dynamodb.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"]
    return {
        **found,
        "billing": found.get("BillingModeSummary", {}).get("BillingMode"),
        "expires": expiry.get("AttributeName") if expiry["TimeToLiveStatus"] == "ENABLED" else None,
        "recovery": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        "tags": {tag["Key"]: tag["Value"] for tag in tags},
    }


def test_table(types: Any) -> None:
    made = types.lives(
        "AWS::DynamoDB::Table",
        lambda made: table(types, made),
        [
            (
                TABLE
                | {
                    "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
                    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": "true"},
                    "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"},
                    "Tags": [{"Key": "a", "Value": "1"}],
                },
                {
                    "KeySchema": TABLE["KeySchema"],
                    "billing": "PAY_PER_REQUEST",
                    "expires": "expires_at",
                    "recovery": "ENABLED",
                    "tags": {"a": "1"},
                },
            ),
            (
                TABLE | {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False}},
                {"expires": None, "recovery": "DISABLED", "tags": {}},
            ),
        ],
        "ChatTable",
    )
    assert made.attributes == {"Arn": f"arn:aws:dynamodb:us-east-1:123456789012:table/{made.physical_id}"}


def test_table_with_a_stream_and_its_own_name(types: Any) -> None:
    properties = TABLE | {"TableName": "named", "StreamSpecification": {"StreamViewType": "NEW_IMAGE"}}
    with types.made("AWS::DynamoDB::Table", properties) as made:
        found = table(types, made)
        assert found["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        assert made.attributes["StreamArn"] == found["LatestStreamArn"]
        with pytest.raises(ResourceError, match="Table already exists"):
            types.provider("AWS::DynamoDB::Table").create(types.context(), "R", properties)


def test_a_protected_table_cannot_be_deleted(types: Any) -> None:
    provider, context = types.provider("AWS::DynamoDB::Table"), types.context()
    protected = TABLE | {"DeletionProtectionEnabled": True}
    made = provider.create(context, "R", protected)
    with pytest.raises(ResourceError, match=r"[Dd]eletion ?[Pp]rotection"):
        provider.delete(context, made.physical_id, protected)
    provider.update(context, made.physical_id, protected, TABLE)
    provider.delete(context, made.physical_id, TABLE)


def test_a_table_whose_expiry_is_refused_is_not_left_behind(types: Any) -> None:
    bad = TABLE | {"TableName": "half", "TimeToLiveSpecification": {"Colour": 1}}
    with pytest.raises(ResourceError, match=r"Table\.TimeToLiveSpecification\.Colour"):
        types.provider("AWS::DynamoDB::Table").create(types.context(), "R", bad)
    assert "half" not in types.client("dynamodb").list_tables()["TableNames"]


def test_global_table_with_one_replica(types: Any) -> None:
    def properties(**replica: Any) -> dict[str, Any]:
        return TABLE | {
            "Replicas": [{"Region": "us-east-1", **replica}],
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        }

    backed_up = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    made = types.lives(
        "AWS::DynamoDB::GlobalTable",
        lambda made: table(types, made),
        [
            (
                properties(**backed_up, Tags=[{"Key": "a", "Value": "1"}]),
                {"recovery": "ENABLED", "expires": "expires_at", "tags": {"a": "1"}},
            ),
            (properties(), {"recovery": "DISABLED", "tags": {}}),
        ],
    )
    assert set(made.attributes) == {"Arn", "TableId"}


@pytest.mark.parametrize(
    ("replicas", "complaint"),
    [
        ([], "one replica"),
        ([{"Region": "us-east-1"}, {"Region": "eu-west-1"}], "got us-east-1, eu-west-1"),
        ([{"Region": "eu-west-1"}], "in the stack's region; got eu-west-1"),
        ([{"Region": "us-east-1", "Colour": 1}], "GlobalTable.Replicas.Colour"),
    ],
)
def test_other_replicas_are_refused(types: Any, replicas: list[dict[str, Any]], complaint: str) -> None:
    with pytest.raises(ResourceError, match=complaint):
        types.provider("AWS::DynamoDB::GlobalTable").create(
            types.context(), "R", TABLE | {"Replicas": replicas}
        )


def test_bucket(types: Any) -> None:
    s3 = types.client("s3")

    def read(made: Made) -> Any:
        about = {"Bucket": made.physical_id}

        def found(call: str, key: str) -> Any:
            try:
                return getattr(s3, call)(**about).get(key)
            except s3.exceptions.ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchBucket":
                    raise
                return None

        return {
            "encryption": found("get_bucket_encryption", "ServerSideEncryptionConfiguration"),
            "versioning": found("get_bucket_versioning", "Status"),
            "public": found("get_public_access_block", "PublicAccessBlockConfiguration"),
            "lifecycle": found("get_bucket_lifecycle_configuration", "Rules"),
            "cors": found("get_bucket_cors", "CORSRules"),
            "owner": found("get_bucket_ownership_controls", "OwnershipControls"),
            "tags": found("get_bucket_tagging", "TagSet"),
        }

    blocked = dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    made = types.lives(
        "AWS::S3::Bucket",
        read,
        [
            (
                {
                    "AccessControl": "Private",
                    "BucketEncryption": {
                        "ServerSideEncryptionConfiguration": [
                            {
                                "ServerSideEncryptionByDefault": {
                                    "SSEAlgorithm": "aws:kms",
                                    "KMSMasterKeyID": "k",
                                },
                                "BucketKeyEnabled": True,
                            }
                        ]
                    },
                    "CorsConfiguration": {
                        "CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]
                    },
                    "LifecycleConfiguration": {
                        "Rules": [
                            {
                                "Id": "CleanUp",
                                "Status": "Enabled",
                                "Prefix": "tmp/",
                                "ExpirationInDays": "30",
                                "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
                                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                                "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 10}],
                            }
                        ]
                    },
                    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                    "PublicAccessBlockConfiguration": blocked,
                    "VersioningConfiguration": {"Status": "Enabled"},
                    "Tags": [{"Key": "a", "Value": "1"}],
                },
                {
                    "encryption": {
                        "Rules": [
                            {
                                "ApplyServerSideEncryptionByDefault": {
                                    "SSEAlgorithm": "aws:kms",
                                    "KMSMasterKeyID": "k",
                                },
                                "BucketKeyEnabled": True,
                            }
                        ]
                    },
                    "versioning": "Enabled",
                    "public": blocked,
                    "lifecycle": [
                        {
                            "ID": "CleanUp",
                            "Status": "Enabled",
                            "Filter": {"Prefix": "tmp/"},
                            "Expiration": {"Days": 30},
                            "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                            "Transitions": [{"Days": 10, "StorageClass": "GLACIER"}],
                        }
                    ],
                    "cors": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}],
                    "owner": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                    "tags": [{"Key": "a", "Value": "1"}],
                },
            ),
            (
                {"AccessControl": "Private", "VersioningConfiguration": {"Status": "Suspended"}},
                {"versioning": "Suspended", "public": None, "lifecycle": None, "cors": None, "tags": None},
            ),
        ],
        "StagingBucket",
    )
    assert made.physical_id == made.physical_id.lower()
    assert made.attributes["Arn"] == f"arn:aws:s3:::{made.physical_id}"


def test_a_bucket_with_objects_is_not_deleted(types: Any) -> None:
    s3, provider = types.client("s3"), types.provider("AWS::S3::Bucket")
    made = provider.create(types.context(), "R", {})
    s3.put_object(Bucket=made.physical_id, Key="k", Body=b"x")
    with pytest.raises(ResourceError, match="not empty"):
        provider.delete(types.context(), made.physical_id, {})
    s3.delete_object(Bucket=made.physical_id, Key="k")
    provider.delete(types.context(), made.physical_id, {})


def test_a_bucket_is_not_taken_over_and_may_lie_elsewhere(types: Any) -> None:
    provider = types.provider("AWS::S3::Bucket")
    taken = {"BucketName": "taken"}
    with types.made("AWS::S3::Bucket", taken), pytest.raises(ResourceError, match="taken already exists"):
        provider.create(types.context(), "R", taken)
    there = types.context(region="eu-west-1")
    made = provider.create(there, "R", {})
    location = types.client("s3").get_bucket_location(Bucket=made.physical_id)
    assert location["LocationConstraint"] == "eu-west-1"
    provider.delete(there, made.physical_id, {})


def test_bucket_policy_with_conditions_does_not_lock_the_bucket(types: Any) -> None:
    s3 = types.client("s3")
    with types.made("AWS::S3::Bucket", {}) as bucket:
        document = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": f"{bucket.attributes['Arn']}/*",
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
        types.lives(
            "AWS::S3::BucketPolicy",
            lambda made: json.loads(s3.get_bucket_policy(Bucket=made.physical_id)["Policy"]),
            [({"Bucket": bucket.physical_id, "PolicyDocument": document}, document)],
        )
        with types.made("AWS::S3::BucketPolicy", {"Bucket": bucket.physical_id, "PolicyDocument": document}):
            s3.put_object(Bucket=bucket.physical_id, Key="k", Body=b"x")
            s3.delete_object(Bucket=bucket.physical_id, Key="k")


def test_image_repository(types: Any) -> None:
    ecr = types.client("ecr")
    rules = json.dumps(
        {
            "rules": [
                {
                    "rulePriority": 1,
                    "selection": {
                        "tagStatus": "untagged",
                        "countType": "imageCountMoreThan",
                        "countNumber": 1,
                    },
                    "action": {"type": "expire"},
                }
            ]
        }
    )

    def read(made: Made) -> Any:
        about = {"repositoryName": made.physical_id}
        (found,) = ecr.describe_repositories(repositoryNames=[made.physical_id])["repositories"]

        def text(call: str, key: str) -> Any:
            try:
                return json.loads(getattr(ecr, call)(**about)[key])
            except ecr.exceptions.ClientError:
                return None

        return {
            **found,
            "lifecycle": text("get_lifecycle_policy", "lifecyclePolicyText"),
            "policy": text("get_repository_policy", "policyText"),
        }

    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}],
    }
    types.lives(
        "AWS::ECR::Repository",
        read,
        [
            (
                {
                    "ImageTagMutability": "IMMUTABLE",
                    "ImageScanningConfiguration": {"ScanOnPush": "true"},
                    "LifecyclePolicy": {"LifecyclePolicyText": rules},
                    "RepositoryPolicyText": policy,
                },
                {
                    "imageTagMutability": "IMMUTABLE",
                    "imageScanningConfiguration": {"scanOnPush": True},
                    "lifecycle": json.loads(rules),
                    "policy": policy,
                },
            ),
            (
                {},
                {
                    "imageTagMutability": "MUTABLE",
                    "imageScanningConfiguration": {"scanOnPush": False},
                    "lifecycle": None,
                    "policy": None,
                },
            ),
        ],
    )
