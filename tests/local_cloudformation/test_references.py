"""Order, cycles, conditions, rules: whether a template hangs together."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.doors.cloudformation.intrinsics import Resolver, Scope
from serverless_ai_local.doors.cloudformation.references import Plan, plan
from serverless_ai_local.doors.cloudformation.template import parse
from serverless_ai_local.doors.cloudformation.text import TemplateError
from serverless_ai_local.graph import CycleError, creation_order


def planned(resources: dict[str, Any], parameters: dict[str, Any] | None = None, **sections: Any) -> Plan:
    declared = {name: {"Type": "T", **entry} for name, entry in resources.items()}
    template = parse(json.dumps({"Resources": declared, **sections}), {"T"})
    scope = Scope(
        template=template, parameters=parameters or {}, pseudo={"AWS::Region": "us-east-1"}, made={}
    )
    return plan(Resolver(scope))


def order(found: Plan) -> list[str]:
    return [declaration.name for declaration in found.order]


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "B"},
        {"Fn::GetAtt": ["B", "Arn"]},
        {"Fn::GetAtt": "B.Arn"},
        {"Fn::Sub": "x${B}"},
        {"Fn::Sub": "x${B.Arn}"},
        {"Fn::Sub": ["${V}", {"V": {"Ref": "B"}}]},
        {"Fn::Join": ["", ["a", {"Ref": "B"}]]},
        [{"deep": {"deeper": {"Fn::Select": [0, [{"Fn::GetAtt": ["B", "X"]}]]}}}],
    ],
)
def test_a_reference_puts_its_target_first(value: Any) -> None:
    found = planned({"A": {"Properties": {"p": value}}, "B": {}})
    assert order(found) == ["B", "A"]
    assert found.dependencies == {"A": ("B",), "B": ()}


def test_depends_on_counts_like_a_reference() -> None:
    assert order(planned({"A": {"DependsOn": "C"}, "B": {"DependsOn": ["A", "C"]}, "C": {}})) == [
        "C",
        "A",
        "B",
    ]


def test_a_name_that_sub_brings_itself_is_no_reference() -> None:
    assert (
        planned({"A": {"Properties": {"p": {"Fn::Sub": ["${B}", {"B": "x"}]}}}, "B": {}}).dependencies["A"]
        == ()
    )


def test_only_the_branch_that_is_taken_counts() -> None:
    choice = {"Fn::If": ["Use", {"Ref": "B"}, "none"]}
    resources = {"A": {"Properties": {"p": choice}}, "B": {"Condition": "Use"}}
    yes = planned(resources, Conditions={"Use": {"Fn::Equals": ["1", "1"]}})
    no = planned(resources, Conditions={"Use": {"Fn::Equals": ["1", "2"]}})
    assert order(yes) == ["B", "A"]
    assert order(no) == ["A"]


def test_a_reference_to_a_resource_that_a_condition_leaves_out_is_an_error() -> None:
    with pytest.raises(
        TemplateError, match=r"Unresolved resource dependencies \[B\].*Resources.A.Properties.p.Ref"
    ):
        planned(
            {"A": {"Properties": {"p": {"Ref": "B"}}}, "B": {"Condition": "Use"}},
            Conditions={"Use": {"Fn::Equals": ["1", "2"]}},
        )


def test_depends_on_a_resource_that_a_condition_leaves_out_is_ignored() -> None:
    found = planned(
        {"A": {"DependsOn": "B"}, "B": {"Condition": "Use"}}, Conditions={"Use": {"Fn::Equals": ["1", "2"]}}
    )
    assert found.dependencies == {"A": ()}


@pytest.mark.parametrize(
    ("resources", "sections", "complaint"),
    [
        ({"A": {"Properties": {"p": {"Ref": "Nope"}}}}, {}, r"\[Nope\].*Resources.A.Properties.p.Ref"),
        ({"A": {"Properties": {"p": {"Ref": "AWS::Nope"}}}}, {}, "unknown pseudo parameter 'AWS::Nope'"),
        ({"A": {"Properties": {"p": {"Fn::GetAtt": "Nope.Arn"}}}}, {}, r"\[Nope\]"),
        ({"A": {"Properties": {"p": {"Fn::Sub": "${Nope.Arn}"}}}}, {}, r"\[Nope\]"),
        ({"A": {"DependsOn": "Nope"}}, {}, r"\[Nope\].*Resources.A.DependsOn"),
        ({"A": {"Condition": "Nope"}}, {}, "undefined condition 'Nope'"),
        ({"A": {}}, {"Outputs": {"O": {"Value": {"Ref": "Nope"}}}}, r"\[Nope\].*Outputs.O.Value.Ref"),
        ({"A": {"Properties": {"p": {"Fn::Nope": 1}}}}, {}, "Fn::Nope at Resources.A.Properties.p"),
        ({"A": {}}, {"Rules": {"R": {"Colour": 1}}}, "unknown attribute of Rules.R: Colour"),
    ],
)
def test_what_does_not_exist_is_named(
    resources: dict[str, Any], sections: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(TemplateError, match=complaint):
        planned(resources, **sections)


def test_resources_in_a_circle_are_named() -> None:
    with pytest.raises(TemplateError, match=r"Circular dependency between resources: \[.*A.*\]") as caught:
        planned(
            {
                "A": {"Properties": {"p": {"Ref": "B"}}},
                "B": {"DependsOn": "C"},
                "C": {"Properties": {"p": {"Fn::Sub": "${A}"}}},
                "D": {},
            }
        )
    assert "D" not in str(caught.value).split("[")[1]


def test_a_resource_that_refers_to_itself_is_a_circle() -> None:
    with pytest.raises(TemplateError, match="Circular dependency"):
        planned({"A": {"Properties": {"p": {"Ref": "A"}}}})


def test_conditions_in_a_circle_are_named() -> None:
    with pytest.raises(TemplateError, match=r"Circular dependency between conditions: \[.*X.*\]"):
        planned(
            {"A": {}},
            Conditions={"X": {"Fn::Not": [{"Condition": "Y"}]}, "Y": {"Fn::Not": [{"Condition": "X"}]}},
        )


def test_a_rule_that_does_not_hold_stops_with_its_description() -> None:
    rule = {
        "Assertions": [
            {
                "Assert": {"Fn::Not": [{"Fn::Contains": [["1", "2"], {"Ref": "Version"}]}]},
                "AssertDescription": "too old",
            }
        ]
    }
    planned({"A": {}}, {"Version": "6"}, Rules={"CheckVersion": rule})
    with pytest.raises(TemplateError, match="rule CheckVersion: too old"):
        planned({"A": {}}, {"Version": "2"}, Rules={"CheckVersion": rule})
    unless = {"RuleCondition": {"Fn::Equals": [{"Ref": "Version"}, "3"]}, **rule}
    planned({"A": {}}, {"Version": "2"}, Rules={"CheckVersion": unless})


@given(st.dictionaries(st.integers(0, 12), st.sets(st.integers(0, 12), max_size=4), max_size=13))
def test_order_puts_dependencies_first_or_shows_a_circle(graph: dict[int, set[int]]) -> None:
    names = {str(key): [str(value) for value in values] for key, values in graph.items()}
    try:
        found = creation_order(names)
    except CycleError as error:
        pairs = list(zip(error.names, error.names[1:], strict=False))
        assert pairs
        assert all(a in names.get(b, []) or b in names.get(a, []) for a, b in pairs)
        return
    assert len(found) == len(set(found))
    for name, needs in names.items():
        assert all(found.index(need) < found.index(name) for need in needs)
