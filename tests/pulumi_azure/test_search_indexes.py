"""The search service that holds vectors: what it is made as, what it costs, and who may do what with it."""

from __future__ import annotations

import pulumi
import pulumi_azure_native as azure
import pytest
from recorder import Deploy, Recording

from serverless_ai_patterns.azure import roles
from serverless_ai_patterns.azure.prices import UnpricedError, idle
from serverless_ai_patterns.rag.stores import AiSearch
from serverless_ai_pulumi.azure._ai_search import search_indexes
from serverless_ai_pulumi.azure._place import Place
from serverless_ai_runtime.adapters.azure.ai_search import endpoint_and_index

INDEX = "i111111111111"
PLAIN = pulumi.ResourceOptions()


def made(deploy: Deploy, store: AiSearch) -> Recording:
    def program() -> None:
        group = azure.resources.ResourceGroup("rag-group")
        identity = azure.managedidentity.UserAssignedIdentity("rag-identity", resource_group_name=group.name)
        place = Place.of("rag", group, identity)
        indexes = search_indexes("rag-search", [INDEX], store, place, opts=PLAIN)
        for who, writes in (("reader", False), ("writer", True)):
            indexes.let_in(f"rag-{who}-may", pulumi.Output.from_input(who), writes=writes, opts=PLAIN)
        pulumi.export("place", indexes.places[INDEX])

    return deploy(program)


@pytest.fixture(scope="module")
def usual(deploy: Deploy) -> Recording:
    return made(deploy, AiSearch())


def test_the_service_takes_tokens_only_and_ranks_by_nothing_that_is_paid_apart(usual: Recording) -> None:
    service = usual.one("Service")
    assert (
        service.inputs.items()
        >= {
            "sku": {"name": "basic"},
            "replicaCount": 1,
            "disableLocalAuth": True,
            "semanticSearch": "disabled",
        }.items()
    )
    assert "authOptions" not in service.inputs, "they may not stand beside disableLocalAuth"


def test_the_handler_is_told_an_index_that_its_adapter_understands(usual: Recording) -> None:
    endpoint, index = endpoint_and_index(usual.exports["place"])
    assert (endpoint, index) == (f"https://{usual.one('Service').physical}.search.windows.net", INDEX)


def test_who_searches_may_not_write_and_who_writes_may_make_the_index(usual: Recording) -> None:
    rights = {
        (each.inputs["principalId"], each.inputs["roleDefinitionId"].rpartition("/")[2])
        for each in usual.all("RoleAssignment")
    }
    assert rights == {
        ("reader", roles.READ_INDEX.id),
        ("writer", roles.WRITE_INDEX.id),
        ("writer", roles.DEFINE_INDEX.id),
    }
    for each in usual.all("RoleAssignment"):
        assert "/Microsoft.Search/searchServices/rag-" in each.inputs["scope"]


@pytest.mark.parametrize(
    ("store", "usd"),
    [
        (AiSearch(), 73.73),
        (AiSearch(replicas=3), 221.19),
        (AiSearch(sku="standard", replicas=2), 490.56),
        (AiSearch(sku="serverless"), 0.0),
    ],
)
def test_what_it_costs_idle_is_known(deploy: Deploy, store: AiSearch, usd: float) -> None:
    service = made(deploy, store).one("Service")
    assert service.inputs["sku"]["name"] == store.sku
    assert idle(service.type, service.inputs).usd == pytest.approx(usd)


def test_a_tier_without_a_known_price_is_named() -> None:
    with pytest.raises(UnpricedError, match="not as standard3"):
        idle("azure-native:search:Service", {"sku": {"name": "standard3"}})


@pytest.mark.parametrize("place", ["", "https://s.search.windows.net", "/indexes/i", "https://s/indexes/i'x"])
def test_a_place_that_is_no_index_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match="the place of an index"):
        endpoint_and_index(place)
