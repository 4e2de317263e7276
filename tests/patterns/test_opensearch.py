"""OpenSearch Serverless as data: names that the service takes, and what it costs while nobody asks."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_patterns.aws.opensearch import short_name
from serverless_ai_patterns.aws.prices import UnpricedError, idle
from serverless_ai_patterns.rag.stores import OpenSearch

TYPE = "AWS::OpenSearchServerless::"
GROUP = {"Generation": "NEXTGEN", "Name": "g", "CapacityLimits": {"MinSearchCapacityInOcu": 0}}


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_name_is_one_that_the_service_takes_and_belongs_to_one_base(one: str, other: str) -> None:
    names = [
        short_name(base, OpenSearch(classic=classic)) for base in (one, other) for classic in (False, True)
    ]
    assert all(re.fullmatch(r"[a-z][a-z0-9-]{2,31}", name) for name in names)
    assert len(set(names)) == 2 * len({one, other})


@pytest.mark.parametrize(
    ("kind", "properties", "usd"),
    [
        ("CollectionGroup", GROUP, 0),
        ("CollectionGroup", {**GROUP, "CapacityLimits": {"MinSearchCapacityInOcu": 2}}, 350.40),
        ("Collection", {"CollectionGroupName": "g"}, 0),
        ("Collection", {}, 350.40),
        ("Collection", {"StandbyReplicas": "DISABLED"}, 175.20),
        ("AccessPolicy", {}, 0),
        ("SecurityPolicy", {}, 0),
    ],
)
def test_what_it_costs_idle(kind: str, properties: dict[str, Any], usd: float) -> None:
    peers = {"Group": (f"{TYPE}CollectionGroup", GROUP)}
    assert idle(TYPE + kind, properties, peers).usd == pytest.approx(usd)


def test_what_has_no_known_price_is_not_free() -> None:
    with pytest.raises(UnpricedError, match="whose group is not in the deployment"):
        idle(f"{TYPE}Collection", {"CollectionGroupName": "g"}, {})
    with pytest.raises(UnpricedError, match="generation NEXTGEN"):
        idle(f"{TYPE}CollectionGroup", {}, {})
