"""Logs, alarms, keys, secrets, parameters, guardrails and networks as declared, seen through boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serverless_ai_local.aws.provider import Made, ResourceError


def pairs(tags: list[dict[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    return {tag[key]: tag[value] for tag in tags}


def test_log_group(types: Any) -> None:
    logs = types.client("logs")

    def read(made: Made) -> Any:
        found = [g for g in logs.describe_log_groups()["logGroups"] if g["logGroupName"] == made.physical_id]
        arn = made.attributes["Arn"].removesuffix(":*")
        return {
            "retention": found[0].get("retentionInDays"),
            "key": found[0].get("kmsKeyId"),
            "tags": logs.list_tags_for_resource(resourceArn=arn)["tags"],
        }

    key = "arn:aws:kms:us-east-1:123456789012:key/x"
    made = types.lives(
        "AWS::Logs::LogGroup",
        read,
        [
            (
                {"RetentionInDays": 30, "KmsKeyId": key, "Tags": [{"Key": "a", "Value": "1"}]},
                {"retention": 30, "key": key, "tags": {"a": "1"}},
            ),
            ({"RetentionInDays": "7"}, {"retention": 7, "key": None, "tags": {}}),
            ({"KmsKeyId": key}, {"retention": None, "key": key}),
        ],
        "ChatLogs",
    )
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{made.physical_id}:*"
    assert made.attributes == {"Arn": arn}


def test_metric_filter(types: Any) -> None:
    logs = types.client("logs")
    with types.made("AWS::Logs::LogGroup", {}) as group:
        about = {"LogGroupName": group.physical_id}

        def read(made: Made) -> Any:
            return logs.describe_metric_filters(logGroupName=group.physical_id)["metricFilters"][0]

        transformation = {"MetricName": "Errors", "MetricNamespace": "Shop", "MetricValue": "1"}
        shown = {"metricName": "Errors", "metricNamespace": "Shop", "metricValue": "1"}
        types.lives(
            "AWS::Logs::MetricFilter",
            read,
            [
                (
                    about | {"FilterPattern": "ERROR", "MetricTransformations": [transformation]},
                    {"filterPattern": "ERROR", "metricTransformations": [shown]},
                ),
                (
                    about | {"FilterPattern": "WARN", "MetricTransformations": [transformation]},
                    {"filterPattern": "WARN", "metricTransformations": [shown]},
                ),
            ],
        )


def test_alarm(types: Any) -> None:
    cloudwatch = types.client("cloudwatch")

    def read(made: Made) -> Any:
        return cloudwatch.describe_alarms(AlarmNames=[made.physical_id])["MetricAlarms"][0]

    alarm = {
        "AlarmDescription": "p95 above 80%",
        "ComparisonOperator": "GreaterThanThreshold",
        "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
        "EvaluationPeriods": 3,
        "ExtendedStatistic": "p95",
        "MetricName": "Duration",
        "Namespace": "AWS/Lambda",
        "Period": 300,
        "Threshold": 23200.0,
        "TreatMissingData": "notBreaching",
    }
    changed = {
        key: value for key, value in alarm.items() if key not in {"ExtendedStatistic", "AlarmDescription"}
    }
    changed |= {
        "Statistic": "Sum",
        "Threshold": 1.0,
        "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:t"],
        "DatapointsToAlarm": 2,
    }
    made = types.lives(
        "AWS::CloudWatch::Alarm",
        read,
        [(alarm | {"Threshold": 23200, "Period": "300"}, alarm), (changed, changed)],
    )
    assert made.attributes["Arn"] == f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{made.physical_id}"
    named = alarm | {"AlarmName": "mine"}
    with (
        types.made("AWS::CloudWatch::Alarm", named),
        pytest.raises(ResourceError, match="mine already exists"),
    ):
        types.provider("AWS::CloudWatch::Alarm").create(types.context(), "R", named)


def test_dashboard(types: Any) -> None:
    cloudwatch = types.client("cloudwatch")

    def body(title: str) -> dict[str, Any]:
        return {"widgets": [{"type": "text", "properties": {"markdown": title}}]}

    types.lives(
        "AWS::CloudWatch::Dashboard",
        lambda made: json.loads(cloudwatch.get_dashboard(DashboardName=made.physical_id)["DashboardBody"]),
        [
            ({"DashboardBody": json.dumps(body("a"))}, body("a")),
            ({"DashboardBody": json.dumps(body("b"))}, body("b")),
        ],
    )


def test_key_and_alias(types: Any) -> None:
    kms, kind = types.client("kms"), "AWS::KMS::Key"
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}],
    }
    narrow = {**policy, "Statement": [{**policy["Statement"][0], "Action": "kms:Decrypt"}]}

    def read(made: Made) -> Any:
        key_id = made.physical_id
        return {
            **kms.describe_key(KeyId=key_id)["KeyMetadata"],
            "rotates": kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"],
            "policy": json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]),
            "tags": pairs(kms.list_resource_tags(KeyId=key_id)["Tags"], "TagKey", "TagValue"),
        }

    provider, context = types.provider(kind), types.context()
    first = {
        "KeyPolicy": policy,
        "Description": "d",
        "EnableKeyRotation": True,
        "PendingWindowInDays": 7,
        "Tags": [{"Key": "a", "Value": "1"}],
    }
    then = {"KeyPolicy": narrow, "Description": "e", "EnableKeyRotation": False, "PendingWindowInDays": 7}
    made = provider.create(context, "R", first)
    seen = read(made)
    assert (seen["Description"], seen["rotates"], seen["policy"], seen["tags"]) == (
        "d",
        True,
        policy,
        {"a": "1"},
    )
    assert made.attributes == {"Arn": seen["Arn"], "KeyId": made.physical_id}
    about = {"AliasName": "alias/chat"}

    def alias(_: Made) -> Any:
        found = {alias["AliasName"]: alias for alias in kms.list_aliases()["Aliases"]}
        return found["alias/chat"]

    with types.made(kind, {"KeyPolicy": policy}) as other:
        steps = [
            (about | {"TargetKeyId": key_id}, {"TargetKeyId": key_id})
            for key_id in (made.physical_id, other.physical_id)
        ]
        types.lives("AWS::KMS::Alias", alias, steps)
    provider.update(context, made.physical_id, first, then)
    seen = read(made)
    assert (seen["Description"], seen["rotates"], seen["policy"], seen["tags"]) == ("e", False, narrow, {})
    provider.delete(context, made.physical_id, then)
    assert kms.describe_key(KeyId=made.physical_id)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_secret(types: Any) -> None:
    client = types.client("secretsmanager")

    def read(made: Made) -> Any:
        found = client.describe_secret(SecretId=made.physical_id)
        value = client.get_secret_value(SecretId=made.physical_id)["SecretString"]
        return {**found, "value": value, "tags": pairs(found.get("Tags", []))}

    generated = {"GenerateSecretString": {"PasswordLength": 40, "ExcludePunctuation": True}}
    made = types.lives(
        "AWS::SecretsManager::Secret",
        read,
        [
            (
                {"SecretString": "s1", "Description": "d", "Tags": [{"Key": "a", "Value": "1"}]},
                {"value": "s1", "Description": "d", "tags": {"a": "1"}},
            ),
            ({"SecretString": "s2"}, {"value": "s2", "tags": {}}),
        ],
    )
    assert made.physical_id.startswith("arn:aws:secretsmanager:us-east-1:123456789012:secret:Shop-R-")
    with types.made("AWS::SecretsManager::Secret", generated) as secret:
        assert len(read(secret)["value"]) == 40
    pair = {
        "GenerateSecretString": {"SecretStringTemplate": '{"user": "u"}', "GenerateStringKey": "password"}
    }
    with types.made("AWS::SecretsManager::Secret", pair) as secret:
        fields = json.loads(read(secret)["value"])
        assert fields["user"] == "u"
        assert len(fields["password"]) == 32
    for wrong in (generated | {"SecretString": "x"}, {"GenerateSecretString": {"GenerateStringKey": "k"}}):
        with pytest.raises(ResourceError):
            types.provider("AWS::SecretsManager::Secret").create(
                types.context(), "R", {"Name": "wrong", **wrong}
            )
    assert "wrong" not in [each["Name"] for each in client.list_secrets()["SecretList"]]


def test_parameter(types: Any) -> None:
    ssm = types.client("ssm")

    def read(made: Made) -> Any:
        found = ssm.get_parameter(Name=made.physical_id)["Parameter"]
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=made.physical_id)["TagList"]
        return {**found, "tags": pairs(tags)}

    made = types.lives(
        "AWS::SSM::Parameter",
        read,
        [
            (
                {"Type": "String", "Value": "1", "Description": "d", "Tags": {"a": "1"}},
                {"Value": "1", "Type": "String", "tags": {"a": "1"}},
            ),
            (
                {"Type": "String", "Value": 2, "Tags": {"b": "2"}},
                {"Value": "2", "Version": 2, "tags": {"b": "2"}},
            ),
        ],
    )
    assert made.attributes == {"Type": "String", "Value": "1"}


def test_guardrail_and_version(types: Any) -> None:
    bedrock = types.client("bedrock")

    def properties(name: str, strength: str) -> dict[str, Any]:
        return {
            "Name": name,
            "BlockedInputMessaging": "no",
            "BlockedOutputsMessaging": "no",
            "ContentPolicyConfig": {
                "FiltersConfig": [{"Type": "HATE", "InputStrength": strength, "OutputStrength": "LOW"}]
            },
        }

    def read(made: Made) -> Any:
        found = bedrock.get_guardrail(guardrailIdentifier=made.physical_id)
        (one,) = found["contentPolicy"]["filters"]
        return {"name": found["name"], "strength": one["inputStrength"]}

    made = types.lives(
        "AWS::Bedrock::Guardrail",
        read,
        [
            (properties("one", "HIGH"), {"name": "one", "strength": "HIGH"}),
            (properties("two", "LOW"), {"name": "two", "strength": "LOW"}),
        ],
    )
    assert made.attributes["GuardrailArn"].endswith(f"/{made.attributes['GuardrailId']}")
    with types.made("AWS::Bedrock::Guardrail", properties("three", "HIGH")) as guardrail:
        about = {"GuardrailIdentifier": guardrail.attributes["GuardrailId"], "Description": "v"}
        with types.made("AWS::Bedrock::GuardrailVersion", about) as version:
            identity = {
                "guardrailIdentifier": version.attributes["GuardrailId"],
                "guardrailVersion": version.attributes["Version"],
            }
            assert bedrock.get_guardrail(**identity)["version"] == "1"
        with pytest.raises(bedrock.exceptions.ResourceNotFoundException):
            bedrock.get_guardrail(**identity)
        assert bedrock.get_guardrail(guardrailIdentifier=guardrail.physical_id)["version"] == "DRAFT"


def test_network(types: Any) -> None:
    ec2 = types.client("ec2")
    dns = {"EnableDnsSupport": True, "EnableDnsHostnames": True}
    with types.made("AWS::EC2::VPC", {"CidrBlock": "10.8.0.0/16", **dns}) as vpc:
        for attribute in ("enableDnsSupport", "enableDnsHostnames"):
            found = ec2.describe_vpc_attribute(VpcId=vpc.physical_id, Attribute=attribute)
            assert found[attribute[0].upper() + attribute[1:]]["Value"] is True
        subnet_properties = {
            "VpcId": vpc.physical_id,
            "CidrBlock": "10.8.0.0/24",
            "AvailabilityZone": "us-east-1b",
            "MapPublicIpOnLaunch": False,
            "Tags": [{"Key": "Name", "Value": "private"}],
        }
        with (
            types.made("AWS::EC2::Subnet", subnet_properties) as subnet,
            types.made("AWS::EC2::RouteTable", {"VpcId": vpc.physical_id}) as routes,
        ):
            (seen,) = ec2.describe_subnets(SubnetIds=[subnet.physical_id])["Subnets"]
            assert (seen["AvailabilityZone"], pairs(seen["Tags"])) == ("us-east-1b", {"Name": "private"})
            joined = {"RouteTableId": routes.physical_id, "SubnetId": subnet.physical_id}
            with types.made("AWS::EC2::SubnetRouteTableAssociation", joined):
                (table,) = ec2.describe_route_tables(RouteTableIds=[routes.physical_id])["RouteTables"]
                assert table["Associations"][0]["SubnetId"] == subnet.physical_id
        https = {
            "IpProtocol": "tcp",
            "FromPort": 443,
            "ToPort": 443,
            "CidrIp": "10.0.0.0/8",
            "Description": "in",
        }

        def rules(made: Made) -> Any:
            (group,) = ec2.describe_security_groups(GroupIds=[made.physical_id])["SecurityGroups"]
            return {
                "in": [(r["FromPort"], r["IpRanges"][0]["CidrIp"]) for r in group["IpPermissions"]],
                "out": [r["IpProtocol"] for r in group["IpPermissionsEgress"]],
            }

        about = {"VpcId": vpc.physical_id, "GroupDescription": "d"}
        only_https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}
        types.lives(
            "AWS::EC2::SecurityGroup",
            rules,
            [
                (about | {"SecurityGroupIngress": [https]}, {"in": [(443, "10.0.0.0/8")], "out": ["-1"]}),
                (about, {"in": [], "out": ["-1"]}),
            ],
        )
        with types.made("AWS::EC2::SecurityGroup", about | {"SecurityGroupEgress": [only_https]}) as group:
            assert rules(group)["out"] == ["tcp"]
