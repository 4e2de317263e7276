"""Parameters: types, limits, defaults, and values kept in SSM."""

from __future__ import annotations

from typing import Any

import pytest

from serverless_ai_local.doors.cloudformation.parameters import Parameter, evaluate
from serverless_ai_local.doors.cloudformation.text import TemplateError


def no_store(name: str) -> str:
    raise AssertionError(f"SSM was asked for {name}")


def one(declared: dict[str, Any], given: str | None = None, store: dict[str, str] | None = None) -> Parameter:
    read = no_store if store is None else store.__getitem__
    return evaluate({"P": declared}, {} if given is None else {"P": given}, read)["P"]


@pytest.mark.parametrize(
    ("declared", "given", "value"),
    [
        ({"Type": "String", "Default": "x"}, None, "x"),
        ({"Type": "String", "Default": 7}, None, "7"),
        ({"Type": "String", "Default": True}, None, "true"),
        ({"Type": "String", "Default": "x"}, "", ""),
        ({"Type": "Number"}, "1.5e3", "1.5e3"),
        ({"Type": "CommaDelimitedList"}, "a, b ,c", ["a", "b", "c"]),
        ({"Type": "List<Number>"}, "1,2", ["1", "2"]),
        ({"Type": "List<AWS::EC2::Subnet::Id>"}, "subnet-1,subnet-2", ["subnet-1", "subnet-2"]),
        ({"Type": "AWS::EC2::VPC::Id"}, "vpc-1", "vpc-1"),
        ({"Type": "String", "AllowedValues": ["a", 1]}, "1", "1"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "abc", "abc"),
        ({"Type": "Number", "MinValue": 1, "MaxValue": "3"}, "3", "3"),
        ({"Type": "String", "MinLength": 1, "MaxLength": 3}, "abc", "abc"),
    ],
)
def test_a_value_that_fits_is_taken(declared: dict[str, Any], given: str | None, value: Any) -> None:
    assert one(declared, given).value == value


@pytest.mark.parametrize(
    ("declared", "given", "complaint"),
    [
        ({"Type": "String"}, None, r"Parameters: \[P\] must have values"),
        ({"Type": "Number"}, "one", "Parameter 'P' must be a number"),
        ({"Type": "Number"}, "", "Parameter 'P' must be a number"),
        ({"Type": "Number"}, "nan", "Parameter 'P' must be a number"),
        ({"Type": "List<Number>"}, "1,x", "Parameter 'P' must be a number"),
        ({"Type": "String", "AllowedValues": ["a", "b"]}, "c", r"must be one of AllowedValues \[a, b\]"),
        ({"Type": "CommaDelimitedList", "AllowedValues": ["a"]}, "a,b", "must be one of AllowedValues"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "abc1", r"must match pattern \[a-z\]\+"),
        (
            {"Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "be small"},
            "A",
            "'P' be small",
        ),
        ({"Type": "String", "MinLength": 2}, "a", "must be 2 to any number of characters"),
        ({"Type": "String", "MaxLength": "2"}, "abc", "must be 0 to 2 characters"),
        ({"Type": "Number", "MinValue": 2, "MaxValue": 4}, "5", "must be between 2 and 4"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(
    declared: dict[str, Any], given: str | None, complaint: str
) -> None:
    with pytest.raises(TemplateError, match=complaint):
        one(declared, given)


def test_a_parameter_that_was_not_declared_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"Parameters: \[A, Z\] do not exist"):
        evaluate({}, {"Z": "1", "A": "2"}, no_store)


def test_ssm_types_are_read_from_the_store() -> None:
    store = {"/name": "v1", "/list": "a,b"}
    text = one({"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/name"}, store=store)
    many = one({"Type": "AWS::SSM::Parameter::Value<List<String>>"}, "/list", store)
    assert text.value == "v1"
    assert text.view == {"ParameterKey": "P", "ParameterValue": "/name", "ResolvedValue": "v1"}
    assert many.value == ["a", "b"]
    assert many.view["ResolvedValue"] == "a,b"


def test_a_secret_is_masked_where_it_is_shown_and_whole_where_it_is_used() -> None:
    secret = one({"Type": "String", "NoEcho": True}, "hunter2")
    assert secret.value == "hunter2"
    assert secret.view["ParameterValue"] == "****"
