"""EC2 networks: records, as from CloudFormation."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.from_pulumi.translation import TAG_LIST, AutoName, Translation, block, each
from serverless_ai_local.aws.provider import Context
from serverless_ai_local.doors.pulumi.values import Values

_RULE: Final = block(
    {
        "description": "Description",
        "fromPort": "FromPort",
        "protocol": "IpProtocol",
        "toPort": "ToPort",
        "cidrBlocks": "blocks",
    }
)


def zones(context: Context, arguments: Values) -> dict[str, Any]:
    """Three, as in most regions."""
    names = [f"{context.region}{letter}" for letter in "abc"]
    return {
        "id": context.region,
        "region": context.region,
        "names": names,
        "zoneIds": names,
        "groupNames": [context.region],
    }


def _rules(values: Any) -> list[dict[str, Any]]:
    """One rule a block of addresses: CloudFormation's have one each."""
    found: list[dict[str, Any]] = []
    for rule in each(_RULE)(values):
        found += [{**rule, "CidrIp": one} for one in rule.pop("blocks", ())]
    return found


def _group(given: dict[str, Any]) -> dict[str, Any]:
    """Pulumi's may send nowhere but where it says."""
    return {"GroupDescription": "Managed by Pulumi", "SecurityGroupEgress": [], **given}


ROWS: Final = (
    Translation(
        "aws:ec2/vpc:Vpc",
        "AWS::EC2::VPC",
        inputs={
            "cidrBlock": "CidrBlock",
            "enableDnsHostnames": "EnableDnsHostnames",
            "enableDnsSupport": "EnableDnsSupport",
            "tags": TAG_LIST,
        },
        outputs={
            "arn": "arn:aws:ec2:{context.region}:{context.account}:vpc/{id}",
            "cidrBlock": "{a[CidrBlock]}",
        },
    ),
    Translation(
        "aws:ec2/subnet:Subnet",
        "AWS::EC2::Subnet",
        inputs={
            "availabilityZone": "AvailabilityZone",
            "cidrBlock": "CidrBlock",
            "mapPublicIpOnLaunch": "MapPublicIpOnLaunch",
            "tags": TAG_LIST,
            "vpcId": "VpcId",
        },
        outputs={
            "arn": "arn:aws:ec2:{context.region}:{context.account}:subnet/{id}",
            "availabilityZone": "{a[AvailabilityZone]}",
        },
    ),
    Translation(
        "aws:ec2/securityGroup:SecurityGroup",
        "AWS::EC2::SecurityGroup",
        inputs={
            "description": "GroupDescription",
            "egress": ("SecurityGroupEgress", _rules),
            "ingress": ("SecurityGroupIngress", _rules),
            "name": "GroupName",
            "revokeRulesOnDelete": None,
            "tags": TAG_LIST,
            "vpcId": "VpcId",
        },
        outputs={"arn": "arn:aws:ec2:{context.region}:{context.account}:security-group/{id}"},
        name=AutoName(limit=255),
        prepare=_group,
    ),
)
