"""Vectors in Azure AI Search: one service without keys; its indexes are made by the first write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import search

from serverless_ai_patterns.azure import roles
from serverless_ai_patterns.rag.stores import AiSearch
from serverless_ai_pulumi.azure._place import Place
from serverless_ai_pulumi.azure._roles import assign

SERVERLESS = "serverless"


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchIndexes:
    """The service, and the names of the indexes that will be in it."""

    service: search.Service
    indexes: tuple[str, ...]

    @property
    def places(self) -> dict[str, pulumi.Output[str]]:
        """What the handlers are told of each: its URL."""
        endpoint = pulumi.Output.all(self.service.endpoint, self.service.name).apply(
            lambda made: (made[0] or f"https://{made[1]}.search.windows.net").rstrip("/")
        )
        return {index: pulumi.Output.concat(endpoint, "/indexes/", index) for index in self.indexes}

    def let_in(
        self, name: str, principal_id: pulumi.Output[str], *, writes: bool, opts: pulumi.ResourceOptions
    ) -> list[pulumi.Resource]:
        """Let an identity search the service's indexes, or make them and write and delete what is in them."""
        wanted = {"write": roles.WRITE_INDEX, "define": roles.DEFINE_INDEX}
        if not writes:
            wanted = {"read": roles.READ_INDEX}
        return [
            assign(f"{name}-{use}", role, scope=self.service.id, principal_id=principal_id, opts=opts)
            for use, role in wanted.items()
        ]


def search_indexes(
    name: str,
    indexes: Iterable[str],
    store: AiSearch,
    place: Place,
    *,
    opts: pulumi.ResourceOptions,
) -> SearchIndexes:
    """A service of tokens only, without semantic ranking, which is paid by itself.

    `serverless` is a preview: by what is documented it is in West Central US, Switzerland North and Japan
    East only. Whether the provider's version of the API (2025-05-01) takes it is not known: its SDK has the
    word in a description, but not among the values.
    """
    service = search.Service(
        name,
        resource_group_name=place.group,
        search_service_name=place.unique,
        sku=search.SkuArgs(name=store.sku),
        replica_count=None if store.sku == SERVERLESS else store.replicas,
        disable_local_auth=True,
        semantic_search=search.SearchSemanticSearch.DISABLED,
        opts=opts,
    )
    return SearchIndexes(service=service, indexes=tuple(indexes))
