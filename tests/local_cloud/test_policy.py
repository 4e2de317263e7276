"""Policy documents, judged as IAM judges them."""

from __future__ import annotations

import fnmatch
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.aws.iam import glob
from serverless_ai_local.aws.iam.conditions import PolicyError, satisfied
from serverless_ai_local.aws.iam.policy import Asked, Decision, allows_service, decide

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/chat"
PIECES = st.sampled_from(["a", "b", "*", "?", "**", ":", "/", ".", "[a]", "\n", "ä"])


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}]}


def ask(
    documents: Any, action: str = "dynamodb:GetItem", resource: str = TABLE, **context: list[str]
) -> Decision:
    asked = Asked(
        action=action, resource=resource, context={key.replace("__", ":"): v for key, v in context.items()}
    )
    return decide(documents if isinstance(documents, list) else [documents], asked)


# -- wildcards --------------------------------------------------------------------------------------
@given(st.lists(PIECES, max_size=8).map("".join), st.text("ab:/.[]\nä", max_size=12))
def test_wildcards_mean_what_fnmatch_means_without_its_brackets(pattern: str, text: str) -> None:
    bracketless = pattern.replace("[", "[[]")
    oracle = re.fullmatch(fnmatch.translate(bracketless), text) is not None
    assert glob.matches(pattern, text) == oracle


def test_a_hostile_pattern_costs_no_exponential_time() -> None:
    started = time.perf_counter()
    assert not glob.matches("*a" * 40 + "b", "a" * 5000)
    assert time.perf_counter() - started < 60


def test_actions_are_matched_in_any_case_and_resources_are_not() -> None:
    assert ask(allow("DYNAMODB:getitem", TABLE)) is Decision.ALLOWED
    assert ask(allow("dynamodb:GetItem", TABLE.replace("chat", "Chat"))) is Decision.UNMENTIONED


# -- statements -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("document", "decision"),
    [
        (allow("dynamodb:GetItem", TABLE), Decision.ALLOWED),
        (allow(["s3:*", "dynamodb:Get*"], [TABLE]), Decision.ALLOWED),
        (allow("dynamodb:Get?tem"), Decision.ALLOWED),
        (allow("*"), Decision.ALLOWED),
        (allow("dynamodb:PutItem"), Decision.UNMENTIONED),
        (allow("dynamodb:GetItem", TABLE + "/index/x"), Decision.UNMENTIONED),
        (allow("dynamodb:GetItem", TABLE[:-1]), Decision.UNMENTIONED),
        ({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}}, Decision.ALLOWED),
        (
            {"Statement": {"Effect": "Allow", "NotAction": "dynamodb:*", "Resource": "*"}},
            Decision.UNMENTIONED,
        ),
        ({"Statement": {"Effect": "Allow", "Action": "*", "NotResource": TABLE}}, Decision.UNMENTIONED),
        ({"Statement": {"Effect": "Allow", "Action": "*", "NotResource": TABLE + "x"}}, Decision.ALLOWED),
        ({"Statement": []}, Decision.UNMENTIONED),
        ({}, Decision.UNMENTIONED),
    ],
)
def test_a_statement_covers_what_it_lists(document: dict[str, Any], decision: Decision) -> None:
    assert ask(document) is decision


def test_a_deny_beats_every_allow_in_whatever_order() -> None:
    deny = {"Statement": [{"Effect": "Deny", "Action": "dynamodb:*", "Resource": TABLE}]}
    assert ask([allow("*"), deny]) is Decision.DENIED
    assert ask([deny, allow("*")]) is Decision.DENIED


