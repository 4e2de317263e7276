"""OpenSearch Serverless as data: names, policies and limits, so that CDK and Pulumi deploy exactly the same.

A collection is reached over the public network with signed requests; a VPC endpoint is not offered. What a
role may do is said twice: IAM lets it call the collection, and the data access policy gives it the indexes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from serverless_ai_patterns.aws.policy import Statement
from serverless_ai_patterns.rag.stores import OpenSearch
from serverless_ai_runtime.adapters.aws import opensearch
from serverless_ai_runtime.adapters.aws.opensearch_index import Place

COLLECTION_TYPE: Final = "VECTORSEARCH"
NEXTGEN: Final = "NEXTGEN"
STANDBY: Final = "ENABLED"
"""A group of generation NEXTGEN must have it, and its collections as it has it."""
LONGEST_NAME: Final = 32
"""Of a policy, a group or a collection (AWS SDK's model of the service, 2026-11)."""
_DIGEST: Final = 8


def short_name(base: str, store: OpenSearch) -> str:
    """A name that the service takes.

    Another generation has another name: its collection exists beside the old one while that is replaced.
    """
    end = "-" + sha256(f"{base} {store.classic}".encode()).hexdigest()[:_DIGEST]
    plain = re.sub(r"[^a-z0-9]+", "-", base.lower()).strip("-")
    start = plain if plain[:1].isalpha() else f"c-{plain}"
    return start[: LONGEST_NAME - len(end)].strip("-") + end


def limits(store: OpenSearch) -> Mapping[str, int]:
    """Capacity of a group in OCU: nothing while nobody asks."""
    return {
        "min_indexing_capacity_in_ocu": 0,
        "max_indexing_capacity_in_ocu": store.max_ocu,
        "min_search_capacity_in_ocu": 0,
        "max_search_capacity_in_ocu": store.max_ocu,
    }


def encryption_policy(collection: str, key_arn: str | None) -> dict[str, Any]:
    """With this key, or with one of AWS. The key that a collection was made with stays its key."""
    rules = [{"ResourceType": "collection", "Resource": [f"collection/{collection}"]}]
    return {"Rules": rules, **({"KmsARN": key_arn} if key_arn else {"AWSOwnedKey": True})}


def network_policy(collection: str) -> list[dict[str, Any]]:
    """The collection's endpoint, and not its dashboards, from any network."""
    rules = [{"ResourceType": "collection", "Resource": [f"collection/{collection}"]}]
    return [{"Rules": rules, "AllowFromPublic": True}]


def access_policy(
    collection: str,
    indexes: Sequence[str],
    store: OpenSearch,
    *,
    readers: Sequence[str],
    writers: Sequence[str],
) -> list[dict[str, Any]]:
    """What roles (ARNs) may do with these indexes: search, or make and write."""
    write = opensearch.CLASSIC_WRITE_PERMISSIONS if store.classic else opensearch.WRITE_PERMISSIONS
    resources = [f"index/{collection}/{index}" for index in indexes]
    given = (("Read", readers, opensearch.READ_PERMISSIONS), ("Write", writers, write))
    return [
        {
            "Description": description,
            "Rules": [{"ResourceType": "index", "Resource": resources, "Permission": list(permissions)}],
            "Principal": list(roles),
        }
        for description, roles, permissions in given
        if roles
    ]


def use_collection(collection_arn: str) -> Statement:
    """Call the collection's endpoint, as a reader or as a writer."""
    return Statement(sid="UseCollection", actions=opensearch.ACTIONS, resources=[collection_arn])


def places(endpoint: str, indexes: Mapping[str, int], store: OpenSearch) -> dict[str, str]:
    """Index name -> what the function reads of its configuration. The endpoint may be a token."""
    return {
        name: Place(endpoint, name, dimension, store.classic).to_text() for name, dimension in indexes.items()
    }
