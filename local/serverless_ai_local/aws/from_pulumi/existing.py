"""Resources that exist without the program: what `.get()` reads of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serverless_ai_local.aws.provider import Context, ResourceError
from serverless_ai_local.aws.resources.calls import call
from serverless_ai_local.doors.pulumi.values import Values


def described(
    context: Context, service: str, operation: str, about: Mapping[str, Any], *path: str
) -> dict[str, Any]:
    """The answer, or what lies in it at `path`. Raises `ResourceError` with the service's own reason."""
    answer: Any = call(context, service, operation, about)
    for part in path:
        answer = answer[part]
    return answer


def arn_name(text: str) -> str:
    """The last part of an ARN; a name is its own."""
    return text.rsplit(":", 1)[-1].rsplit("/", 1)[-1] if text.startswith("arn:") else text


def log_group(context: Context, name: str) -> Values:
    found = described(context, "logs", "DescribeLogGroups", {"logGroupNamePrefix": name})["logGroups"]
    group = next((one for one in found if one["logGroupName"] == name), None)
    if group is None:
        raise ResourceError(f"log group {name} does not exist")
    arn = f"arn:aws:logs:{context.region}:{context.account}:log-group:{name}"
    return {
        "arn": arn,
        "name": name,
        "retentionInDays": group.get("retentionInDays", 0),
        "kmsKeyId": group.get("kmsKeyId"),
    }


def table(context: Context, name: str) -> Values:
    found = described(context, "dynamodb", "DescribeTable", {"TableName": name}, "Table")
    keys = {part["KeyType"]: part["AttributeName"] for part in found["KeySchema"]}
    return {
        "arn": found["TableArn"],
        "name": name,
        "hashKey": keys["HASH"],
        "rangeKey": keys.get("RANGE"),
        "attributes": [
            {"name": one["AttributeName"], "type": one["AttributeType"]}
            for one in found["AttributeDefinitions"]
        ],
        "streamArn": found.get("LatestStreamArn"),
    }


def key(context: Context, id_: str) -> Values:
    found = described(context, "kms", "DescribeKey", {"KeyId": id_}, "KeyMetadata")
    return {"arn": found["Arn"], "keyId": found["KeyId"], "description": found.get("Description", "")}


def queue(context: Context, url: str) -> Values:
    about = {"QueueUrl": url, "AttributeNames": ["QueueArn"]}
    arn = described(context, "sqs", "GetQueueAttributes", about, "Attributes")["QueueArn"]
    return {"arn": arn, "name": arn_name(arn), "url": url}


def role(context: Context, name: str) -> Values:
    found = described(context, "iam", "GetRole", {"RoleName": name}, "Role")
    return {"arn": found["Arn"], "name": name, "uniqueId": found["RoleId"], "path": found["Path"]}


def bucket(context: Context, name: str) -> Values:
    call(context, "s3", "HeadBucket", {"Bucket": name})
    return {"arn": f"arn:aws:s3:::{name}", "bucket": name, "region": context.region}


def topic(context: Context, arn: str) -> Values:
    call(context, "sns", "GetTopicAttributes", {"TopicArn": arn})
    return {"arn": arn, "name": arn_name(arn), "owner": context.account}


def secret(context: Context, arn: str) -> Values:
    found = described(context, "secretsmanager", "DescribeSecret", {"SecretId": arn})
    return {"arn": found["ARN"], "name": found["Name"]}


def event_bus(context: Context, name: str) -> Values:
    return {"arn": described(context, "events", "DescribeEventBus", {"Name": name})["Arn"], "name": name}
