"""The local Cosmos DB through Microsoft's SDK, its roles, and items that expire."""

from __future__ import annotations

import json
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.cosmos import ContainerProxy, CosmosClient
from azure.cosmos.exceptions import (
    CosmosAccessConditionFailedError,
    CosmosHttpResponseError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)
from azure_callers import Authorise, ours

from serverless_ai_local.azure.access import _may
from serverless_ai_local.azure.cosmos import ItemError, Items, Partition
from serverless_ai_local.azure.roles import COSMOS_ROLES
from serverless_ai_patterns.azure import roles
from serverless_ai_runtime.adapters.azure import cosmos, cosmos_scan
from serverless_ai_runtime.adapters.azure.cosmos_scan import ScannableCosmos
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline

AUDIENCE = cosmos.RESOURCE


@pytest.fixture(scope="module")
def account(subscription: Any) -> Any:
    made = subscription.make("cosmosdb:DatabaseAccount", kind="GlobalDocumentDB")
    subscription.make("cosmosdb:SqlResourceSqlDatabase", accountName=made.name, databaseName="state")
    subscription.make(
        "cosmosdb:SqlResourceSqlContainer",
        accountName=made.name,
        databaseName="state",
        containerName="records",
        resource={"id": "records", "partitionKey": {"kind": "Hash", "paths": ["/pk"]}, "defaultTtl": -1},
    )
    return made


def grant(subscription: Any, account: Any, principal: str, scope: str = "/dbs/state/colls/records") -> Any:
    return subscription.make(
        "cosmosdb:SqlResourceSqlRoleAssignment",
        accountName=account.name,
        principalId=principal,
        roleDefinitionId=f"{account.id}/sqlRoleDefinitions/{roles.USE_RECORDS.id}",
        scope=account.id + scope,
    )


def client(subscription: Any, account: Any, principal: str) -> ContainerProxy:
    transport = Authorise(subscription.token(AUDIENCE, principal))
    sdk = CosmosClient(account.outputs["documentEndpoint"], "a2V5", transport=transport)
    return sdk.get_database_client("state").get_container_client("records")


@pytest.fixture
def container(subscription: Any, account: Any, principal: str) -> ContainerProxy:
    grant(subscription, account, principal, "")
    return client(subscription, account, principal)


def test_the_sdk_creates_reads_replaces_and_deletes(container: ContainerProxy) -> None:
    made = container.create_item({"id": "a", "pk": "a", "n": 1})
    assert container.read_item("a", "a")["_etag"] == made["_etag"]
    changed = container.replace_item("a", {"id": "a", "pk": "a", "n": 2})
    assert changed["_etag"] != made["_etag"]
    with pytest.raises(CosmosResourceExistsError):
        container.create_item({"id": "a", "pk": "a"})
    with pytest.raises(CosmosAccessConditionFailedError):
        container.replace_item(
            "a", {"id": "a", "pk": "a"}, etag=made["_etag"], match_condition=MatchConditions.IfNotModified
        )
    container.delete_item("a", "a")
    with pytest.raises(CosmosResourceNotFoundError):
        container.read_item("a", "a")


def test_the_sdk_patches_under_a_condition(container: ContainerProxy) -> None:
    container.create_item({"id": "c", "pk": "c", "total": 5})
    change = [{"op": "incr", "path": "/total", "value": 3}]
    assert container.patch_item("c", "c", change, filter_predicate="from c where c.total <= 7")["total"] == 8
    with pytest.raises(CosmosAccessConditionFailedError):
        container.patch_item("c", "c", change, filter_predicate="from c where c.total <= 7")
    with pytest.raises(CosmosHttpResponseError, match="conditions like"):
        container.patch_item("c", "c", change, filter_predicate="from c where c.total <= 7 or 1 = 1")
    with pytest.raises(CosmosResourceNotFoundError):
        container.patch_item("none", "none", change)


def test_partitions_are_apart(container: ContainerProxy) -> None:
    container.create_item({"id": "p", "pk": "one"})
    container.create_item({"id": "p", "pk": "two"})
    with pytest.raises(CosmosResourceNotFoundError):
        container.read_item("p", "three")


def test_what_it_does_not_offer_is_said(container: ContainerProxy) -> None:
    with pytest.raises(CosmosHttpResponseError, match="does not offer this query"):
        list(container.query_items("select count(1) from c", partition_key="a"))
    with pytest.raises(CosmosHttpResponseError, match="not offered"):
        list(container.list_conflicts())