@given(st.permutations(range(4)), st.lists(st.sampled_from(["Allow", "Deny"]), min_size=4, max_size=4))
def test_the_order_of_documents_never_matters(order: list[int], effects: list[str]) -> None:
    documents = [
        {"Statement": [{"Effect": e, "Action": f"s3:{n % 2}*", "Resource": "*"}]}
        for n, e in enumerate(effects)
    ]
    asked = Asked(action="s3:1x", resource="arn:aws:s3:::b")
    assert decide([documents[i] for i in order], asked) is decide(documents, asked)


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"Statement": [{"Effect": "allow", "Action": "*", "Resource": "*"}]}, "allow"),
        ({"Statement": [{"Effect": "Allow", "Resource": "*"}]}, "Action"),
        (
            {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Conditions": {}}]},
            "Conditions",
        ),
        (allow("*", Condition={"StringMatches": {"aws:userid": "x"}}), "StringMatches"),
        (allow("*", Condition={"ForSomeValues:StringEquals": {"aws:userid": "x"}}), "ForSomeValues"),
        (allow("*", Condition={"StringEquals": {"aws:MadeUp": "x"}}), "aws:MadeUp"),
        (allow("*", Condition={"StringEquals": "x"}), "StringEquals"),
        (allow("*", Condition={"IpAddress": {"aws:SourceIp": "not-an-ip"}}), "not-an-ip"),
        (allow("*", Condition={"NumericEquals": {"s3:max-keys": "many"}}), "many"),
    ],
)
def test_what_is_not_understood_is_an_error_with_its_name(document: dict[str, Any], named: str) -> None:
    with pytest.raises(PolicyError, match=named):
        ask(document, aws__SourceIp=["10.0.0.1"], **{"s3__max-keys": ["5"]})


# -- variables --------------------------------------------------------------------------------------
def test_a_variable_is_filled_in_and_its_value_is_taken_literally() -> None:
    document = allow("s3:GetObject", "arn:aws:s3:::home/${aws:username}/*")
    mine = "arn:aws:s3:::home/ada/notes"
    assert ask(document, "s3:GetObject", mine, aws__username=["ada"]) is Decision.ALLOWED
    assert ask(document, "s3:GetObject", mine, aws__username=["*"]) is Decision.UNMENTIONED
    assert ask(document, "s3:GetObject", mine) is Decision.UNMENTIONED


def test_escaped_characters_and_defaults_of_variables() -> None:
    star = allow("s3:GetObject", "arn:aws:s3:::b/${*}")
    assert ask(star, "s3:GetObject", "arn:aws:s3:::b/*") is Decision.ALLOWED
    assert ask(star, "s3:GetObject", "arn:aws:s3:::b/x") is Decision.UNMENTIONED
    default = allow("s3:GetObject", "arn:aws:s3:::${aws:username, 'nobody'}/x")
    assert ask(default, "s3:GetObject", "arn:aws:s3:::nobody/x") is Decision.ALLOWED


# -- conditions -------------------------------------------------------------------------------------
PRESENT = {"aws:username": ["ada"], "s3:max-keys": ["10"], "aws:sourceip": ["10.1.2.3"],
           "aws:securetransport": ["true"], "aws:currenttime": ["2026-06-01T12:00:00Z"],
           "aws:sourcearn": ["arn:aws:execute-api:us-east-1:123456789012:abc/$default/POST/chat"],
           }  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "holds"),
    [
        ("StringEquals", "aws:username", "ada", True),
        ("StringEquals", "AWS:UserName", ["bob", "ada"], True),
        ("StringEquals", "aws:username", "a*", False),
        ("StringNotEquals", "aws:username", "bob", True),
        ("StringNotEquals", "aws:username", ["bob", "ada"], False),
        ("StringEqualsIgnoreCase", "aws:username", "ADA", True),
        ("StringNotEqualsIgnoreCase", "aws:username", "ADA", False),
        ("StringLike", "aws:username", "a?a", True),
        ("StringNotLike", "aws:username", "a*", False),
        ("NumericEquals", "s3:max-keys", 10, True),
        ("NumericLessThan", "s3:max-keys", "10", False),
        ("NumericLessThanEquals", "s3:max-keys", "10", True),
        ("NumericGreaterThan", "s3:max-keys", "9.5", True),
        ("NumericNotEquals", "s3:max-keys", "10", False),
        ("DateLessThan", "aws:CurrentTime", "2026-06-02T00:00:00Z", True),
        ("DateGreaterThanEquals", "aws:CurrentTime", "2026-06-01T14:00:00+02:00", True),
        ("DateEquals", "aws:CurrentTime", "1780315200", True),
        ("Bool", "aws:SecureTransport", True, True),
        ("Bool", "aws:SecureTransport", "false", False),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", True),
        ("IpAddress", "aws:SourceIp", ["192.168.0.0/16", "10.1.2.3"], True),
        ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", False),
        ("ArnLike", "aws:SourceArn", "arn:aws:execute-api:*:123456789012:abc/*/POST/chat", True),
        ("ArnLike", "aws:SourceArn", "arn:aws:execute-api:*:abc/*", False),
        ("ArnEquals", "aws:SourceArn", "arn:aws:execute-api:us-east-1:123456789012:abc/*/*/chat", True),
        ("ArnNotLike", "aws:SourceArn", "arn:*:*:*:*:*", False),
        ("Null", "aws:username", "true", False),
        ("Null", "aws:userid", "true", True),
        ("Null", "aws:userid", False, False),
    ],
)
def test_operators(operator: str, key: str, wanted: Any, holds: bool) -> None:
    assert satisfied({operator: {key: wanted}}, PRESENT) is holds


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("StringEqualsIfExists", True),
        ("NumericLessThanIfExists", True),
        ("Bool", False),
        ("NotIpAddress", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
    ],
)
def test_a_key_that_the_request_does_not_have(operator: str, holds: bool) -> None:
    assert satisfied({operator: {"aws:username": "1"}}, {}) is holds


