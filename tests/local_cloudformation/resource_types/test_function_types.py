"""Functions and what hangs on them as declared, seen through boto3."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from serverless_ai_local.aws.provider import Made, ResourceError


def function(role: str, **more: Any) -> dict[str, Any]:
    code = {"ZipFile": "def handler(event, context):\n    return event\n"}
    return {"Role": role, "Runtime": "python3.13", "Handler": "index.handler", "Code": code, **more}


def test_function(types: Any, role: str) -> None:
    client = types.client("lambda")
    first = function(
        role,
        MemorySize=512,
        Timeout=29,
        Architectures=["arm64"],
        Description="first",
        Environment={"Variables": {"A": "1"}},
        LoggingConfig={"LogFormat": "JSON", "LogGroup": "my-logs"},
        TracingConfig={"Mode": "Active"},
        EphemeralStorage={"Size": 1024},
        ReservedConcurrentExecutions=5,
        DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:123456789012:dead"},
        Tags=[{"Key": "a", "Value": "1"}],
    )
    second = function(
        role,
        MemorySize=1024,
        Timeout=60,
        Architectures=["x86_64"],
        Environment={"Variables": {"B": "2"}},
        LoggingConfig={"LogFormat": "JSON", "LogGroup": "my-logs", "ApplicationLogLevel": "DEBUG"},
        TracingConfig={"Mode": "PassThrough"},
        EphemeralStorage={"Size": 2048},
        ReservedConcurrentExecutions=7,
        Tags=[{"Key": "b", "Value": "2"}],
    )
    second["Code"] = {"ZipFile": "changed = True"}
    third = function(role)
    hashes: list[str] = []

    def read(made: Made) -> Any:
        found = client.get_function(FunctionName=made.physical_id)
        hashes.append(found["Configuration"]["CodeSha256"])
        return {
            **found["Configuration"],
            "reserved": found.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
            "tags": {k: v for k, v in found.get("Tags", {}).items() if not k.startswith("aws:")},
        }

    made = types.lives(
        "AWS::Lambda::Function",
        read,
        [
            (
                first,
                {
                    "MemorySize": 512,
                    "Timeout": 29,
                    "Architectures": ["arm64"],
                    "Description": "first",
                    "Environment": {"Variables": {"A": "1"}},
                    "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "my-logs"},
                    "TracingConfig": {"Mode": "Active"},
                    "EphemeralStorage": {"Size": 1024},
                    "DeadLetterConfig": first["DeadLetterConfig"],
                    "reserved": 5,
                    "tags": {"a": "1"},
                },
            ),
            (
                second,
                {
                    "MemorySize": 1024,
                    "Timeout": 60,
                    "Architectures": ["x86_64"],
                    "Description": "",
                    "Environment": {"Variables": {"B": "2"}},
                    "LoggingConfig": {"ApplicationLogLevel": "DEBUG"},
                    "TracingConfig": {"Mode": "PassThrough"},
                    "EphemeralStorage": {"Size": 2048},
                    "reserved": 7,
                    "tags": {"b": "2"},
                },
            ),
            (
                third,
                {
                    "MemorySize": 128,
                    "Timeout": 3,
                    "LoggingConfig": {"LogFormat": "Text"},
                    "TracingConfig": {"Mode": "PassThrough"},
                    "EphemeralStorage": {"Size": 512},
                    "reserved": None,
                    "tags": {},
                },
            ),
        ],
    )
    assert made.attributes["Arn"].endswith(f":function:{made.physical_id}")
    assert hashes[0] != hashes[1] != hashes[2] == hashes[0]


def test_function_code_from_s3(types: Any, role: str) -> None:
    s3, client = types.client("s3"), types.client("lambda")
    s3.create_bucket(Bucket="code-bucket")
    for key in ("a.zip", "b.zip"):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("index.py", key)
        s3.put_object(Bucket="code-bucket", Key=key, Body=buffer.getvalue())
    provider, context = types.provider("AWS::Lambda::Function"), types.context()
    properties = {**function(role), "Code": {"S3Bucket": "code-bucket", "S3Key": "a.zip"}}
    resource = provider.create(context, "F", properties)
    before = client.get_function_configuration(FunctionName=resource.physical_id)["CodeSha256"]
    changed = {**properties, "Code": {"S3Bucket": "code-bucket", "S3Key": "b.zip"}, "MemorySize": 256}
    provider.update(context, resource.physical_id, properties, changed)
    after = client.get_function_configuration(FunctionName=resource.physical_id)
    assert after["CodeSha256"] != before
    assert after["MemorySize"] == 256
    provider.delete(context, resource.physical_id, changed)
    missing = {**properties, "Code": {"S3Bucket": "code-bucket", "S3Key": "nope.zip"}}
    with pytest.raises(ResourceError, match="S3 Error Code: NoSuchKey"):
        provider.create(context, "F", missing)


def test_function_in_a_network(types: Any, role: str) -> None:
    client = types.client("lambda")
    with types.made("AWS::EC2::VPC", {"CidrBlock": "10.9.0.0/16"}) as vpc:
        subnet_properties = {"VpcId": vpc.physical_id, "CidrBlock": "10.9.0.0/24"}
        group_properties = {"VpcId": vpc.physical_id, "GroupDescription": "functions"}
        with (
            types.made("AWS::EC2::Subnet", subnet_properties) as subnet,
            types.made("AWS::EC2::SecurityGroup", group_properties) as group,
        ):
            placed = {"SubnetIds": [subnet.physical_id], "SecurityGroupIds": [group.attributes["GroupId"]]}

            def read(made: Made) -> Any:
                found = client.get_function_configuration(FunctionName=made.physical_id)
                return {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], **found.get("VpcConfig", {})}}

            types.lives(
                "AWS::Lambda::Function",
                read,
                [
                    (function(role, VpcConfig=placed), {"VpcConfig": placed}),
                    (function(role), {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}}),
                ],
            )


def test_version_and_alias(types: Any, role: str) -> None:
    client = types.client("lambda")
    with types.made("AWS::Lambda::Function", function(role)) as target:
        name = target.physical_id
        with types.made("AWS::Lambda::Version", {"FunctionName": name, "Description": "one"}) as version:
            assert version.physical_id == f"{target.attributes['Arn']}:{version.attributes['Version']}"

            def read(made: Made) -> Any:
                return client.get_alias(FunctionName=name, Name="live")

            about = {"FunctionName": name, "Name": "live"}
            number = version.attributes["Version"]
            types.lives(
                "AWS::Lambda::Alias",
                read,
                [
                    (
                        about | {"FunctionVersion": number, "Description": "d"},
                        {"FunctionVersion": number, "Description": "d"},
                    ),
                    (
                        about | {"FunctionVersion": "$LATEST"},
                        {"FunctionVersion": "$LATEST", "Description": ""},
                    ),
                ],
            )
            listed = client.list_versions_by_function(FunctionName=name)["Versions"]
            assert number in [each["Version"] for each in listed]
        listed = client.list_versions_by_function(FunctionName=name)["Versions"]
        assert [each["Version"] for each in listed] == ["$LATEST"]


def test_permission(types: Any, role: str) -> None:
    client = types.client("lambda")
    with types.made("AWS::Lambda::Function", function(role)) as target:

        def statements() -> list[Any]:
            try:
                return json.loads(client.get_policy(FunctionName=target.physical_id)["Policy"])["Statement"]
            except client.exceptions.ResourceNotFoundException:
                return []

        properties = {
            "FunctionName": target.attributes["Arn"],
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": "arn:aws:execute-api:us-east-1:123456789012:abc/*/*/chat",
        }
        with types.made("AWS::Lambda::Permission", properties, "P") as permission:
            (statement,) = statements()
            assert statement["Sid"] == permission.physical_id
            assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
            assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": properties["SourceArn"]}}
        assert statements() == []


def test_event_invoke_config(types: Any, role: str) -> None:
    client, sqs = types.client("lambda"), types.client("sqs")
    sqs.create_queue(QueueName="failures")
    failures = "arn:aws:sqs:us-east-1:123456789012:failures"
    with types.made("AWS::Lambda::Function", function(role)) as target:
        about = {"FunctionName": target.physical_id, "Qualifier": "$LATEST"}

        def read(made: Made) -> Any:
            return client.get_function_event_invoke_config(FunctionName=target.physical_id)

        destination = {"OnFailure": {"Destination": failures}}
        types.lives(
            "AWS::Lambda::EventInvokeConfig",
            read,
            [
                (
                    about
                    | {
                        "MaximumRetryAttempts": 1,
                        "MaximumEventAgeInSeconds": 3600,
                        "DestinationConfig": destination,
                    },
                    {
                        "MaximumRetryAttempts": 1,
                        "MaximumEventAgeInSeconds": 3600,
                        "DestinationConfig": destination,
                    },
                ),
                (about | {"MaximumRetryAttempts": 0}, {"MaximumRetryAttempts": 0}),
            ],
        )


def test_event_source_mapping(types: Any, role: str) -> None:
    client = types.client("lambda")
    with (
        types.made("AWS::Lambda::Function", function(role)) as target,
        types.made("AWS::SQS::Queue", {"VisibilityTimeout": 60}) as queue,
    ):
        about = {"FunctionName": target.physical_id, "EventSourceArn": queue.attributes["Arn"]}

        def read(made: Made) -> Any:
            return client.get_event_source_mapping(UUID=made.physical_id)

        types.lives(
            "AWS::Lambda::EventSourceMapping",
            read,
            [(about | {"BatchSize": 5}, {"BatchSize": 5}), (about | {"BatchSize": 7}, {"BatchSize": 7})],
        )
