"""EventBridge's pattern language, against a table and against a simple reference."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.aws.event_patterns import PatternError, compile_pattern


def matches(pattern: Any, event: Any) -> bool:
    return compile_pattern(json.dumps(pattern))(event)


def field(*filters: Any) -> dict[str, Any]:
    return {"a": list(filters)}


@pytest.mark.parametrize(
    ("filters", "yes", "no"),
    [
        (["x", "y"], ["x", "y", ["z", "x"], [["y"]]], ["z", "X", [], ["z"], None, {"x": 1}]),
        ([1], [1, [2, 1]], [1.0, "1", True, 2]),
        ([1.5], [1.5], [1, "1.5"]),
        ([True], [True], [1, "true", False]),
        ([None], [None], ["", 0, "null"]),
        ([{"prefix": "ab"}], ["ab", "abc", ["x", "abz"]], ["xab", "AB", 5, None]),
        ([{"prefix": {"equals-ignore-case": "ÄB"}}], ["äbc", "ÄBx"], ["xäb"]),
        ([{"suffix": ".png"}], ["a.png", ".png"], ["png", "a.PNG", 1]),
        ([{"suffix": {"equals-ignore-case": ".PNG"}}], ["a.png"], ["a.jpg"]),
        ([{"equals-ignore-case": "ALICE"}], ["alice", "Alice"], ["alicE2", 1]),
        ([{"wildcard": "a*c"}], ["ac", "abbc", "a\nc"], ["abcd", "xac", 5]),
        ([{"wildcard": r"a\*c"}], ["a*c"], ["abc"]),
        ([{"wildcard": r"a\\*"}], ["a\\b"], ["a*", "ab"]),
        ([{"wildcard": "a.c"}], ["a.c"], ["abc"]),
        ([{"anything-but": "x"}], ["y", ["x", "y"], 5], ["x", ["x"]]),
        ([{"anything-but": ["x", 5]}], ["y", 6], ["x", 5]),
        ([{"anything-but": {"prefix": "ab"}}], ["xab"], ["abc"]),
        ([{"anything-but": {"prefix": ["ab", "cd"]}}], ["ef"], ["abc", "cde"]),
        ([{"anything-but": {"suffix": ".tmp"}}], ["a.txt"], ["a.tmp"]),
        ([{"anything-but": {"equals-ignore-case": ["A", "b"]}}], ["c"], ["a", "B"]),
        ([{"anything-but": {"wildcard": "*/tmp/*"}}], ["/var/x"], ["/a/tmp/b"]),
        ([{"numeric": [">", 0, "<=", 5]}], [5, 0.1, 5.0, [9, 3]], [0, 6, "3", True]),
        ([{"numeric": ["=", 3]}], [3, 3.0], [4, "3"]),
        ([{"numeric": ["<", -1.5]}], [-2], [-1.5, 0]),
        ([{"cidr": "10.0.0.0/24"}], ["10.0.0.255"], ["10.0.1.1", "x", 10]),
        ([{"cidr": "2001:db8::/32"}], ["2001:db8::1"], ["2001:db9::1", "10.0.0.1"]),
        ([{"exists": True}], ["x", None, 0, ["x"]], [{"b": 1}, [], [[]]]),
        (["x", {"prefix": "y"}, {"numeric": [">", 9]}], ["x", "yes", 10], ["z", 9]),
    ],
)  # fmt: skip
def test_filters(filters: list[Any], yes: list[Any], no: list[Any]) -> None:
    assert [value for value in yes if not matches(field(*filters), {"a": value})] == []
    assert [value for value in no if matches(field(*filters), {"a": value})] == []


@pytest.mark.parametrize(
    "filters",
    [["x"], [None], [{"prefix": "x"}], [{"anything-but": "x"}], [{"numeric": ["<", 1]}], [{"exists": True}]],
)
def test_an_absent_field_matches_nothing(filters: list[Any]) -> None:
    assert not matches(field(*filters), {"b": "x"})


def test_exists_false_matches_only_an_absent_leaf() -> None:
    pattern = {"detail": {"error": [{"exists": False}]}}
    assert matches(pattern, {"detail": {"ok": 1}})
    assert matches(pattern, {})
    assert matches(pattern, {"detail": {"error": {"nested": 1}}})
    assert not matches(pattern, {"detail": {"error": None}})


def test_all_fields_must_match_and_others_do_not_matter() -> None:
    pattern = {"source": ["shop"], "detail": {"order": {"total": [{"numeric": [">", 100]}]}}}
    event = {"source": "shop", "detail": {"order": {"total": 101, "id": 1}}, "id": "x"}
    assert matches(pattern, event)
    assert not matches(pattern, {**event, "source": "other"})
    assert not matches(pattern, {**event, "detail": {"order": {"total": 100}}})
    assert not matches(pattern, {**event, "detail": "text"})


def test_or_needs_one_alternative_and_all_that_is_beside_it() -> None:
    pattern = {
        "source": ["shop"],
        "detail": {"$or": [{"a": [1], "b": [2]}, {"c": [{"exists": True}]}]},
    }
    assert matches(pattern, {"source": "shop", "detail": {"a": 1, "b": 2}})
    assert matches(pattern, {"source": "shop", "detail": {"c": "x"}})
    assert not matches(pattern, {"source": "shop", "detail": {"a": 1}})
    assert not matches(pattern, {"source": "x", "detail": {"c": "x"}})
    assert matches({"$or": [{"a": [1]}, {"b": [1]}]}, {"b": 1})


def test_an_array_of_objects_matches_by_one_of_them() -> None:
    pattern = {"items": {"sku": ["a"], "count": [2]}}
    assert matches(pattern, {"items": [{"sku": "b", "count": 1}, {"sku": "a", "count": 2}]})
    assert not matches(pattern, {"items": [{"sku": "a", "count": 1}, {"sku": "b", "count": 2}]})
    assert not matches(pattern, {"items": []})


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "not JSON"),
        ("[]", "must be an object"),
        ("{}", "at least one field"),
        ('{"a": "x"}', "a must be an object or an array"),
        ('{"a": {"b": 5}}', "a.b must be an object or an array"),
        ('{"a": []}', "a must not be an empty array"),
        ('{"a": [["x"]]}', "an array inside an array"),
        ('{"a": ["x"], "a": ["y"]}', "names a field twice"),
        ('{"a": [{"regex": "x"}]}', "a: unrecognized match type regex; there are exists, anything-but, cidr"),
        ('{"a": [{"prefix": "x", "suffix": "y"}]}', "one match type at a time, got prefix, suffix"),
        ('{"a": [{}]}', "one match type at a time, got none"),
        ('{"a": [{"prefix": 5}]}', "a: prefix needs a string that is not empty"),
        ('{"a": [{"suffix": ""}]}', "a: suffix needs a string that is not empty"),
        ('{"a": [{"prefix": {"regex": "x"}}]}', "a: prefix needs a string"),
        ('{"a": [{"exists": "yes"}]}', "exists must be true or false"),
        ('{"a": [{"cidr": "10.0.0.0/99"}]}', "is not an address range"),
        ('{"a": [{"numeric": [">"]}]}', "one or two comparisons"),
        ('{"a": [{"numeric": ["~", 1]}]}', "unrecognized numeric range operator ~"),
        ('{"a": [{"numeric": [">", "1"]}]}', "'1' is not a number from"),
        ('{"a": [{"numeric": [">", 1, ">", 2]}]}', "a lower and an upper bound"),
        ('{"a": [{"numeric": ["<", 6000000000]}]}', "is not a number from"),
        ('{"a": [{"wildcard": "a**b"}]}', "consecutive wildcard characters"),
        ('{"a": [{"wildcard": "a\\\\b"}]}', "are escapes"),
        ('{"a": [{"anything-but": {"numeric": ["=", 1]}}]}', "unrecognized match type numeric"),
        ('{"a": [{"anything-but": [true]}]}', "needs strings or numbers"),
        ('{"a": [{"anything-but": []}]}', "needs strings or numbers"),
        ('{"$or": [{"a": [1]}]}', "at least two alternatives"),
        ('{"$or": [{"a": [1]}, {}]}', "each alternative"),
        ('{"$or": {"a": [1]}}', "") ,
        ('{"a": ["' + "x" * 5000 + '"]}', "at most 4096 bytes"),
    ],
)  # fmt: skip
def test_what_is_not_a_pattern_is_refused_with_its_place(pattern: str, reason: str) -> None:
    if not reason:
        assert compile_pattern(pattern)({"$or": {"a": 1}})  # only an array makes $or an operator
        return
    with pytest.raises(PatternError) as refused:
        compile_pattern(pattern)
    assert reason in str(refused.value)


TEXT = st.text(st.sampled_from("ab*.\\"), max_size=4)
SCALAR = st.one_of(TEXT, st.integers(-3, 3), st.booleans(), st.none(), st.sampled_from([0.5, 1.0]))
VALUE = st.one_of(SCALAR, st.lists(SCALAR, max_size=3))
FILTER = st.one_of(
    SCALAR,
    st.builds(lambda text: {"prefix": text}, TEXT.filter(bool)),
    st.builds(lambda text: {"suffix": text}, TEXT.filter(bool)),
    st.builds(lambda text: {"equals-ignore-case": text}, TEXT.filter(bool)),
    st.builds(lambda text: {"anything-but": text}, TEXT),
    st.builds(lambda low: {"numeric": [">=", low]}, st.integers(-3, 3)),
    st.builds(lambda exists: {"exists": exists}, st.booleans()),
)


def reference(filters: list[Any], present: bool, value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    values = values if present else []

    def one(wanted: Any) -> bool:
        if not isinstance(wanted, dict):
            return any(repr(item) == repr(wanted) for item in values)
        [(kind, argument)] = wanted.items()
        if kind == "exists":
            return bool(values) is argument
        tests = {
            "prefix": lambda item: isinstance(item, str) and item[: len(argument)] == argument,
            "suffix": lambda item: (
                isinstance(item, str)
                and item[len(item) - len(argument) :] == argument
                and len(item) >= len(argument)
            ),
            "equals-ignore-case": lambda item: isinstance(item, str) and item.lower() == argument.lower(),
            "anything-but": lambda item: item != argument,
            "numeric": lambda item: type(item) in (int, float) and item >= argument[1],
        }
        return any(tests[kind](item) for item in values)

    return any(one(wanted) for wanted in filters)


@given(filters=st.lists(FILTER, min_size=1, max_size=3), present=st.booleans(), value=VALUE)
def test_filters_agree_with_a_simple_reference(filters: list[Any], present: bool, value: Any) -> None:
    event = {"a": value} if present else {"b": 1}
    assert matches(field(*filters), event) is reference(filters, present, value)


@given(text=st.text(st.sampled_from("ab*\\"), max_size=6))
def test_a_wildcard_with_everything_escaped_is_an_exact_match(text: str) -> None:
    if text:
        escaped = text.replace("\\", "\\\\").replace("*", "\\*")
        assert matches(field({"wildcard": escaped}), {"a": text})
        assert not matches(field({"wildcard": escaped}), {"a": text + "a"})
