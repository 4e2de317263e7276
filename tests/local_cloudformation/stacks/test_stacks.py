"""The life of a stack: made in order, changed, rolled back from every position, deleted."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError


def test_resources_are_made_in_order_with_what_they_refer_to(door: Any) -> None:
    stack = door.create(
        door.CHAIN, sections={"Outputs": {"Last": {"Value": {"Ref": "C"}, "Description": "d"}}}
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert [name for verb, name in door.world.log] == ["A", "B", "C", "D"]
    assert door.world.things["S-C-3"]["Of"] == "arn:S-B-2"
    assert stack["Outputs"] == [{"OutputKey": "Last", "OutputValue": "S-C-3", "Description": "d"}]
    events = door.events()
    assert events[0] == ("S", "CREATE_IN_PROGRESS")
    assert events[1:3] == [("A", "CREATE_IN_PROGRESS"), ("A", "CREATE_COMPLETE")]
    assert events[-1] == ("S", "CREATE_COMPLETE")


def test_events_have_strictly_growing_times_and_unique_ids(door: Any) -> None:
    door.create(door.CHAIN)
    found = door.api.describe_stack_events(StackName="S")["StackEvents"]
    times = [event["Timestamp"] for event in reversed(found)]
    assert all(earlier < later for earlier, later in itertools.pairwise(times))
    assert len({event["EventId"] for event in found}) == len(found)


@pytest.mark.parametrize("failing", ["A", "B", "C", "D"])
def test_a_creation_that_fails_leaves_nothing_and_says_why(door: Any, failing: str) -> None:
    door.world.failing.add(("create", failing))
    stack = door.create(door.CHAIN)
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
    stack = door.create(door.CHAIN)
    assert stack["StackStatus"] == "ROLLBACK_FAILED"
    assert "[A]" in stack["StackStatusReason"]
    assert [*door.sizes()] == ["A"]
    door.world.failing.clear()
    assert door.delete() == "DELETE_COMPLETE"
    assert door.world.things == {}


def test_a_failed_creation_can_be_left_as_it_is_and_continued(door: Any) -> None:
    door.world.failing.add(("create", "C"))
    assert door.create(door.CHAIN, DisableRollback=True)["StackStatus"] == "CREATE_FAILED"
    assert [*door.sizes()] == ["A", "B"]
    door.world.failing.clear()
    with pytest.raises(ClientError, match="CREATE_FAILED state and can not be updated"):
        door.update(door.CHAIN)
    assert door.update(door.CHAIN, DisableRollback=True)["StackStatus"] == "UPDATE_COMPLETE"
    assert [*door.sizes()] == ["A", "B", "C", "D"]


def test_a_failed_creation_can_delete_its_stack(door: Any) -> None:
    door.world.failing.add(("create", "B"))
    door.api.create_stack(
        StackName="S", TemplateBody=door.template(door.CHAIN), OnFailure="DELETE", ClientRequestToken="t"
    )
    deadline = time.monotonic() + 10
    while door.api.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"] == []:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert door.world.things == {}
    with pytest.raises(ClientError, match="Stack with id S does not exist"):
        door.stack()


def test_deletion_goes_in_reverse_order(door: Any) -> None:
    door.create(door.CHAIN)
    door.world.log.clear()
    assert door.delete() == "DELETE_COMPLETE"
    assert door.world.log == [("delete", name) for name in ("D", "C", "B", "A")]
    assert door.world.things == {}


def test_a_failed_deletion_keeps_what_the_stuck_resource_needs(door: Any) -> None:
    door.create({**door.CHAIN, "Free": {}})
    door.world.failing.add(("delete", "C"))
    assert door.delete() == "DELETE_FAILED"
    assert sorted(door.sizes()) == ["A", "B", "C"]
    stack = door.stack()
    assert stack["StackStatusReason"] == "The following resource(s) failed to delete: [C]. "
    assert "C cannot delete" in door.reasons()
    status = door.api.describe_stack_resource(StackName="S", LogicalResourceId="C")["StackResourceDetail"]
    assert status["ResourceStatus"] == "DELETE_FAILED"
    assert door.delete(RetainResources=["C"]) == "DELETE_COMPLETE"
    assert [*door.sizes()] == ["C"]


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
    assert [*door.sizes()] == after_rollback
    door.delete()
    door.world.things.clear()
    door.world.failing.clear()
    door.create(resources)
    assert door.delete() == "DELETE_COMPLETE"
    assert [*door.sizes()] == after_delete


def test_a_removed_or_replaced_resource_can_be_retained(door: Any) -> None:
    door.create({"A": door.sized(fixed="x"), "B": {"DeletionPolicy": "Retain"}, "C": {}})
    door.update({"A": door.sized(fixed="y", UpdateReplacePolicy="Retain"), "C": {}})
    assert [*door.world.things] == ["S-A-1", "S-B-2", "S-C-3", "S-A-4"]
    assert ("B", "DELETE_SKIPPED") in door.events()
    assert ("A", "DELETE_SKIPPED") in door.events()