@given(st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("abcd"), min_size=1))
def test_set_operators_are_the_set_relations_they_are_named_for(has: set[str], wanted: set[str]) -> None:
    context = {"dynamodb:leadingkeys": sorted(has)} if has else {}
    key = {"dynamodb:LeadingKeys": sorted(wanted)}
    assert satisfied({"ForAllValues:StringEquals": key}, context) == (has <= wanted)
    assert satisfied({"ForAnyValue:StringEquals": key}, context) == bool(has & wanted)
    assert satisfied({"ForAnyValue:StringNotEquals": key}, context) == bool(has - wanted)
    assert satisfied({"ForAllValues:StringNotEquals": key}, context) == (not has & wanted)


def test_all_operators_and_all_keys_of_a_block_must_hold() -> None:
    block = {
        "StringEquals": {"aws:username": "ada", "s3:max-keys": "10"},
        "Bool": {"aws:SecureTransport": "true"},
    }
    assert satisfied(block, PRESENT)
    assert not satisfied({**block, "NumericLessThan": {"s3:max-keys": "1"}}, PRESENT)


# -- resource policies ------------------------------------------------------------------------------
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:chat"
ROUTE = "arn:aws:execute-api:us-east-1:123456789012:abc/$default/POST/chat"


def permission(**more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": FUNCTION,
                 "Principal": {"Service": "apigateway.amazonaws.com"}, **more}  # fmt: skip
    return {"Statement": [statement]}


def let_in(
    document: dict[str, Any] | None, *, service: str = "apigateway.amazonaws.com", source: str = ROUTE
) -> bool:
    return allows_service(document, service=service, action="lambda:InvokeFunction", resource=FUNCTION,
                          source_arn=source, source_account="123456789012")  # fmt: skip


def test_a_service_is_let_in_by_name_source_and_account() -> None:
    bound = permission(Condition={"ArnLike": {"AWS:SourceArn": ROUTE.replace("$default/POST", "*/*")}})
    assert let_in(bound)
    assert not let_in(bound, source=ROUTE.replace("abc", "other"))
    assert not let_in(bound, service="events.amazonaws.com")
    assert not let_in(None)
    assert let_in(permission(Principal="*"))
    assert not let_in(permission(Principal={"AWS": "arn:aws:iam::123456789012:root"}))
    assert not let_in(permission(Condition={"StringEquals": {"AWS:SourceAccount": "999999999999"}}))


def test_an_identity_policy_opens_no_door_to_a_service() -> None:
    assert not let_in(allow("lambda:InvokeFunction"))


def test_a_resource_policy_gives_an_identity_nothing_here() -> None:
    assert ask(permission(), "lambda:InvokeFunction", FUNCTION) is Decision.UNMENTIONED
