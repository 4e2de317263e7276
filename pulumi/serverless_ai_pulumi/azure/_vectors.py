"""Where vectors are kept: one shape for every store, so that the pattern need not know which it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import pulumi

from serverless_ai_patterns.rag.stores import AiSearch, Cosmos, VectorStore
from serverless_ai_pulumi._floor import tell_floor
from serverless_ai_pulumi.azure._ai_search import search_indexes
from serverless_ai_pulumi.azure._cosmos_vectors import cosmos_vectors
from serverless_ai_pulumi.azure._place import Place
from serverless_ai_pulumi.azure._store import StateContainer, sql_database
from serverless_ai_runtime.adapters.azure.cosmos_vectors import CAPABILITY
from serverless_ai_runtime.adapters.azure.cosmos_words import CAPABILITY as WORDS_CAPABILITY

DATABASE: Final = "vectors"


class Vectors(Protocol):
    """A store that was made. Its resources are attributes of their own."""

    @property
    def places(self) -> Mapping[str, pulumi.Output[str]]:
        """Index -> where its vectors are, as the handlers are told."""
        ...

    def let_in(
        self, name: str, principal_id: pulumi.Output[str], *, writes: bool, opts: pulumi.ResourceOptions
    ) -> list[pulumi.Resource]:
        """Let an identity search the indexes, or write to them too; what it must wait for."""
        ...


def capabilities(store: VectorStore, *, words: bool) -> Sequence[str]:
    """What the account of the records must be able to do, where the vectors are in it too."""
    if not isinstance(store, Cosmos):
        return ()
    return (CAPABILITY, WORDS_CAPABILITY) if words else (CAPABILITY,)


def vectors(
    name: str,
    place: Place,
    state: StateContainer,
    indexes: Mapping[str, int],
    store: VectorStore,
    *,
    words: bool,
    opts: pulumi.ResourceOptions,
) -> Vectors:
    """The store of these settings, with an index for each name in `indexes`, whose value is its dimension.

    `words`: it is searched by these too. `state`: of the pattern's records, whose account may hold vectors as
    well.
    """
    tell_floor(opts.parent, store)
    if isinstance(store, Cosmos):
        database = sql_database(f"{name}-database", DATABASE, place, state.account, opts=opts)
        return cosmos_vectors(name, place, state.account, database, indexes, words=words, opts=opts)
    if isinstance(store, AiSearch):
        return search_indexes(name, indexes, store, place, opts=opts)
    raise ValueError(f"{name}: Azure has no store {store!r}")
