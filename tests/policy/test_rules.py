"""What a rule is made of: kinds, values by path, unknown ones; and rules over resources of any shape."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from graphs import on_wire, seen
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi.runtime.rpc import UNKNOWN as UNKNOWN_ON_WIRE

from serverless_ai_policy import RULES, Resource, Violation, judge, kind_of
from serverless_ai_policy.checks import must_be, must_be_chosen, must_be_set
from serverless_ai_policy.rule import Each, Rule, Stack, is_one_of, wrong
from serverless_ai_policy.values import (
    UNKNOWN,
    Undecided,
    at,
    document,
    is_set,
    known_at,
    listed,
    shown,
    texts,
)

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "hunter2"}
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3) | st.sampled_from(["*", UNKNOWN]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "Statement"]), inner),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("aws:sqs/queue:Queue", "aws:sqs:Queue"),
        ("gcp:projects/iAMMember:IAMMember", "gcp:projects:IAMMember"),
        ("azure-native:web:WebApp", "azure-native:web:WebApp"),
        ("azure-native:storage/v20240101:StorageAccount", "azure-native:storage:StorageAccount"),
        ("azure-native_storage_v20240101:storage:StorageAccount", "azure-native:storage:StorageAccount"),
        ("pulumi:pulumi:Stack", "pulumi:pulumi:Stack"),
        ("pulumi-python:dynamic/azure:Package", "pulumi-python:dynamic:Package"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_kind_is_a_type_without_its_bookkeeping(token, kind):
    assert kind_of(token) == kind


def test_kinds_may_have_a_common_beginning():
    assert is_one_of("gcp:pubsub:TopicIAMMember", ("gcp:pubsub:TopicIAM*",))
    assert not is_one_of("gcp:pubsub:Topic", ("gcp:pubsub:TopicIAM*", "gcp:pubsub"))


def test_values_are_read_by_path():
    values = {"a": {"b": 0, "u": UNKNOWN}, "l": [1]}
    assert at(values, "a.b") == 0
    assert at(values, "a.c.d") is None
    assert at(values, "l.b") is None
    assert at(values, "a.u.deeper") is UNKNOWN
    with pytest.raises(Undecided, match=r"^a\.u\.deeper$"):
        known_at(values, "a.u.deeper")


@pytest.mark.parametrize("nothing", [None, "", 0, -1, [], {}])
def test_what_providers_write_for_nothing_is_nothing(nothing):
    assert not is_set(nothing)


@pytest.mark.parametrize("something", [False, "x", 0.5, [0], {"a": None}, UNKNOWN])
def test_what_is_given_is_set_and_be_it_unknown(something):
    assert is_set(something)


def test_one_or_many_are_many():
    assert [listed(value, "x") for value in (None, "a", ["a", "b"])] == [[], ["a"], ["a", "b"]]
    with pytest.raises(Undecided, match="x"):
        listed(UNKNOWN, "x")


@pytest.mark.parametrize(
    ("value", "told"), [("{", "is not JSON"), ("[1]", "no? JSON object"), (3, "JSON object")]
)
def test_a_document_that_is_none_is_refused_by_name(value, told):
    with pytest.raises(
        ValueError, match=f"policy is not (a )?{told.removeprefix('is not ').replace('no? ', '')}"
    ):
        document(value, "policy")


def test_texts_come_with_their_path():
    assert dict(texts({"a": [{"b": "x"}, UNKNOWN, 3], "c": "y"})) == {"a[0].b": "x", "c": "y"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not set"),
        (True, "true"),
        (1.0, "1.0"),
        ("x", "'x'"),
        ("x" * 41, "another str"),
        ([], "another list"),
    ],
)
def test_a_value_in_a_message_is_short(value, text):
    assert shown(value) == text


def test_the_wire_is_read_as_the_engine_writes_it():
    assert on_wire({"a": [UNKNOWN_ON_WIRE, {"b": SECRET}]}) == {"a": [UNKNOWN, {"b": "hunter2"}]}


def found(check, **props: Any) -> list[str]:
    return list(check(Resource("k", "n", "u", props)))


def test_checks_say_what_is_and_what_must_be():
    assert found(must_be("a", True), a=False) == ["a is false and must be true"]
    assert found(must_be("a", "x", "y")) == ["a is not set and must be 'x' or 'y'"]
    assert found(must_be_set("a", "b"), a=UNKNOWN) == ["b is not set"]
    assert found(must_be_chosen("a"), a=0) == []
    with pytest.raises(Undecided, match="a"):
        found(must_be("a", True), a=UNKNOWN)


def test_what_was_found_before_an_unknown_value_is_told_all_the_same():
    def check(_: Resource) -> Iterator[str]:
        yield "seen"
        raise Undecided("later")

    rule = Rule(id="r", reason="", mend="Mend it", looks=Each(("k",), check))
    assert [each.text for each in judge([Resource("k", "n", "u", {})], [rule])] == ["seen. Mend it"]


def test_ids_and_words_of_the_rules_are_fit_to_print():
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.id.partition("-")[0] in ("aws", "azure", "gcp", "secret")
        assert rule.reason
        assert rule.reason[0].isupper()
        assert not (rule.reason + rule.mend).endswith(".")


@pytest.fixture(scope="module")
def resources(recorded) -> list[Resource]:
    """What the components of all clouds make."""
    return [seen(one) for cloud in ("aws", "azure", "gcp") for one in recorded(cloud, "brought").resources]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_rule_trips_over_a_resource_of_another_shape(data, resources):
    """A value that is not what a rule expects is wrong, unknown or nothing to it, and no error."""
    index = data.draw(st.sampled_from([at for at, one in enumerate(resources) if one.props]))
    changed = copy.deepcopy(resources[index])
    holder, key = data.draw(st.sampled_from(list(_places(changed.props))))
    holder[key] = data.draw(JUNK)
    stack = Stack([*resources[:index], changed, *resources[index + 1 :]])
    for rule in RULES:
        assert all(isinstance(each, Violation) for each in _decided(rule, stack))
        assert all(isinstance(each, Violation) for each in _decided(rule, changed))


STATEMENTS = st.dictionaries(
    st.sampled_from(["Effect", "Sid", "Action", "NotAction", "Resource", "Principal", "Condition"]),
    st.sampled_from(["*", ["*"], "Allow", "Deny", {"AWS": "*"}, {"Service": "x.amazonaws.com"}, {"Bool": {}}])
    | JUNK,
    min_size=2,
)
POLICIES = ("aws:iam:RolePolicy", "aws:iam:Role", "aws:sqs:QueuePolicy", "aws:sqs:Queue")


@settings(max_examples=200, deadline=None)
@given(statement=STATEMENTS | JUNK, kind=st.sampled_from(POLICIES))
def test_no_rule_trips_over_a_policy_of_another_shape(statement, kind):
    policy = {"Statement": statement}
    props = {"policy": policy, "assumeRolePolicy": policy, "inlinePolicies": [{"policy": policy}]}
    one = Resource(kind, "n", "u", props, {"queueUrl": frozenset("u")})
    for rule in RULES:
        assert all(isinstance(each, Violation) for each in _decided(rule, one))
        assert all(isinstance(each, Violation) for each in _decided(rule, Stack([one])))


def _decided(rule: Rule, subject: Any) -> list[Violation]:
    try:
        return list(wrong(rule, subject))
    except Undecided:
        return []


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a value that can hold another one."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