def test_an_identity_may_use_only_the_containers_that_it_was_granted(
    subscription: Any, account: Any, principal: str, call: Any
) -> None:
    url = f"{account.outputs['documentEndpoint']}dbs/state/colls/records/docs/x"
    headers = {
        "authorization": cosmos.authorization(subscription.token(AUDIENCE, principal)),
        "x-ms-documentdb-partitionkey": json.dumps(["x"]),
    }
    denied = call("GET", url, headers=headers)
    assert (denied.status, denied.body["code"]) == (403, "Forbidden")
    assert principal in denied.body["message"]
    grant(subscription, account, principal, "/dbs/state/colls/others")
    assert call("GET", url, headers=headers).status == 403
    granted = grant(subscription, account, principal)
    assert call("GET", url, headers=headers).status == 404
    subscription.remove(granted)
    assert call("GET", url, headers=headers).status == 403
    allowed = [check["allowed"] for check in subscription.checks(principal)]
    assert allowed.count(True) == 1


def test_keys_and_bearer_tokens_are_not_its_form(subscription: Any, account: Any, call: Any) -> None:
    url = account.outputs["documentEndpoint"]
    assert call("GET", url, subscription.token(AUDIENCE)).status == 401
    assert call("GET", url, headers={"authorization": "type%3Dmaster%26ver%3D1.0%26sig%3Dx"}).status == 401


def test_a_missing_container_is_told_from_a_missing_item(subscription: Any, account: Any, call: Any) -> None:
    headers = {"authorization": cosmos.authorization(subscription.token(AUDIENCE))}
    reply = call("GET", f"{account.outputs['documentEndpoint']}dbs/state/colls/none/docs/x", headers=headers)
    assert (reply.status, reply.headers["x-ms-substatus"]) == (404, "1003")


def test_items_expire_by_their_own_time() -> None:
    now = [100.0]
    items, there = Items(lambda: now[0]), Partition("c", "k", -1)
    items.create(there, {"id": "short", "ttl": 10})
    items.create(there, {"id": "long"})
    now[0] = 110.0
    with pytest.raises(ItemError, match="does not exist"):
        items.read(there, "short")
    assert items.read(there, "long")["id"] == "long"
    items.create(there, {"id": "short", "ttl": 1})  # what has expired is gone


def test_without_ttl_on_the_container_nothing_expires() -> None:
    now = [0.0]
    items, there = Items(lambda: now[0]), Partition("c", "k", None)
    items.create(there, {"id": "a", "ttl": 1})
    now[0] = 10_000.0
    assert items.read(there, "a")


@pytest.mark.parametrize("ttl", [0, -2, True, "10", 1.5, None])
def test_an_impossible_ttl_is_refused(ttl: object) -> None:
    with pytest.raises(ItemError, match="ttl"):
        Items().create(Partition("c", "k", -1), {"id": "a", "ttl": ttl})


# -- records that are gone through ------------------------------------------------------------------------
def test_records_are_found_by_how_their_keys_begin_and_each_once(
    subscription: Any, account: Any, principal: str
) -> None:
    grant(subscription, account, principal)
    url = f"{account.outputs['documentEndpoint']}dbs/state/colls/records"
    cloud = ours(subscription, principal)
    service = Service(cloud, "CosmosDB", url, AUDIENCE, authorization=cosmos.authorization)
    store = ScannableCosmos(service)
    for number in range(7):
        store.put(f"doc.i1.{number}", {"n": number}, expect=None, expires_at=0, deadline=Deadline(5))
    for other in ("doc.i2.1", "doc.i", "epoch.i1.7", "xdoc.i1.8"):
        store.put(other, {"n": -1}, expect=None, expires_at=0, deadline=Deadline(5))
    store.add("doc-counter", 1, limit=None, expires_at=0, deadline=Deadline(5))
    found: list[int] = []
    after, pages = "", 0
    while pages == 0 or after:
        records, after = store.scan("doc.i1.", after, 3, Deadline(5))
        found, pages = found + [one.value["n"] for one in records], pages + 1
    assert (sorted(found), pages) == (list(range(7)), 3)
    (one,), _ = store.scan("doc.i1.6", "", 3, Deadline(5))
    store.put("doc.i1.6", {"n": 66}, expect=one.version, expires_at=0, deadline=Deadline(5))


def test_the_role_for_records_allows_every_call_that_is_made_of_them() -> None:
    wanted = {*cosmos.DATA_ACTIONS, *cosmos_scan.SCAN_ACTIONS}
    role = COSMOS_ROLES[roles.USE_RECORDS.id]
    assert all(_may(role, action) for action in wanted)
