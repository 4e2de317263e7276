"""What reaches resources and outputs: conditions, pseudo parameters, tags, exports, dynamic references."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def test_conditions_choose_resources_and_outputs(door: Any) -> None:
    sections = {
        "Parameters": {"Big": {"Type": "String", "Default": "no"}},
        "Conditions": {"IsBig": {"Fn::Equals": [{"Ref": "Big"}, "yes"]}},
        "Outputs": {"B": {"Condition": "IsBig", "Value": {"Ref": "B"}}},
    }
    resources = {
        "A": {"Properties": {"Size": {"Fn::If": ["IsBig", 9, {"Ref": "AWS::NoValue"}]}}},
        "B": {"Condition": "IsBig"},
    }
    stack = door.create(resources, sections=sections)
    assert door.sizes() == {"A": None}
    assert "Outputs" not in stack or stack["Outputs"] == []
    stack = door.update(
        resources, sections=sections, Parameters=[{"ParameterKey": "Big", "ParameterValue": "yes"}]
    )
    assert door.sizes() == {"A": 9, "B": None}
    assert stack["Outputs"][0]["OutputKey"] == "B"
    door.update(resources, sections=sections, Parameters=[{"ParameterKey": "Big", "ParameterValue": "no"}])
    assert [*door.sizes()] == ["A"]


def test_pseudo_parameters(door: Any) -> None:
    names = ["AWS::AccountId", "AWS::Region", "AWS::Partition", "AWS::StackName", "AWS::URLSuffix"]
    stack = door.create(
        {"A": {"Properties": {"All": [{"Ref": name} for name in names], "Id": {"Ref": "AWS::StackId"}}}}
    )
    thing = door.world.things["S-A-1"]
    assert thing["All"] == ["123456789012", "us-east-1", "aws", "S", "amazonaws.com"]
    assert thing["Id"] == stack["StackId"]


def test_tags_of_the_stack_reach_resources_and_change_with_it(door: Any) -> None:
    door.create({"A": {}}, Tags=[{"Key": "team", "Value": "x"}])
    tags = door.world.things["S-A-1"]["tags"]
    assert tags["team"] == "x"
    assert tags["aws:cloudformation:stack-name"] == "S"
    assert tags["aws:cloudformation:logical-id"] == "A"
    door.update({"A": {}}, Tags=[{"Key": "team", "Value": "y"}])
    assert door.world.things["S-A-1"]["tags"]["team"] == "y"
    with pytest.raises(ClientError, match="No updates"):
        door.update({"A": {}})


def test_an_output_that_cannot_be_resolved_rolls_back(door: Any) -> None:
    stack = door.create({"A": {}}, sections={"Outputs": {"O": {"Value": {"Fn::GetAtt": ["A", "Nope"]}}}})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any(
        "Test::Thing has no attribute Nope on the local cloud; it has: Arn, Size" in r for r in door.reasons()
    )
    assert door.world.things == {}


def test_an_attribute_that_does_not_exist_fails_the_resource_that_wants_it(door: Any) -> None:
    stack = door.create({"A": {}, "B": {"Properties": {"Of": {"Fn::GetAtt": ["A", "Nope"]}}}})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert ("B", "CREATE_FAILED") in door.events()


def test_exports_are_imported_and_protected(door: Any) -> None:
    def exporting(value: Any) -> dict[str, Any]:
        return {"Outputs": {"O": {"Value": value, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-id"}}}}}

    importing = {"U": {"Properties": {"Of": {"Fn::ImportValue": "S-id"}}}}
    door.create({"A": door.sized(fixed="x")}, sections=exporting({"Ref": "A"}))
    assert door.create(importing, "User")["StackStatus"] == "CREATE_COMPLETE"
    assert door.world.things["User-U-2"]["Of"] == "S-A-1"
    assert [e["Name"] for e in door.api.list_exports()["Exports"]] == ["S-id"]
    assert door.api.list_imports(ExportName="S-id")["Imports"] == ["User"]
    with pytest.raises(ClientError, match="S-id cannot be deleted as it is in use by User"):
        door.api.delete_stack(StackName="S")
    changed = door.update({"A": door.sized(fixed="y")}, sections=exporting({"Ref": "A"}))
    assert changed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert any("Export S-id cannot be changed as it is in use by User" in reason for reason in door.reasons())
    assert "S-A-1" in door.world.things
    clash = door.create(
        {"B": {}}, "T", sections={"Outputs": {"O": {"Value": "v", "Export": {"Name": "S-id"}}}}
    )
    assert clash["StackStatus"] == "ROLLBACK_COMPLETE"
    door.delete("User")
    assert door.delete("S") == "DELETE_COMPLETE"
    assert door.api.list_exports()["Exports"] == []


def test_an_export_that_does_not_exist_is_named_at_once(door: Any) -> None:
    with pytest.raises(ClientError, match="No export named nope found"):
        door.create({"A": {"Properties": {"Of": {"Fn::ImportValue": "nope"}}}})


def test_a_stack_shows_its_graph(door: Any) -> None:
    door.create(door.CHAIN)
    graph = {resource.name: resource for resource in door.door.graph("S")}
    assert [*graph] == ["A", "B", "C", "D"]
    assert graph["C"].properties == {"Of": "arn:S-B-2"}
    assert graph["C"].physical_id == "S-C-3"
    assert graph["D"].depends_on == ("C",)
    assert door.door.stack_names() == ["S"]
    with pytest.raises(KeyError):
        door.door.graph("Nope")


def test_dynamic_references_are_read_but_not_kept(door: Any, services: Any) -> None:
    services.client("ssm").put_parameter(Name="/door/plain", Value="from-ssm", Type="String", Overwrite=True)
    secrets = services.client("secretsmanager")
    arn = secrets.create_secret(Name="door-secret", SecretString='{"user": "u", "n": 1}')["ARN"]
    door.create(
        {
            "A": {
                "Properties": {
                    "Plain": "x-{{resolve:ssm:/door/plain}}-y",
                    "User": "{{resolve:secretsmanager:door-secret:SecretString:user}}",
                    "Whole": {"Fn::Sub": "{{resolve:secretsmanager:" + arn + "}}"},
                }
            }
        }
    )
    thing = door.world.things["S-A-1"]
    assert (thing["Plain"], thing["User"]) == ("x-from-ssm-y", "u")
    assert thing["Whole"] == '{"user": "u", "n": 1}'
    assert door.door.graph("S")[0].properties["User"].startswith("{{resolve:")
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("{{resolve:ssm:/door/missing}}", "/door/missing"),
        ("{{resolve:vault:x}}", "{{resolve:vault:...}} is unknown; known: ssm, ssm-secure, secretsmanager"),
        ("{{resolve:secretsmanager:nope:SecretBinary}}", "only SecretString can be read"),
    ],
)
def test_a_dynamic_reference_that_cannot_be_read_fails_its_resource(
    door: Any, reference: str, complaint: str
) -> None:
    assert door.create({"A": {"Properties": {"P": reference}}})["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any(complaint in reason for reason in door.reasons())
