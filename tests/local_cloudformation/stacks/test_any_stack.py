"""Any graph of resources, any change of it, any step that fails: all of it happens, or none."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

NAMES = "ABCDEF"
resource = st.fixed_dictionaries(
    {"Size": st.integers(1, 3), "Fixed": st.sampled_from("xy")}, optional={"More": st.integers(0, 1)}
)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Resources that refer to earlier ones, by `Ref`, `Fn::GetAtt` or `DependsOn`."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1).map(sorted))
    found: dict[str, Any] = {}
    for name in names:
        properties: dict[str, Any] = dict(draw(resource))
        entry: dict[str, Any] = {"Properties": properties}
        for number, other in enumerate(
            draw(st.lists(st.sampled_from([*found] or [""]), unique=True, max_size=2))
        ):
            how = draw(st.sampled_from(["ref", "att", "on"])) if other else ""
            if how == "ref":
                properties[f"Of{number}"] = {"Fn::Sub": "${" + other + "}!"}
            elif how == "att":
                properties[f"Of{number}"] = {"Fn::GetAtt": [other, "Arn"]}
            elif how == "on":
                entry["DependsOn"] = other
        found[name] = entry
    return found


def outcome(door: Any, resources: dict[str, Any], name: str) -> str:
    """The status after an update, or why there was none."""
    try:
        return door.update(resources, name)["StackStatus"]
    except ClientError as error:
        return error.response["Error"]["Message"]


@given(before=graphs(), after=graphs(), failing=st.sets(st.sampled_from(NAMES), min_size=2))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_update_happens_whole_or_not_at_all(
    door: Any, before: dict[str, Any], after: dict[str, Any], failing: set[str]
) -> None:
    world, name = door.world, f"S{len(door.world.log)}"
    world.things.clear()
    world.failing.clear()
    door.create(before, name)
    was = {name: dict(thing) for name, thing in world.things.items()}
    world.failing.update(("create", each) for each in failing)
    status = outcome(door, after, name)
    event(status)
    world.failing.clear()
    if status in {"UPDATE_COMPLETE", "No updates are to be performed."}:
        assert sorted(name.split("-")[1] for name in world.things) == sorted(after)
        for physical_id, thing in world.things.items():
            wanted = after[physical_id.split("-")[1]]["Properties"]
            assert {key: thing[key] for key in ("Size", "Fixed")} == {
                key: wanted[key] for key in ("Size", "Fixed")
            }
            for key, value in thing.items():
                if key.startswith("Of"):
                    assert value.removeprefix("arn:").removesuffix("!") in world.things
    else:
        assert status == "UPDATE_ROLLBACK_COMPLETE"
        assert world.things == was
        with pytest.raises(ClientError, match="No updates"):
            door.update(before, name)
    assert door.delete(name) == "DELETE_COMPLETE"
    assert world.things == {}
