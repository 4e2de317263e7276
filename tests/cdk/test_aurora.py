"""The Aurora block: what it makes, what it grants, what it costs idle, and that cdk-nag finds nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aws_cdk import CfnOutput, RemovalPolicy, aws_ec2, aws_kms
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from serverless_ai_cdk._aurora import aurora
from serverless_ai_patterns.aws.prices import SECRET, idle
from serverless_ai_patterns.rag.stores import Aurora


@pytest.fixture(scope="module")
def stack(new_stack):
    made = new_stack()
    key = aws_kms.Key(made, "Key", enable_key_rotation=True)
    gone = aurora(
        made, "Gone", {"i1": 3, "i2": 4}, Aurora(max_acu=4), key=None, removal_policy=RemovalPolicy.DESTROY
    )
    aurora(made, "Kept", {"i1": 3}, Aurora(), key=key, removal_policy=RemovalPolicy.RETAIN)
    CfnOutput(made, "Place", value=gone.places["i1"])
    CfnOutput(made, "Read", value=json.dumps([one.to_json() for one in gone.read]))
    return made


def resources(stack) -> dict[str, dict]:
    """Those of the synthesized stack."""
    folder = Path(stack.node.root.synth(force=True).directory)
    return json.loads((folder / f"{stack.stack_name}.template.json").read_text())["Resources"]


@pytest.fixture(scope="module")
def template(stack):
    return resources(stack)


def of(template, kind: str, start: str) -> dict:
    (found,) = [one for name, one in template.items() if one["Type"] == kind and name.startswith(start)]
    return found


def test_a_cluster_that_pauses_and_goes_or_stays_as_it_was_asked(template):
    gone, kept = (of(template, "AWS::RDS::DBCluster", start) for start in ("Gone", "Kept"))
    assert gone["Properties"]["ServerlessV2ScalingConfiguration"] == {
        "MinCapacity": 0,
        "MaxCapacity": 4,
        "SecondsUntilAutoPause": 300,
    }
    assert (gone["DeletionPolicy"], gone["Properties"]["DeletionProtection"]) == ("Delete", False)
    assert (kept["DeletionPolicy"], kept["Properties"]["DeletionProtection"]) == ("Retain", True)
    assert "KmsKeyId" in kept["Properties"]
    assert kept["Properties"]["MasterUserSecret"]["KmsKeyId"] == kept["Properties"]["KmsKeyId"]
    stays = [one["DeletionPolicy"] for name, one in template.items() if name.startswith("Kept")]
    assert set(stays) == {"Retain"}


def test_nobody_is_let_in(template):
    guard = of(template, "AWS::EC2::SecurityGroup", "Gone")["Properties"]
    assert "SecurityGroupIngress" not in guard
    assert [one["CidrIp"] for one in guard["SecurityGroupEgress"]] == ["255.255.255.255/32"]


def test_idle_it_costs_its_secret(template):
    usd = sum(
        idle(one["Type"], one.get("Properties", {}), {}).usd
        for name, one in template.items()
        if name.startswith("Gone")
    )
    assert usd == SECRET.usd


def test_both_packs_of_cdk_nag_find_nothing(stack, template):
    assert template
    for pack in (AwsSolutionsChecks(), ServerlessChecks()):
        assert [one.rule_name for one in pack.validate_scope(stack).violations] == []


def test_it_takes_a_network_of_yours(new_stack):
    made = new_stack()
    vpc = aws_ec2.Vpc.from_vpc_attributes(
        made, "Vpc", vpc_id="vpc-1", availability_zones=["a", "b"], isolated_subnet_ids=["s1", "s2"]
    )
    aurora(made, "Store", {"i1": 3}, Aurora(), key=None, removal_policy=RemovalPolicy.DESTROY, vpc=vpc)
    template = resources(made)
    assert of(template, "AWS::RDS::DBSubnetGroup", "Store")["Properties"]["SubnetIds"] == ["s1", "s2"]
    assert of(template, "AWS::EC2::SecurityGroup", "Store")["Properties"]["VpcId"] == "vpc-1"
    assert "AWS::EC2::VPC" not in [one["Type"] for one in template.values()]
