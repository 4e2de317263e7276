"""The life of a stack: made in order, changed, rolled back from every position, deleted."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

CHAIN = {
    "A": {},
    "B": {"Properties": {"Of": {"Ref": "A"}}},
    "C": {"Properties": {"Of": {"Fn::GetAtt": ["B", "Arn"]}}},
    "D": {"DependsOn": "C"},
}


def sized(size: int | None = None, fixed: str | None = None, **more: Any) -> dict[str, Any]:
    properties = {"Size": size, "Fixed": fixed}
    return {"Properties": {key: value for key, value in properties.items() if value is not None}, **more}


def sizes(door: Any) -> dict[str, Any]:
    """Logical name -> size of what exists."""
    return {physical_id.split("-")[1]: thing.get("Size") for physical_id, thing in door.world.things.items()}


def test_resources_are_made_in_order_with_what_they_refer_to(door: Any) -> None:
    stack = door.create(CHAIN, sections={"Outputs": {"Last": {"Value": {"Ref": "C"}, "Description": "d"}}})
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert [name for verb, name in door.world.log] == ["A", "B", "C", "D"]
    assert door.world.things["S-C-3"]["Of"] == "arn:S-B-2"
    assert stack["Outputs"] == [{"OutputKey": "Last", "OutputValue": "S-C-3", "Description": "d"}]
    events = door.events()
    assert events[0] == ("S", "CREATE_IN_PROGRESS")
    assert events[1:3] == [("A", "CREATE_IN_PROGRESS"), ("A", "CREATE_COMPLETE")]
    assert events[-1] == ("S", "CREATE_COMPLETE")


def test_events_have_strictly_growing_times_and_unique_ids(door: Any) -> None:
    door.create(CHAIN)
    found = door.api.describe_stack_events(StackName="S")["StackEvents"]
    times = [event["Timestamp"] for event in reversed(found)]
    assert all(earlier < later for earlier, later in itertools.pairwise(times))
    assert len({event["EventId"] for event in found}) == len(found)


@pytest.mark.parametrize("failing", ["A", "B", "C", "D"])
def test_a_creation_that_fails_leaves_nothing_and_says_why(door: Any, failing: str) -> None:
    door.world.failing.add(("create", failing))
    stack = door.create(CHAIN)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert door.world.things == {}
    assert (failing, "CREATE_FAILED") in door.events()
    assert f"{failing} cannot create" in door.reasons()
    assert (
        f"The following resource(s) failed to create: [{failing}]. Rollback requested by user."
        in door.reasons()
    )
    created = [name for verb, name in door.world.log if verb == "create" and name != failing]
    assert [name for verb, name in door.world.log if verb == "delete"] == created[::-1]
    assert door.api.list_stack_resources(StackName="S")["StackResourceSummaries"] == []
    assert door.delete() == "DELETE_COMPLETE"


def test_a_defect_of_a_provider_ends_in_a_rollback(door: Any) -> None:
    stack = door.create({"A": {}, "X": {"Type": "Test::Broken", "DependsOn": "A"}})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any("Internal failure of the local Test::Broken: KeyError" in reason for reason in door.reasons())
    assert door.world.things == {}


def test_a_rollback_that_fails_says_what_is_left(door: Any) -> None:
    door.world.failing |= {("create", "C"), ("delete", "A")}
    stack = door.create(CHAIN)
    assert stack["StackStatus"] == "ROLLBACK_FAILED"
    assert "[A]" in stack["StackStatusReason"]
    assert [*sizes(door)] == ["A"]
    door.world.failing.clear()
    assert door.delete() == "DELETE_COMPLETE"
    assert door.world.things == {}


def test_a_failed_creation_can_be_left_as_it_is_and_continued(door: Any) -> None:
    door.world.failing.add(("create", "C"))
    assert door.create(CHAIN, DisableRollback=True)["StackStatus"] == "CREATE_FAILED"
    assert [*sizes(door)] == ["A", "B"]
    door.world.failing.clear()
    with pytest.raises(ClientError, match="CREATE_FAILED state and can not be updated"):
        door.update(CHAIN)
    assert door.update(CHAIN, DisableRollback=True)["StackStatus"] == "UPDATE_COMPLETE"
    assert [*sizes(door)] == ["A", "B", "C", "D"]


def test_a_failed_creation_can_delete_its_stack(door: Any) -> None:
    door.world.failing.add(("create", "B"))
    door.api.create_stack(
        StackName="S", TemplateBody=str(template_of(CHAIN)), OnFailure="DELETE", ClientRequestToken="t"
    )
    deadline = time.monotonic() + 10
    while door.api.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"] == []:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert door.world.things == {}
    with pytest.raises(ClientError, match="Stack with id S does not exist"):
        door.stack()


def template_of(resources: dict[str, Any]) -> str:
    declared = {name: {"Type": "Test::Thing", **entry} for name, entry in resources.items()}
    return json.dumps({"Resources": declared})


def test_an_update_adds_changes_and_removes(door: Any) -> None:
    door.create({"A": sized(1), "B": sized(1), "C": sized(1)})
    stack = door.update({"A": sized(1), "B": sized(2), "D": sized(4)})
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert sizes(door) == {"A": 1, "B": 2, "D": 4}
    assert ("update", "1") not in door.world.log
    events = door.events()
    cleanup = events.index(("S", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))
    assert cleanup < events.index(("C", "DELETE_COMPLETE"))


def test_a_replaced_resource_is_made_before_the_old_one_goes(door: Any) -> None:
    door.create({"A": sized(fixed="x"), "B": {"Properties": {"Of": {"Ref": "A"}}}})
    door.world.log.clear()
    door.update({"A": sized(fixed="y"), "B": {"Properties": {"Of": {"Ref": "A"}}}})
    assert [verb for verb, _ in door.world.log] == ["create", "update", "delete"]
    assert door.world.things["S-B-2"]["Of"] == "S-A-3"
    assert [*door.world.things] == ["S-B-2", "S-A-3"]


def test_what_did_not_change_is_not_touched(door: Any) -> None:
    door.create(CHAIN)
    door.world.log.clear()
    door.update({**CHAIN, "E": {}})
    assert door.world.log == [("create", "E")]


def test_metadata_alone_changes_no_resource(door: Any) -> None:
    door.create({"A": {}})
    door.world.log.clear()
    door.update({"A": {"Metadata": {"path": "x"}}})
    detail = door.api.describe_stack_resource(StackName="S", LogicalResourceId="A")["StackResourceDetail"]
    assert detail["Metadata"] == '{"path": "x"}'
    assert door.world.log == []


def test_an_attribute_that_changes_reaches_what_refers_to_it(door: Any) -> None:
    resources = {"A": sized(1), "B": {"Properties": {"Of": {"Fn::GetAtt": ["A", "Size"]}}}}
    door.create(resources)
    door.update({**resources, "A": sized(2)})
    assert door.world.things["S-B-2"]["Of"] == 2


@pytest.mark.parametrize("failing", [("create", "New"), ("create", "Late"), ("update", "9")])
def test_a_failed_update_leaves_everything_as_it_was(door: Any, failing: tuple[str, str]) -> None:
    before = {
        "Kept": sized(1),
        "Changed": sized(2),
        "Replaced": sized(3, fixed="x"),
        "Removed": sized(4),
        "User": {"Properties": {"Of": {"Ref": "Replaced"}}},
    }
    after = {
        "Kept": sized(1, Metadata={"m": 1}),
        "Changed": sized(20),
        "Replaced": sized(3, fixed="y"),
        "User": {"Properties": {"Of": {"Ref": "Replaced"}}},
        "New": {"DependsOn": ["Changed", "Replaced", "User"]},
        "Breaks": {"DependsOn": "New"},
        "Late": {"DependsOn": "Breaks"},
    }
    if failing == ("update", "9"):
        before["Breaks"], after["Breaks"] = sized(8), sized(9, DependsOn="New")
    door.create(before)
    things = {key: dict(value) for key, value in door.world.things.items()}
    described = door.api.describe_stack_resources(StackName="S")["StackResources"]
    door.world.failing.add(failing)
    stack = door.update(after)
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert door.world.things == things
    now = door.api.describe_stack_resources(StackName="S")["StackResources"]

    def known(resources: list[dict[str, Any]]) -> dict[str, str]:
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}

    assert known(now) == known(described)
    assert any("cannot" in reason for reason in door.reasons())
    door.world.failing.clear()
    with pytest.raises(ClientError, match="No updates are to be performed"):
        door.update(before)
    assert door.update(after)["StackStatus"] == "UPDATE_COMPLETE"


def test_a_rollback_of_an_update_that_fails_says_so(door: Any) -> None:
    door.create({"A": sized(1)})
    door.world.failing |= {("create", "B"), ("update", "1")}
    stack = door.update({"A": sized(2), "B": {"DependsOn": "A"}})
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    assert "[A]" in stack["StackStatusReason"]


def test_a_failed_update_can_be_left_as_it_is_and_continued(door: Any) -> None:
    door.create({"A": sized(1)})
    door.world.failing.add(("update", "2"))
    assert door.update({"A": sized(2)}, DisableRollback=True)["StackStatus"] == "UPDATE_FAILED"
    assert door.world.things["S-A-1"]["half"] is True
    door.world.failing.clear()
    assert door.update({"A": sized(1)}, DisableRollback=True)["StackStatus"] == "UPDATE_COMPLETE"
    assert "half" not in door.world.things["S-A-1"]


def test_an_old_resource_that_cannot_be_removed_does_not_stop_the_update(door: Any) -> None:
    door.create({"A": {}, "B": {}})
    door.world.failing.add(("delete", "B"))
    stack = door.update({"A": {}, "C": {}})
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert ("B", "DELETE_FAILED") in door.events()
    assert "B" in stack["StackStatusReason"]


def test_deletion_goes_in_reverse_order(door: Any) -> None:
    door.create(CHAIN)
    door.world.log.clear()
    assert door.delete() == "DELETE_COMPLETE"
    assert door.world.log == [("delete", name) for name in ("D", "C", "B", "A")]
    assert door.world.things == {}


def test_a_failed_deletion_keeps_what_the_stuck_resource_needs(door: Any) -> None:
    door.create({**CHAIN, "Free": {}})
    door.world.failing.add(("delete", "C"))
    assert door.delete() == "DELETE_FAILED"
    assert sorted(sizes(door)) == ["A", "B", "C"]
    stack = door.stack()
    assert stack["StackStatusReason"] == "The following resource(s) failed to delete: [C]. "
    assert "C cannot delete" in door.reasons()
    status = door.api.describe_stack_resource(StackName="S", LogicalResourceId="C")["StackResourceDetail"]
    assert status["ResourceStatus"] == "DELETE_FAILED"
    assert door.delete(RetainResources=["C"]) == "DELETE_COMPLETE"
    assert [*sizes(door)] == ["C"]


@pytest.mark.parametrize(
    ("policy", "after_rollback", "after_delete"),
    [("Delete", [], []), ("Retain", ["A"], ["A"]), ("RetainExceptOnCreate", [], ["A"])],
)
def test_deletion_policies(
    door: Any, policy: str, after_rollback: list[str], after_delete: list[str]
) -> None:
    resources = {"A": {"DeletionPolicy": policy}, "B": {"DependsOn": "A"}}
    door.world.failing.add(("create", "B"))
    assert door.create(resources)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert [*sizes(door)] == after_rollback
    door.delete()
    door.world.things.clear()
    door.world.failing.clear()
    door.create(resources)
    assert door.delete() == "DELETE_COMPLETE"
    assert [*sizes(door)] == after_delete


def test_a_removed_or_replaced_resource_can_be_retained(door: Any) -> None:
    door.create({"A": sized(fixed="x"), "B": {"DeletionPolicy": "Retain"}, "C": {}})
    door.update({"A": sized(fixed="y", UpdateReplacePolicy="Retain"), "C": {}})
    assert [*door.world.things] == ["S-A-1", "S-B-2", "S-C-3", "S-A-4"]
    assert ("B", "DELETE_SKIPPED") in door.events()
    assert ("A", "DELETE_SKIPPED") in door.events()


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
    assert sizes(door) == {"A": None}
    assert "Outputs" not in stack or stack["Outputs"] == []
    stack = door.update(
        resources, sections=sections, Parameters=[{"ParameterKey": "Big", "ParameterValue": "yes"}]
    )
    assert sizes(door) == {"A": 9, "B": None}
    assert stack["Outputs"][0]["OutputKey"] == "B"
    door.update(resources, sections=sections, Parameters=[{"ParameterKey": "Big", "ParameterValue": "no"}])
    assert [*sizes(door)] == ["A"]


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
    door.create({"A": sized(fixed="x")}, sections=exporting({"Ref": "A"}))
    assert door.create(importing, "User")["StackStatus"] == "CREATE_COMPLETE"
    assert door.world.things["User-U-2"]["Of"] == "S-A-1"
    assert [e["Name"] for e in door.api.list_exports()["Exports"]] == ["S-id"]
    assert door.api.list_imports(ExportName="S-id")["Imports"] == ["User"]
    with pytest.raises(ClientError, match="S-id cannot be deleted as it is in use by User"):
        door.api.delete_stack(StackName="S")
    changed = door.update({"A": sized(fixed="y")}, sections=exporting({"Ref": "A"}))
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
    door.create(CHAIN)
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
