"""Template text and its sections: both syntaxes, and every way to write one wrongly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.doors.cloudformation.template import parse
from serverless_ai_local.doors.cloudformation.text import TemplateError, read

TYPES = {"AWS::SQS::Queue", "AWS::IAM::Role"}


def one(**fields: object) -> str:
    return json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue", **fields}}})


def test_short_forms_of_yaml_mean_the_long_forms_of_json() -> None:
    text = """
    Resources:
      Queue:
        Type: AWS::SQS::Queue
        Condition: Big
        Properties:
          A: !Ref Name
          B: !GetAtt Other.Endpoint.Port
          C: !GetAtt [Other, Arn]
          D: !Sub "${AWS::Region}-x"
          E: !Sub ["${V}", {V: !Ref Name}]
          F: !Join [",", [a, !Select [0, !Split ["-", "b-c"]]]]
          G: !If [Big, !FindInMap [M, a, b], !ImportValue shared]
          H: !Base64 text
          I: !Equals [!Ref X, "1"]
          J: !Condition Big
    """
    properties = read(text)["Resources"]["Queue"]["Properties"]
    assert properties == {
        "A": {"Ref": "Name"},
        "B": {"Fn::GetAtt": ["Other", "Endpoint.Port"]},
        "C": {"Fn::GetAtt": ["Other", "Arn"]},
        "D": {"Fn::Sub": "${AWS::Region}-x"},
        "E": {"Fn::Sub": ["${V}", {"V": {"Ref": "Name"}}]},
        "F": {"Fn::Join": [",", ["a", {"Fn::Select": [0, {"Fn::Split": ["-", "b-c"]}]}]]},
        "G": {"Fn::If": ["Big", {"Fn::FindInMap": ["M", "a", "b"]}, {"Fn::ImportValue": "shared"}]},
        "H": {"Fn::Base64": "text"},
        "I": {"Fn::Equals": [{"Ref": "X"}, "1"]},
        "J": {"Condition": "Big"},
    }


def test_dates_stay_text() -> None:
    assert (
        read("AWSTemplateFormatVersion: 2010-09-09\nResources: {}")["AWSTemplateFormatVersion"]
        == "2010-09-09"
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=12,
    )
)
def test_json_reads_back_as_it_was_written(value: object) -> None:
    assert read(json.dumps({"Metadata": value})) == {"Metadata": value}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "mapping of sections"),
        ("[1]", "mapping of sections"),
        ("{", "Template format error"),
        ("a: [", "YAML not well-formed"),
        ('{"Resources": {}, "Resources": {}}', "duplicate key 'Resources'"),
        ("Resources: {A: 1, A: 2}", "duplicate key 'A'"),
        ("Resources: {a: &x {b: 1}, c: *x}", "aliases are not supported"),
        ("? [a, b]\n: c", "is not text"),
        ("a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("[" * 5000, "Template format error"),
    ],
)
def test_malformed_text_is_refused_with_its_fault(text: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint.replace("[", r"\[")):
        read(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (json.dumps({"Resources": {}}), "At least one Resources member"),
        (json.dumps({"Outputs": {}}), "At least one Resources member"),
        (json.dumps({"Hooks": {}, "Resources": {}}), "unknown template section: Hooks"),
        (json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": {}}), "Transform .*Serverless"),
        (json.dumps({"Resources": []}), "Resources must be a mapping"),
        (json.dumps({"Resources": {"A-B": {"Type": "AWS::SQS::Queue"}}}), "'A-B' is not alphanumeric"),
        (json.dumps({"Resources": {"A": {}}}), "Resources.A needs a Type"),
        (
            json.dumps({"Resources": {"A": {"Type": "AWS::No::Such"}}}),
            r"Unrecognized resource types: \[AWS::No::Such\]",
        ),
        (one(CreationPolicy={}), "unknown attribute of Resources.Queue: CreationPolicy"),
        (one(DeletionPolicy="Snapshot"), "DeletionPolicy must be one of Delete, Retain.*'Snapshot'"),
        (one(UpdateReplacePolicy="Keep"), "UpdateReplacePolicy must be one of"),
        (one(DependsOn=[1]), "DependsOn must be a resource name"),
        (one(Properties=[]), "Resources.Queue.Properties must be a mapping"),
        (json.dumps({"Description": 1, "Resources": {}}), "Description must be text"),
        (one()[:-1] + ', "Outputs": {"O": {}}}', "Outputs.O needs a Value"),
        (one()[:-1] + ', "Outputs": {"O": {"Value": 1, "Export": {}}}}', "Export must hold exactly Name"),
        (
            one()[:-1] + ', "Outputs": {"O": {"Value": 1, "Colour": 2}}}',
            "unknown attribute of Outputs.O: Colour",
        ),
        (one()[:-1] + ', "Parameters": {"P": {"Type": "Map"}}}', "Parameters.P has the unknown type 'Map'"),
        (
            one()[:-1] + ', "Parameters": {"P": {"Type": "String", "Colour": 1}}}',
            "unknown attribute of Parameters.P",
        ),
        (one()[:-1] + ', "Parameters": {"P-Q": {"Type": "String"}}}', "'P-Q' is not alphanumeric"),
    ],
)
def test_a_wrong_section_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint):
        parse(text, TYPES)


def test_iam_resources_need_to_be_acknowledged() -> None:
    def needed(properties: dict[str, str]) -> list[str]:
        role = {"Type": "AWS::IAM::Role", "Properties": properties}
        return parse(json.dumps({"Resources": {"R": role}}), TYPES).capabilities

    assert parse(one(), TYPES).capabilities == []
    assert needed({}) == ["CAPABILITY_IAM"]
    assert needed({"RoleName": "x"}) == ["CAPABILITY_NAMED_IAM"]
