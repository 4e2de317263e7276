"""Event patterns as filters of Pub/Sub: what they say, and what they cannot say."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_patterns.gcp.events import FILTER_BYTES, subscription_filter


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ({"source": ["shop"]}, 'attributes.source = "shop"'),
        ({"detail-type": ["A"]}, 'attributes.type = "A"'),
        ({"source": ["a", "b"]}, '(attributes.source = "a" OR attributes.source = "b")'),
        (
            {"detail-type": ["A", "B"], "source": ["s"]},
            'attributes.source = "s" AND (attributes.type = "A" OR attributes.type = "B")',
        ),
        ({"source": [{"prefix": "shop."}]}, 'hasPrefix(attributes.source, "shop.")'),
        ({"source": ['a" OR "b']}, r'attributes.source = "a\" OR \"b"'),
        ({"source": ["back\\slash"]}, r'attributes.source = "back\\slash"'),
        ({"source": ["é"]}, 'attributes.source = "é"'),
    ],
)
def test_a_pattern_is_a_filter_on_attributes(pattern, text):
    assert subscription_filter(pattern) == text


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ({"detail": {"n": [1]}}, r"events\.bus_filter\.detail cannot .* allowed: source, detail-type"),
        ({"account": ["1"]}, r"events\.bus_filter\.account"),
        ({"source": "shop"}, r"events\.bus_filter\.source must be a list .* got 'shop'"),
        ({"source": []}, "at least one value"),
        ({"source": [1]}, r"holds 1; on Google Cloud a value is a text or"),
        ({"source": [None]}, "holds None"),
        ({"source": [{"anything-but": "x"}]}, "anything-but"),
        ({"source": [{"prefix": "a", "suffix": "b"}]}, "suffix"),
        ({"source": [{"prefix": 1}]}, "holds 1; it must be a text"),
        ({"source": [""]}, "must be a text of printable characters"),
        ({"source": ["a\nb"]}, "must be a text of printable characters"),
        ({"source": ["x" * FILTER_BYTES]}, "too long: Pub/Sub takes 256 bytes"),
        ({"source": ["é" * 120]}, "too long"),
    ],
)
def test_what_pubsub_cannot_match_is_refused_by_name(pattern, complaint):
    with pytest.raises(ValueError, match=complaint):
        subscription_filter(pattern)


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4))
def test_no_text_changes_the_shape_of_a_filter(values):
    try:
        text = subscription_filter({"source": values})
    except ValueError:
        assert not all(value.isprintable() for value in values) or sum(map(len, values)) > 20
        return
    quoted = re.findall(r'"(?:[^"\\]|\\.)*"', text)
    assert [json.loads(each) for each in quoted] == values
    rest = re.sub(r'"(?:[^"\\]|\\.)*"', "_", text).strip("()")
    assert rest == " OR ".join(["attributes.source = _"] * len(values))
