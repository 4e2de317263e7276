"""Intrinsic functions: what they return, for every form of their arguments, and how they fail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.aws.provider import Made
from serverless_ai_local.doors.cloudformation.changes import unmade
from serverless_ai_local.doors.cloudformation.intrinsics import NO_VALUE, UNKNOWN, Resolver, Scope
from serverless_ai_local.doors.cloudformation.template import parse
from serverless_ai_local.doors.cloudformation.text import TemplateError

TEMPLATE = parse(
    json.dumps(
        {
            "Mappings": {"Sizes": {"us-east-1": {"Memory": 512, "Zones": ["a", "b"]}}},
            "Conditions": {
                "Yes": {"Fn::Equals": ["a", "a"]},
                "No": {"Fn::Not": [{"Condition": "Yes"}]},
                "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
                "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
                "NotATest": "yes",
            },
            "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}, "Gone": {"Type": "AWS::SQS::Queue"}},
        }
    ),
    {"AWS::SQS::Queue"},
)
QUEUE = Made(physical_id="queue-1", attributes={"Arn": "arn:queue", "Endpoint.Port": 5432})


def resolver(**names: Any) -> Resolver:
    scope = Scope(
        template=TEMPLATE,
        parameters={"Name": "shop", "List": ["a", "b"], "Count": "3", **names},
        pseudo={"AWS::Region": "us-east-1", "AWS::Partition": "aws"},
        made={"Queue": QUEUE},
        exports={"shared-arn": "arn:shared"},
    )
    return Resolver(scope)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Name"}, "shop"),
        ({"Ref": "List"}, ["a", "b"]),
        ({"Ref": "Queue"}, "queue-1"),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:queue"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:queue"),
        ({"Fn::GetAtt": "Queue.Endpoint.Port"}, 5432),
        ({"Fn::GetAtt": ["Queue", {"Ref": "Which"}]}, "arn:queue"),
        ({"Fn::Sub": "${Name}-${AWS::Region}-${Queue.Arn}-${Queue}"}, "shop-us-east-1-arn:queue-queue-1"),
        ({"Fn::Sub": "${!Name} $Name $ {Name} ${Name"}, "${Name} $Name $ {Name} ${Name"),
        ({"Fn::Sub": ["${A}${Name}", {"A": {"Ref": "Queue"}, "Name": "own"}]}, "queue-1own"),
        ({"Fn::Sub": ["${A}", {"A": "${Name}"}]}, "${Name}"),
        ({"Fn::Sub": ["${A}", {"A": True}]}, "true"),
        ({"Fn::Join": ["-", ["a", 1, True, {"Ref": "Name"}]]}, "a-1-true-shop"),
        ({"Fn::Join": ["", {"Ref": "List"}]}, "ab"),
        ({"Fn::Join": ["-", []]}, ""),
        ({"Fn::Split": ["-", "a--b"]}, ["a", "", "b"]),
        ({"Fn::Select": [1, ["a", "b"]]}, "b"),
        ({"Fn::Select": ["0", {"Fn::Split": [",", "x,y"]}]}, "x"),
        ({"Fn::If": ["Yes", 1, {"Ref": "Missing"}]}, 1),
        ({"Fn::If": ["No", {"Ref": "Missing"}, 2]}, 2),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "Memory"]}, 512),
        ({"Fn::FindInMap": ["Sizes", "us-east-1", "Zones"]}, ["a", "b"]),
        ({"Fn::ImportValue": {"Fn::Sub": "shared-arn"}}, "arn:shared"),
        ({"Fn::Base64": "a\u00e9"}, "YcOp"),
        ({"Fn::GetAZs": ""}, ["us-east-1a", "us-east-1b", "us-east-1c"]),
        ({"Fn::GetAZs": "eu-west-1"}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::Cidr": ["10.0.0.0/16", "3", "6"]}, ["10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/26"]),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}, 2]}, {"b": [1, 2]}),
        ({"a": {"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}}, {}),
        ({"Condition": "Yes"}, {"Condition": "Yes"}),
        ({"Condition": {"StringEquals": {"a": "b"}}}, {"Condition": {"StringEquals": {"a": "b"}}}),
        ("{{resolve:ssm:x}}", "{{resolve:ssm:x}}"),
        ([None, 1.5, False], [None, 1.5, False]),
    ],
)
def test_a_function_returns_its_value(value: Any, expected: Any) -> None:
    assert resolver(Which="Arn").resolve(value, "Resources.R.Properties.P") == expected


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [("1", 1, True), (True, "true", True), ("a", "A", False), (["a"], ["a"], True), ("", False, False)],
)
def test_equals_compares_as_text(left: Any, right: Any, equal: bool) -> None:
    assert resolver().resolve({"Fn::Equals": [left, right]}, "Conditions.C") is equal


def test_rules_may_ask_about_lists() -> None:
    def holds(test: Any) -> Any:
        return resolver().resolve(test, "Rules.R.Assertions")

    assert holds({"Fn::Contains": [["1", "3"], {"Ref": "Count"}]}) is True
    assert holds({"Fn::Contains": [["1"], {"Ref": "Count"}]}) is False
    assert holds({"Fn::EachMemberIn": [{"Ref": "List"}, ["a", "b", "c"]]}) is True
    assert holds({"Fn::EachMemberIn": [{"Ref": "List"}, ["a"]]}) is False
    assert holds({"Fn::EachMemberEquals": [["a", "a"], "a"]}) is True


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"Ref": "Missing"}, "unknown resource or parameter 'Missing'"),
        ({"Ref": ["Name"]}, "unknown resource or parameter"),
        ({"Ref": "AWS::AccountID"}, "unknown pseudo parameter 'AWS::AccountID'"),
        ({"Ref": "Gone"}, r"Unresolved resource dependencies \[Gone\]"),
        ({"Ref": "Name", "x": 1}, "Ref stands beside other keys"),
        ({"Fn::GetAtt": ["Missing", "Arn"]}, "references undefined resource Missing"),
        ({"Fn::GetAtt": ["Queue", "Nope"]}, "AWS::SQS::Queue has no attribute Nope .* Arn, Endpoint.Port"),
        ({"Fn::GetAtt": "Queue"}, "must be a resource name and an attribute"),
        ({"Fn::GetAtt": ["Queue"]}, "must be a resource name and an attribute"),
        ({"Fn::Sub": "${Missing}"}, "unknown resource or parameter 'Missing'"),
        ({"Fn::Sub": "${A B}"}, "must contain only alphanumeric"),
        ({"Fn::Sub": "${}"}, "must contain only alphanumeric"),
        ({"Fn::Sub": "${List}"}, "must be text, got list"),
        ({"Fn::Sub": ["a"]}, "must be a string, or a list of a string and a mapping"),
        ({"Fn::Sub": {"a": "b"}}, "must be a string"),
        ({"Fn::Join": ["-", "a"]}, "must be a delimiter and a list"),
        ({"Fn::Join": [1, []]}, "must be a delimiter and a list"),
        ({"Fn::Join": ["-", [{"a": 1}]]}, "must be text, got dict"),
        ({"Fn::Join": ["-"]}, "must be a list of 2 values"),
        ({"Fn::Split": ["", "a"]}, "non-empty delimiter"),
        ({"Fn::Select": [2, ["a"]]}, "nonexistent value at index 2"),
        ({"Fn::Select": [-1, ["a"]]}, "must be an index and a list"),
        ({"Fn::Select": [0, "a"]}, "must be an index and a list"),
        ({"Fn::If": ["Nope", 1, 2]}, "undefined condition 'Nope'"),
        ({"Fn::If": [{"Fn::Equals": [1, 1]}, 1, 2]}, "undefined condition"),
        ({"Fn::If": ["NotATest", 1, 2]}, "must be a condition function"),
        ({"Fn::And": [True]}, "a list of 2 to 10 conditions"),
        ({"Fn::Not": ["true"]}, "a list of 1 to 1 conditions"),
        (
            {"Fn::FindInMap": ["Sizes", "eu-west-1", "Memory"]},
            "Unable to get mapping for Sizes::eu-west-1::Memory",
        ),
        (
            {"Fn::FindInMap": ["Sizes", "us-east-1", "Memory", {"DefaultValue": 1}]},
            "must be a list of 3 values",
        ),
        ({"Fn::ImportValue": "nope"}, "No export named nope found"),
        ({"Fn::Base64": ["a"]}, "must be text, got list"),
        ({"Fn::Cidr": ["10.0.0.0/24", 300, 4]}, "does not hold 300 blocks"),
        ({"Fn::Cidr": ["10.0.0.0/24", 1, 16]}, "Fn::Cidr"),
        ({"Fn::Cidr": ["nonsense", 1, 4]}, "does not appear to be"),
        ({"Fn::Cidr": "10.0.0.0/24"}, "a block, a count"),
        ({"Fn::Transform": {}}, "Fn::Transform at .* is not supported.*supported: Ref"),
        ({"Fn::ForEach::X": []}, "Fn::ForEach::X"),
        ({"Fn::ToJsonString": {}}, "Fn::ToJsonString"),
    ],
)
def test_a_failing_function_names_itself_and_its_place(value: Any, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint) as caught:
        resolver().resolve({"Deep": [value]}, "Resources.R.Properties")
    assert "Conditions." in str(caught.value) or "Resources.R.Properties.Deep[0]" in str(caught.value)


WORDS = [*"${}!&|:.,-'\"\\ \n", "AWS::", "Ref", "Fn::Sub", "é", "\x00", "a"]
hostile = st.lists(st.sampled_from(WORDS), max_size=12).map("".join)


@given(st.lists(hostile, min_size=1), st.text(min_size=1, max_size=3))
def test_split_undoes_join(parts: list[str], delimiter: str) -> None:
    joined = resolver().resolve({"Fn::Join": [delimiter, parts]}, "P")
    split = resolver().resolve({"Fn::Split": [delimiter, joined]}, "P")
    assert delimiter.join(split) == joined
    if not any(delimiter in part for part in parts) and len(delimiter) == 1:
        assert split == parts


@given(hostile, hostile)
def test_substituted_values_are_never_read_again(before: str, value: str) -> None:
    text = before.replace("$", "") + "${V}"
    assert resolver().resolve({"Fn::Sub": [text, {"V": value}]}, "P") == before.replace("$", "") + value


@given(hostile)
def test_an_escaped_variable_stays_as_it_is(name: str) -> None:
    name = name.replace("}", "")
    assert resolver().resolve({"Fn::Sub": "${!" + name + "}"}, "P") == "${" + name + "}"


@given(hostile)
def test_parameters_pass_through_every_text_function(value: str) -> None:
    r = resolver(Hostile=value)
    assert r.resolve({"Ref": "Hostile"}, "P") == value
    assert r.resolve({"Fn::Sub": "${Hostile}"}, "P") == value
    assert r.resolve({"Fn::Join": ["", [{"Ref": "Hostile"}]]}, "P") == value
    assert r.resolve({"Fn::Select": [0, [{"Ref": "Hostile"}]]}, "P") == value
    assert r.resolve({"Fn::If": ["Yes", {"Ref": "Hostile"}, ""]}, "P") == value


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Queue"},
        {"Fn::GetAtt": ["Queue", "Arn"]},
        {"Fn::Sub": "x-${Queue}"},
        {"Fn::Join": ["", ["x", {"Ref": "Queue"}]]},
        {"Fn::Select": [3, {"Fn::Split": [":", {"Fn::GetAtt": "Queue.Arn"}]}]},
        {"Fn::Base64": {"Fn::Sub": "${Queue.Arn}"}},
        {"Fn::ImportValue": {"Ref": "Queue"}},
    ],
)
def test_what_depends_on_a_resource_to_be_made_is_unknown(value: Any) -> None:
    scope = Scope(template=TEMPLATE, parameters={}, pseudo={}, made={"Queue": unmade()})
    assert Resolver(scope).resolve({"a": [value]}, "P") == {"a": [UNKNOWN]}


def test_no_value_alone_is_no_text() -> None:
    assert resolver().resolve({"Ref": "AWS::NoValue"}, "P") is NO_VALUE


def test_imports_are_remembered() -> None:
    r = resolver()
    r.resolve([{"Fn::ImportValue": "shared-arn"}], "P")
    assert r.scope.imported == {"shared-arn"}
