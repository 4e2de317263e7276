"""Change sets: what they announce, and that executing one happens exactly once."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError


def changes(change_set: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"] for c in change_set["Changes"]}


def test_a_first_change_set_makes_a_stack_to_review(door: Any) -> None:
    made = door.change_set({"A": {"Properties": {"Size": 1}}}, "CREATE", Description="first")
    assert (made["Status"], made["ExecutionStatus"], made["Description"]) == (
        "CREATE_COMPLETE",
        "AVAILABLE",
        "first",
    )
    assert door.stack()["StackStatus"] == "REVIEW_IN_PROGRESS"
    added = changes(made)["A"]
    assert (added["Action"], added["ResourceType"]) == ("Add", "Test::Thing")
    assert json.loads(added["AfterContext"]) == {"Properties": {"Size": 1}}
    assert door.world.log == []


def test_executing_makes_what_was_announced(door: Any) -> None:
    door.change_set({"A": {}}, "CREATE")
    door.api.execute_change_set(StackName="S", ChangeSetName="changes")
    assert door.settled()["StackStatus"] == "CREATE_COMPLETE"
    assert door.world.log == [("create", "A")]
    done = door.api.describe_change_set(StackName="S", ChangeSetName="changes")
    assert done["ExecutionStatus"] == "EXECUTE_COMPLETE"


def test_changes_are_the_real_ones(door: Any) -> None:
    door.create(
        {
            "Same": {},
            "Changed": {"Properties": {"Size": 1, "Gone": True}},
            "Replaced": {"Properties": {"Fixed": "x", "Size": 1}},
            "User": {"Properties": {"Of": {"Ref": "Replaced"}, "Size": 1}},
            "Removed": {},
            "Left": {"DeletionPolicy": "Retain"},
        }
    )
    found = changes(
        door.change_set(
            {
                "Same": {},
                "Changed": {"Properties": {"Size": 2}},
                "Replaced": {"Properties": {"Fixed": "y", "Size": 2}},
                "User": {"Properties": {"Of": {"Ref": "Replaced"}, "Size": 1}},
                "New": {},
            }
        )
    )
    assert set(found) == {"Changed", "Replaced", "User", "New", "Removed", "Left"}
    assert found["Changed"]["Replacement"] == "False"
    details = {d["Target"]["Name"]: d["Target"] for d in found["Changed"]["Details"]}
    assert (details["Size"]["BeforeValue"], details["Size"]["AfterValue"]) == ("1", "2")
    assert details["Gone"]["AttributeChangeType"] == "Remove"
    assert (found["Replaced"]["Replacement"], found["Replaced"]["PolicyAction"]) == (
        "True",
        "ReplaceAndDelete",
    )
    recreation = {
        d["Target"]["Name"]: d["Target"]["RequiresRecreation"] for d in found["Replaced"]["Details"]
    }
    assert recreation == {"Fixed": "Always", "Size": "Never"}
    (of,) = found["User"]["Details"]
    assert (of["Target"]["Name"], of["Evaluation"]) == ("Of", "Dynamic")
    assert "KNOWN_AFTER_APPLY" in found["User"]["AfterContext"]
    assert (found["Removed"]["Action"], found["Removed"]["PolicyAction"]) == ("Remove", "Delete")
    assert found["Left"]["PolicyAction"] == "Retain"


def test_values_are_only_shown_when_asked_for(door: Any) -> None:
    door.create({"A": {"Properties": {"Size": 1}}})
    door.change_set({"A": {"Properties": {"Size": 2}}})
    plain = door.api.describe_change_set(StackName="S", ChangeSetName="changes")
    change = changes(plain)["A"]
    assert "BeforeContext" not in change
    assert "BeforeValue" not in change["Details"][0]["Target"]


def test_no_change_is_a_failed_change_set_that_says_so(door: Any) -> None:
    door.create({"A": {}})
    same = door.change_set({"A": {}})
    assert (same["Status"], same["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert same["StatusReason"].startswith("The submitted information didn't contain changes.")
    with pytest.raises(ClientError) as caught:
        door.api.execute_change_set(StackName="S", ChangeSetName="changes")
    assert caught.value.response["Error"]["Code"] == "InvalidChangeSetStatus"


def test_a_changed_output_alone_is_a_change(door: Any) -> None:
    door.create({"A": {}})
    outputs = {"Outputs": {"O": {"Value": {"Ref": "A"}}}}
    made = door.change_set({"A": {}}, sections=outputs)
    assert (made["Status"], made["Changes"]) == ("CREATE_COMPLETE", [])
    door.api.execute_change_set(StackName="S", ChangeSetName="changes")
    assert door.settled()["Outputs"][0]["OutputValue"] == "S-A-1"


def test_executing_again_with_the_same_token_is_the_same_answer(door: Any) -> None:
    door.change_set({"A": {}, "B": {"Type": "Test::Slow"}}, "CREATE")
    given = {"StackName": "S", "ChangeSetName": "changes", "ClientRequestToken": "exec-1"}
    answers: list[int] = []

    def execute() -> None:
        answers.append(door.api.execute_change_set(**given)["ResponseMetadata"]["HTTPStatusCode"])

    first = threading.Thread(target=execute)
    first.start()
    while ("create", "A") not in door.world.log:
        pass
    execute()
    execute()
    door.world.gate.set()
    first.join()
    assert answers == [200, 200, 200]
    assert door.settled()["StackStatus"] == "CREATE_COMPLETE"
    execute()
    assert door.world.log == [("create", "A"), ("create", "B")]


@pytest.mark.parametrize("again", [{}, {"ClientRequestToken": "other"}])
def test_executing_again_otherwise_is_refused(door: Any, again: dict[str, str]) -> None:
    door.change_set({"A": {}}, "CREATE")
    door.api.execute_change_set(StackName="S", ChangeSetName="changes", ClientRequestToken="exec-1")
    with pytest.raises(ClientError, match="cannot be executed in its current status of") as caught:
        door.api.execute_change_set(StackName="S", ChangeSetName="changes", **again)
    assert caught.value.response["Error"]["Code"] == "InvalidChangeSetStatus"
    assert door.world.log == [("create", "A")]


def test_a_failed_execution_can_not_be_repeated_into_a_success(door: Any) -> None:
    door.change_set({"A": {}, "B": {"DependsOn": "A"}}, "CREATE")
    door.world.failing.add(("create", "B"))
    given = {"StackName": "S", "ChangeSetName": "changes", "ClientRequestToken": "exec-1"}
    door.api.execute_change_set(**given)
    assert door.settled()["StackStatus"] == "ROLLBACK_COMPLETE"
    door.world.failing.clear()
    door.api.execute_change_set(**given)
    assert door.settled()["StackStatus"] == "ROLLBACK_COMPLETE"
    assert door.world.things == {}


def test_executing_one_makes_the_others_obsolete(door: Any) -> None:
    door.create({"A": {}})
    door.change_set({"A": {}, "B": {}}, name="one")
    door.change_set({"A": {}, "C": {}}, name="two")
    door.api.execute_change_set(StackName="S", ChangeSetName="one")
    door.settled()
    with pytest.raises(ClientError, match="OBSOLETE"):
        door.api.execute_change_set(StackName="S", ChangeSetName="two")
    listed = door.api.list_change_sets(StackName="S")["Summaries"]
    assert {each["ChangeSetName"]: each["ExecutionStatus"] for each in listed} == {
        "one": "EXECUTE_COMPLETE",
        "two": "OBSOLETE",
    }


def test_a_name_is_free_again_after_execution_but_not_before(door: Any) -> None:
    door.change_set({"A": {}}, "CREATE", ClientToken="t1")
    with pytest.raises(ClientError) as caught:
        door.change_set({"A": {}}, "CREATE", ClientToken="t2")
    assert caught.value.response["Error"]["Code"] == "AlreadyExistsException"
    again = door.change_set({"A": {}}, "CREATE", ClientToken="t1")
    assert len(door.api.list_change_sets(StackName="S")["Summaries"]) == 1
    door.api.execute_change_set(StackName="S", ChangeSetName=again["ChangeSetId"])
    door.settled()
    assert door.change_set({"A": {}, "B": {}})["Status"] == "CREATE_COMPLETE"


def test_deleting_is_final_and_harmless(door: Any) -> None:
    made = door.change_set({"A": {}}, "CREATE")
    door.api.delete_change_set(StackName="S", ChangeSetName=made["ChangeSetId"])
    door.api.delete_change_set(StackName="S", ChangeSetName=made["ChangeSetId"])
    door.api.delete_change_set(StackName="S", ChangeSetName="never-was")
    with pytest.raises(ClientError) as caught:
        door.api.describe_change_set(StackName="S", ChangeSetName="changes")
    assert caught.value.response["Error"]["Code"] == "ChangeSetNotFound"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.mark.parametrize(
    ("kind", "prepare", "complaint"),
    [
        ("UPDATE", None, r"Stack \[S\] does not exist"),
        ("CREATE", "create", r"Stack \[S\] already exists and cannot be created again"),
        ("IMPORT", "create", "does not support ChangeSetType IMPORT"),
        ("UPDATE", "review", "REVIEW_IN_PROGRESS state and can not be updated"),
    ],
)
def test_a_change_set_of_the_wrong_kind_is_refused(
    door: Any, kind: str, prepare: str | None, complaint: str
) -> None:
    if prepare == "create":
        door.create({"A": {}})
    if prepare == "review":
        door.change_set({"A": {}}, "CREATE", name="first")
    with pytest.raises(ClientError, match=complaint):
        door.change_set({"A": {}, "B": {}}, kind)


def test_a_bad_template_makes_neither_change_set_nor_stack(door: Any) -> None:
    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[No::Such::Type\]"):
        door.change_set({"A": {"Type": "No::Such::Type"}}, "CREATE")
    with pytest.raises(ClientError, match="Stack with id S does not exist"):
        door.stack()


def test_changing_a_resource_type_is_refused(door: Any) -> None:
    door.create({"A": {}})
    with pytest.raises(ClientError, match=r"Update of resource type is not permitted.*\[A\]"):
        door.change_set({"A": {"Type": "Test::Slow"}})


def test_what_to_do_on_failure_can_be_said_beforehand(door: Any) -> None:
    door.world.failing.add(("create", "B"))
    door.change_set({"A": {}, "B": {"DependsOn": "A"}}, "CREATE", OnStackFailure="DO_NOTHING")
    with pytest.raises(ClientError, match="OnStackFailure"):
        door.api.execute_change_set(StackName="S", ChangeSetName="changes", DisableRollback=True)
    door.api.execute_change_set(StackName="S", ChangeSetName="changes")
    assert door.settled()["StackStatus"] == "CREATE_FAILED"
    assert len(door.world.things) == 1
