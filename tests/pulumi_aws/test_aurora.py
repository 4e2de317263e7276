"""The Aurora block: what it makes, what it grants, and what it does not."""

from __future__ import annotations

import json

import pulumi
from recorder import Cloud, deployer

from serverless_ai_patterns.rag.stores import Aurora
from serverless_ai_pulumi.aws._aurora import aurora
from serverless_ai_pulumi.aws._function import VpcPlacement

CLUSTER = "arn:aws:rds:eu-west-1:1:cluster:c"
SECRET = "arn:aws:secretsmanager:eu-west-1:1:secret:rds!cluster"
CLOUD = Cloud(
    project="p",
    computed={
        "aws:rds/cluster:Cluster": {
            "arn": lambda name: CLUSTER,
            "masterUserSecrets": lambda name: [{"secretArn": SECRET}],
        }
    },
    invokes={"aws:index/getAvailabilityZones:getAvailabilityZones": {"names": ["eu-west-1a", "eu-west-1b"]}},
)


def made(**given):
    def program() -> None:
        store = aurora("store", {"i1": 3, "i2": 4}, Aurora(max_acu=4), opts=pulumi.ResourceOptions(), **given)
        pulumi.export("places", store.places)
        for name, statements in (("read", store.read), ("write", store.write)):
            pulumi.export(name, statements.apply(lambda all_: [one.to_json() for one in all_]))

    return deployer(CLOUD)(program)


def test_a_cluster_that_pauses_in_a_network_without_a_way_out():
    recording = made(key_arn=None, protect=False)
    cluster = recording.one("Cluster").inputs
    assert cluster["serverlessv2ScalingConfiguration"] == {
        "minCapacity": 0,
        "maxCapacity": 4,
        "secondsUntilAutoPause": 300,
    }
    assert (cluster["enableHttpEndpoint"], cluster["storageEncrypted"]) == (True, True)
    assert (cluster["deletionProtection"], cluster["skipFinalSnapshot"]) == (False, True)
    assert "masterPassword" not in cluster
    zones = [one.inputs["availabilityZone"] for one in recording.all("Subnet")]
    assert zones == ["eu-west-1a", "eu-west-1b"]
    assert "ingress" not in recording.one("SecurityGroup").inputs
    places = recording.exports["places"]
    assert json.loads(places["i1"]) == {"cluster": CLUSTER, "secret": SECRET, "database": "rag"}
    assert places["i1"] == places["i2"]
    for name in ("read", "write"):
        granted = {one["Action"][0]: one["Resource"] for one in recording.exports[name]}
        assert granted == {
            "rds-data:ExecuteStatement": [CLUSTER],
            "secretsmanager:GetSecretValue": [SECRET],
        }


def test_own_key_own_subnets_and_protection():
    vpc = VpcPlacement(subnet_ids=["s1", "s2"], security_group_ids=["g"])
    recording = made(key_arn="arn:aws:kms:eu-west-1:1:key/k", protect=True, vpc=vpc)
    cluster = recording.one("Cluster").inputs
    assert cluster["kmsKeyId"] == cluster["masterUserSecretKmsKeyId"] == "arn:aws:kms:eu-west-1:1:key/k"
    assert (cluster["deletionProtection"], cluster["skipFinalSnapshot"]) == (True, False)
    assert cluster["vpcSecurityGroupIds"] == ["g"]
    assert recording.one("SubnetGroup").inputs["subnetIds"] == ["s1", "s2"]
    assert not recording.all("Vpc")
