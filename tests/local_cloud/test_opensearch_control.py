"""The control plane of OpenSearch Serverless here: what it refuses; and how the local search splits words."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from serverless_ai_local.aws.opensearch import text
from serverless_ai_patterns.aws import opensearch as data

_numbers = itertools.count(1)


def test_a_collection_needs_a_key_and_a_group_that_fits(root: Callable[[str], Any]) -> None:
    aoss, name = root("opensearchserverless"), f"control-{next(_numbers)}"
    with pytest.raises(ClientError, match="No matching security policy of encryption type found"):
        aoss.create_collection(name=name, type="VECTORSEARCH")
    policy = json.dumps(data.encryption_policy(name[:-1] + "*", None))
    aoss.create_security_policy(type="encryption", name=name, policy=policy)
    with pytest.raises(ClientError, match="Collection group with name none cannot be found"):
        aoss.create_collection(name=name, type="VECTORSEARCH", collectionGroupName="none")
    with pytest.raises(ClientError, match="type VECTORSEARCH only"):
        aoss.create_collection(name=name, type="SEARCH")
    with pytest.raises(ClientError, match="must be ENABLED for collection groups of generation NEXTGEN"):
        aoss.create_collection_group(name=name, standbyReplicas="DISABLED", generation="NEXTGEN")


@pytest.mark.parametrize(
    ("kind", "policy"),
    [
        ("encryption", {"Rules": [{"ResourceType": "collection", "Resource": ["collection/x"]}]}),
        ("encryption", {"AWSOwnedKey": True, "Rules": []}),
        ("encryption", {"AWSOwnedKey": True, "Rules": [{"ResourceType": "index", "Resource": ["i"]}]}),
        ("network", {"AllowFromPublic": True}),
        ("network", [{"Rules": [{"ResourceType": "collection", "Resource": ["collection/x"]}]}]),
        ("network", "{"),
    ],
)  # fmt: skip
def test_a_policy_that_says_nothing_is_refused(root: Callable[[str], Any], kind: str, policy: Any) -> None:
    given = policy if isinstance(policy, str) else json.dumps(policy)
    with pytest.raises(ClientError, match="Policy json is invalid"):
        root("opensearchserverless").create_security_policy(
            type=kind, name=f"p-{next(_numbers)}", policy=given
        )


@pytest.mark.parametrize(
    "change",
    [
        {"Permission": ["aoss:Everything"]},
        {"Resource": ["index/*x/y"]},
        {"Resource": ["collection/x"]},
        {"ResourceType": "table"},
        {"Colour": "red"},
    ],
)
def test_a_data_access_policy_names_what_there_is(root: Callable[[str], Any], change: dict[str, Any]) -> None:
    rule = {"ResourceType": "index", "Resource": ["index/x/y"], "Permission": ["aoss:ReadDocument"]}
    policy = [{"Principal": ["arn:aws:iam::123456789012:role/r"], "Rules": [{**rule, **change}]}]
    with pytest.raises(ClientError, match="Policy json is invalid"):
        root("opensearchserverless").create_access_policy(
            type="data", name=f"p-{next(_numbers)}", policy=json.dumps(policy)
        )


@pytest.mark.parametrize(
    ("given", "terms"),
    [
        ("It's 3.14, isn't it?", ["it's", "3.14", "isn't", "it"]),
        ("snake_case kebab-case", ["snake_case", "kebab", "case"]),
        ("東京 is トム's", ["東", "京", "is", "ト", "ム", "s"]),
        ("x" * 300, ["x" * 255, "x" * 45]),
        ("", []),
    ],
)
def test_a_text_is_split_into_words(given: str, terms: list[str]) -> None:
    assert text.words(given) == terms
