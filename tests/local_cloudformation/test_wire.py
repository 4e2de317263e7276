"""The query protocol, against botocore's own writer and reader."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.doors.cloudformation.wire import QueryService

MODEL = botocore.session.get_session().get_service_model("cloudformation")
SERVICE = QueryService("cloudformation")
# What XML 1.0 can carry unchanged; a carriage return comes back as a line feed.
xml_text = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\n\t")
)


def sent(operation: str, fields: dict[str, Any]) -> Request:
    body = urlencode({"Action": operation, "Version": "2010-05-15", **fields})
    builder = EnvironBuilder(method="POST", data=body, content_type="application/x-www-form-urlencoded")
    return Request(builder.get_environ())


@given(
    st.text(min_size=1),
    st.lists(st.fixed_dictionaries({"Key": st.text(min_size=1), "Value": st.text()}), max_size=12),
    st.booleans(),
    st.text(),
)
def test_what_botocore_sends_is_read_as_it_was_meant(
    name: str, tags: list[dict[str, str]], flag: bool, template: str
) -> None:
    given_ = {"StackName": name, "Tags": tags, "DisableRollback": flag, "TemplateBody": template}
    operation = MODEL.operation_model("CreateStack")
    body = create_serializer("query", include_validation=False).serialize_to_request(given_, operation)[
        "body"
    ]
    fields = {key: value for key, value in body.items() if key not in {"Action", "Version"}}
    assert SERVICE.parse("CreateStack", sent("CreateStack", fields)) == given_


@given(xml_text, st.lists(xml_text, max_size=3), st.integers(0, 2**40))
def test_what_is_answered_is_read_back_by_botocore(text: str, many: list[str], milliseconds: int) -> None:
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    stack = {
        "StackName": text,
        "StackStatus": "CREATE_COMPLETE",
        "CreationTime": at,
        "Capabilities": many,
        "EnableTerminationProtection": True,
        "Parameters": [{"ParameterKey": text, "ParameterValue": text}],
    }
    answer = SERVICE.reply("DescribeStacks", {"Stacks": [stack]})
    parser = create_parser("query")
    shape = MODEL.operation_model("DescribeStacks").output_shape
    raw = {"body": answer.get_data(), "headers": {}, "status_code": 200}
    (found,) = parser.parse(raw, shape)["Stacks"]
    assert found["CreationTime"] == at.replace(microsecond=at.microsecond // 1000 * 1000)
    assert {**found, "CreationTime": at} == stack


def test_characters_that_xml_cannot_carry_do_not_break_the_answer() -> None:
    answer = SERVICE.reply("GetTemplate", {"TemplateBody": "a\x00b\x1bc\ud800d"})
    assert b"a\xef\xbf\xbdb\xef\xbf\xbdc\xef\xbf\xbdd" in answer.get_data()


def test_an_answer_that_the_model_does_not_know_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="Colour"):
        SERVICE.reply("DescribeStacks", {"Stacks": [{"Colour": "red"}]})


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"StackName": "S", "Colour": "red"}, "CreateStack has no parameter Colour"),
        ({}, "CreateStack needs StackName"),
        (
            {"StackName": "S", "DisableRollback": "maybe"},
            "DisableRollback must be one of true, false, got 'maybe'",
        ),
        ({"StackName": "S", "TimeoutInMinutes": "1.5"}, "TimeoutInMinutes must be a whole number, got '1.5'"),
        ({"StackName": "S", "OnFailure": "PANIC"}, "OnFailure must be one of DO_NOTHING, ROLLBACK, DELETE"),
        ({"StackName": "S", "Tags": "x", "Tags.member.1.Key": "k"}, "contradicts another field"),
        ({"StackName": "S", "Tags.member.1": "x"}, "Tags must be a structure"),
        ({"StackName": "S", "Tags.member.1.Key": "k"}, "needs Value"),
        ({"StackName.member.1": "S"}, "StackName must be a single value"),
        (
            {"StackName": "S", "Tags.member.x.Key": "k", "Tags.member.x.Value": "v"},
            "Tags.member.x is not numbered",
        ),
        ({"StackName": "S", "Tags.entry.1.Key": "k"}, "Tags must be a list of members"),
    ],
)
def test_a_malformed_request_is_refused_with_its_place(fields: dict[str, str], complaint: str) -> None:
    with pytest.raises(ApiError, match=complaint):
        SERVICE.parse("CreateStack", sent("CreateStack", fields))


def test_a_part_of_a_request_that_nothing_here_reads_is_refused_by_name() -> None:
    imported = {"ResourcesToImport.member.1.ResourceIdentifier.entry.1.key": "QueueUrl"}
    with pytest.raises(ApiError, match=r"ResourcesToImport.ResourceIdentifier is not supported by the local"):
        SERVICE.parse("CreateChangeSet", sent("CreateChangeSet", {"StackName": "S", **imported}))
