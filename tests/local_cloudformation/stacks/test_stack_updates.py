"""Updates: in place, by replacement, and taken back whole when a step fails."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def test_an_update_adds_changes_and_removes(door: Any) -> None:
    door.create({"A": door.sized(1), "B": door.sized(1), "C": door.sized(1)})
    stack = door.update({"A": door.sized(1), "B": door.sized(2), "D": door.sized(4)})
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert door.sizes() == {"A": 1, "B": 2, "D": 4}
    assert ("update", "1") not in door.world.log
    events = door.events()
    cleanup = events.index(("S", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))
    assert cleanup < events.index(("C", "DELETE_COMPLETE"))


def test_a_replaced_resource_is_made_before_the_old_one_goes(door: Any) -> None:
    door.create({"A": door.sized(fixed="x"), "B": {"Properties": {"Of": {"Ref": "A"}}}})
    door.world.log.clear()
    door.update({"A": door.sized(fixed="y"), "B": {"Properties": {"Of": {"Ref": "A"}}}})
    assert [verb for verb, _ in door.world.log] == ["create", "update", "delete"]
    assert door.world.things["S-B-2"]["Of"] == "S-A-3"
    assert [*door.world.things] == ["S-B-2", "S-A-3"]


def test_what_did_not_change_is_not_touched(door: Any) -> None:
    door.create(door.CHAIN)
    door.world.log.clear()
    door.update({**door.CHAIN, "E": {}})
    assert door.world.log == [("create", "E")]


def test_metadata_alone_changes_no_resource(door: Any) -> None:
    door.create({"A": {}})
    door.world.log.clear()
    door.update({"A": {"Metadata": {"path": "x"}}})
    detail = door.api.describe_stack_resource(StackName="S", LogicalResourceId="A")["StackResourceDetail"]
    assert detail["Metadata"] == '{"path": "x"}'
    assert door.world.log == []


def test_an_attribute_that_changes_reaches_what_refers_to_it(door: Any) -> None:
    resources = {"A": door.sized(1), "B": {"Properties": {"Of": {"Fn::GetAtt": ["A", "Size"]}}}}
    door.create(resources)
    door.update({**resources, "A": door.sized(2)})
    assert door.world.things["S-B-2"]["Of"] == 2


@pytest.mark.parametrize("failing", [("create", "New"), ("create", "Late"), ("update", "9")])
def test_a_failed_update_leaves_everything_as_it_was(door: Any, failing: tuple[str, str]) -> None:
    before = {
        "Kept": door.sized(1),
        "Changed": door.sized(2),
        "Replaced": door.sized(3, fixed="x"),
        "Removed": door.sized(4),
        "User": {"Properties": {"Of": {"Ref": "Replaced"}}},
    }
    after = {
        "Kept": door.sized(1, Metadata={"m": 1}),
        "Changed": door.sized(20),
        "Replaced": door.sized(3, fixed="y"),
        "User": {"Properties": {"Of": {"Ref": "Replaced"}}},
        "New": {"DependsOn": ["Changed", "Replaced", "User"]},
        "Breaks": {"DependsOn": "New"},
        "Late": {"DependsOn": "Breaks"},
    }
    if failing == ("update", "9"):
        before["Breaks"], after["Breaks"] = door.sized(8), door.sized(9, DependsOn="New")
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
    door.create({"A": door.sized(1)})
    door.world.failing |= {("create", "B"), ("update", "1")}
    stack = door.update({"A": door.sized(2), "B": {"DependsOn": "A"}})
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    assert "[A]" in stack["StackStatusReason"]


def test_a_failed_update_can_be_left_as_it_is_and_continued(door: Any) -> None:
    door.create({"A": door.sized(1)})
    door.world.failing.add(("update", "2"))
    assert door.update({"A": door.sized(2)}, DisableRollback=True)["StackStatus"] == "UPDATE_FAILED"
    assert door.world.things["S-A-1"]["half"] is True
    door.world.failing.clear()
    assert door.update({"A": door.sized(1)}, DisableRollback=True)["StackStatus"] == "UPDATE_COMPLETE"
    assert "half" not in door.world.things["S-A-1"]


def test_an_old_resource_that_cannot_be_removed_does_not_stop_the_update(door: Any) -> None:
    door.create({"A": {}, "B": {}})
    door.world.failing.add(("delete", "B"))
    stack = door.update({"A": {}, "C": {}})
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert ("B", "DELETE_FAILED") in door.events()
    assert "B" in stack["StackStatusReason"]
