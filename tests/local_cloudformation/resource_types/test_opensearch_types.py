"""Collections of OpenSearch Serverless, their groups and policies as declared, seen through boto3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from serverless_ai_local.aws.provider import Made, ResourceError
from serverless_ai_patterns.aws import opensearch as data
from serverless_ai_patterns.rag.stores import OpenSearch

TYPE = "AWS::OpenSearchServerless::"


@pytest.fixture
def aoss(types: Any) -> Any:
    return types.client("opensearchserverless")


@pytest.fixture
def keys(types: Any) -> Iterator[None]:
    """A key for every collection whose name begins with `shop`."""
    policy = json.dumps(data.encryption_policy("shop*", None))
    with types.made(f"{TYPE}SecurityPolicy", {"Name": "shop", "Type": "encryption", "Policy": policy}):
        yield


@pytest.mark.parametrize(
    ("family", "kind", "documents"),
    [
        (
            "Security",
            "encryption",
            [data.encryption_policy("x", None), data.encryption_policy("x", "arn:aws:kms:x:1:key/a")],
        ),
        ("Security", "network", [data.network_policy("x"), data.network_policy("y")]),
        (
            "Access",
            "data",
            [
                data.access_policy("x", ["i"], OpenSearch(), readers=["arn:a"], writers=writers)
                for writers in ([], ["arn:b"])
            ],
        ),
    ],
)
def test_a_policy_is_made_changed_and_removed(
    types: Any, aoss: Any, family: str, kind: str, documents: list[Any]
) -> None:
    get = getattr(aoss, f"get_{family.lower()}_policy")

    def read(made: Made) -> Any:
        found = get(type=kind, name=made.physical_id.split("|")[1])[f"{family.lower()}PolicyDetail"]
        return {"policy": found["policy"], "description": found["description"]}

    old, new = documents
    named = {"Name": f"shop-{kind}", "Type": kind}
    made = types.lives(
        f"{TYPE}{family}Policy",
        read,
        [
            ({**named, "Policy": json.dumps(old), "Description": "d"}, {"policy": old, "description": "d"}),
            ({**named, "Policy": json.dumps(new)}, {"policy": new, "description": ""}),
        ],
    )
    assert made.physical_id == f"{kind}|shop-{kind}"
    assert types.provider(f"{TYPE}{family}Policy").replaces(named, {**named, "Name": "other"})
    with pytest.raises(aoss.exceptions.ResourceNotFoundException):
        get(type=kind, name=f"shop-{kind}")


def test_a_group_and_its_collection_live(types: Any, aoss: Any, keys: None) -> None:
    limits = {"MaxIndexingCapacityInOcu": 2, "MaxSearchCapacityInOcu": 2, "MinSearchCapacityInOcu": 0}
    group = {"Name": "shop", "StandbyReplicas": "ENABLED", "Generation": "NEXTGEN"}
    with types.made(f"{TYPE}CollectionGroup", {**group, "CapacityLimits": limits}) as there:

        def read(made: Made) -> Any:
            found = aoss.batch_get_collection(ids=[made.physical_id])["collectionDetails"][0]
            tags = aoss.list_tags_for_resource(resourceArn=found["arn"])["tags"]
            return {
                "name": found["name"],
                "group": found["collectionGroupName"],
                "key": found["kmsKeyArn"],
                "description": found["description"],
                "protected": found["deletionProtection"],
                "tags": {tag["key"]: tag["value"] for tag in tags},
            }

        named = {"Name": "shop-1", "Type": "VECTORSEARCH", "CollectionGroupName": "shop"}
        shown = {"name": "shop-1", "group": "shop", "key": "auto", "protected": "DISABLED"}
        made = types.lives(
            f"{TYPE}Collection",
            read,
            [
                (
                    {**named, "Description": "d", "Tags": [{"Key": "a", "Value": "1"}]},
                    {**shown, "description": "d", "tags": {"a": "1"}},
                ),
                (named, {**shown, "description": "", "tags": {}}),
            ],
        )
        assert made.attributes["CollectionEndpoint"] == f"{types.url}/_aws/aoss/{made.physical_id}"
        assert made.attributes["Arn"].endswith(f":collection/{made.physical_id}")
        assert aoss.batch_get_collection(ids=[made.physical_id])["collectionDetails"] == []
        provider = types.provider(f"{TYPE}Collection")
        assert provider.replaces(named, {**named, "CollectionGroupName": "other"})
        assert there.attributes.keys() == {"Arn", "Id"}
    assert aoss.batch_get_collection_group(names=["shop"])["collectionGroupDetails"] == []


def test_a_groups_capacity_changes_in_place_and_its_generation_does_not(types: Any, aoss: Any) -> None:
    def read(made: Made) -> Any:
        found = aoss.batch_get_collection_group(ids=[made.physical_id])["collectionGroupDetails"][0]
        return {"limits": found["capacityLimits"], "generation": found["generation"]}

    def properties(most: int) -> dict[str, Any]:
        limits = {"MaxIndexingCapacityInOcu": most, "MaxSearchCapacityInOcu": most}
        return {"Name": "shop-g", "StandbyReplicas": "ENABLED", "CapacityLimits": limits}

    types.lives(
        f"{TYPE}CollectionGroup",
        read,
        [
            (
                properties(most),
                {
                    "limits": {"maxIndexingCapacityInOCU": most, "maxSearchCapacityInOCU": most},
                    "generation": "CLASSIC",
                },
            )
            for most in (2, 8)
        ],
    )
    provider = types.provider(f"{TYPE}CollectionGroup")
    assert provider.replaces(properties(2), {**properties(2), "Generation": "NEXTGEN"})
    low = {"MaxSearchCapacityInOcu": 2, "MinSearchCapacityInOcu": 4}
    with pytest.raises(ResourceError, match="capacityLimits of search cannot be 4"):
        provider.create(types.context(), "R", {**properties(2), "CapacityLimits": low})


def test_a_collection_without_a_key_is_not_made(types: Any) -> None:
    with pytest.raises(ResourceError, match="No matching security policy of encryption type found"):
        types.provider(f"{TYPE}Collection").create(
            types.context(), "R", {"Name": "unkeyed", "Type": "VECTORSEARCH"}
        )
