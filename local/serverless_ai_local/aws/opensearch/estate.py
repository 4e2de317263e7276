"""The collections, groups and policies that there are, and the indexes of each collection."""

from __future__ import annotations

import base64
import secrets
import string
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from serverless_ai_local.aws.opensearch import policies
from serverless_ai_local.aws.opensearch.index import Index

NEXTGEN = "NEXTGEN"
PATH = "/_aws/aoss/"


@dataclass(kw_only=True, slots=True)
class Policy:
    kind: str
    """`encryption`, `network` or `data`."""
    name: str
    region: str
    document: Any
    description: str
    version: str
    created: int
    modified: int


@dataclass(kw_only=True, slots=True)
class Group:
    id: str
    arn: str
    name: str
    region: str
    standby: str
    generation: str
    description: str
    limits: dict[str, Any]
    created: int


@dataclass(kw_only=True, slots=True)
class Collection:
    id: str
    arn: str
    name: str
    region: str
    type: str
    standby: str
    key: str
    description: str
    group: str
    """Name of its group, if it has one."""
    nextgen: bool
    protection: str
    vectors: dict[str, Any]
    created: int
    modified: int
    indexes: dict[str, Index] = field(default_factory=dict[str, Index])
    lock: Any = field(default_factory=threading.RLock)


class Estate:
    """Everything of OpenSearch Serverless on this cloud; `url` is the cloud's."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.lock = threading.RLock()
        self.policies: dict[tuple[str, str, str], Policy] = {}
        """By region, kind and name."""
        self.groups: dict[str, Group] = {}
        self.collections: dict[str, Collection] = {}
        self.tags: dict[str, dict[str, str]] = {}
        """By ARN."""

    def endpoint(self, collection: Collection) -> str:
        """URL of its data plane."""
        return f"{self._url}{PATH}{collection.id}"

    def documents(self, region: str, kind: str) -> list[Any]:
        """Those of all policies of a kind."""
        with self.lock:
            return [
                one.document for one in self.policies.values() if (one.region, one.kind) == (region, kind)
            ]

    def key_of(self, region: str, name: str) -> str | None:
        """The key that an encryption policy gives to a collection of this name."""
        keys = (policies.key_of(one, name) for one in self.documents(region, "encryption"))
        return next((key for key in keys if key is not None), None)

    def open_to_public(self, collection: Collection) -> bool:
        """Whether a network policy lets anybody's network in."""
        found = self.documents(collection.region, "network")
        return any(policies.lets_in(one, collection.name) for one in found)

    def allows(self, collection: Collection, principals: Sequence[str], permission: str, index: str) -> bool:
        """Whether a data access policy allows it."""
        resource = f"index/{collection.name}/{index}"
        found = self.documents(collection.region, "data")
        return any(policies.allows(one, principals, permission, resource) for one in found)


def new_id() -> str:
    """As those of collections and groups."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(20))


def new_version() -> str:
    """Of a policy."""
    return base64.b64encode(secrets.token_bytes(15)).decode()


def now() -> int:
    """Milliseconds."""
    return int(time.time() * 1000)
