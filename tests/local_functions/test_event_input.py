"""What a target gets of an event."""

from __future__ import annotations

import json

import pytest

from serverless_ai_local.aws.event_input import InputError, look_up, require, shape

EVENT = {
    "id": "1", "source": "shop", "detail-type": "Placed", "resources": ["r1", "r2"],
    "detail": {"name": 'Ada "the" <b>', "n": 5, "list": [{"x": 1}], "odd key": True, "none": None},
}  # fmt: skip


@pytest.mark.parametrize(
    ("paths", "template", "text"),
    [
        ({"n": "$.detail.name"}, '"Hello <n>!"', '"Hello Ada \\"the\\" <b>!"'),
        ({"n": "$.detail.name"}, '{"name": <n>}', '{"name": "Ada \\"the\\" <b>"}'),
        ({"n": "$.detail.n"}, '{"n": <n>, "text": "n=<n>"}', '{"n": 5, "text": "n=5"}'),
        ({"d": "$.detail.list[0]"}, '{"d": <d>, "text": "<d>"}', '{"d": {"x":1}, "text": "{\\"x\\":1}"}'),
        ({"t": "$.detail-type", "r": "$.resources[1]"}, "<t> of <r>", '"Placed" of "r2"'),
        ({"o": "$.detail['odd key']", "z": '$.detail["none"]'}, "[<o>, <z>]", "[true, null]"),
        ({"m": "$.detail.missing.deep"}, '{"m": "<m>", "n": <m>}', '{"m": "", "n": ""}'),
        ({}, '{"rule": "<aws.events.rule-name>", "x": <unknown>}', '{"rule": "orders", "x": <unknown>}'),
        ({}, "<aws.events.rule-arn>", '"arn:rule/orders"'),
    ],
)
def test_a_template_is_filled_from_the_event(paths: dict[str, str], template: str, text: str) -> None:
    target = {"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}
    require(target)
    assert shape(target, EVENT, rule_arn="arn:rule/orders") == text


def test_whole_events_in_templates() -> None:
    target = {
        "InputTransformer": {"InputTemplate": '{"all": <aws.events.event.json>, "head": <aws.events.event>}'}
    }
    shaped = json.loads(shape(target, EVENT, rule_arn="arn:rule/orders"))
    assert shaped["all"] == EVENT
    assert shaped["head"] == {key: value for key, value in EVENT.items() if key != "detail"}


def test_a_path_that_leads_nowhere_is_null() -> None:
    assert shape({"InputPath": "$.detail.nothing"}, EVENT, rule_arn="") == "null"
    assert shape({"InputPath": "$"}, {"a": "ü"}, rule_arn="") == '{"a":"ü"}'
    with pytest.raises(InputError, match="must start with"):
        look_up(EVENT, "detail")
