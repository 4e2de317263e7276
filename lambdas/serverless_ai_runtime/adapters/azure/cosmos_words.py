"""The same container searched by words: Cosmos DB's full-text score (BM25), within the tenant's partition.

A query that ranks by it is not answered as it stands. The service says how to ask instead: for counts of the
words, and then for the entries with these counts in the query. So do Microsoft's clients (azure-cosmos,
`hybrid_search_aggregator.py`; azure-cosmos-dotnet-v3, `QueryPlanBaselineTests`; both read 2026-11-27). They
ask all partitions for the counts, or with the scope "Local" that of the query: here it is the tenant alone,
so that nothing of another tenant's text is in a score.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from serverless_ai_runtime.adapters.azure.cosmos_vectors import FIELDS, CosmosVectors
from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.core.rag.ports import Access, Hit
from serverless_ai_runtime.core.records import digest

WORDS: Final = "words"
"""The container's full-text policy and index are of path `/words`: an entry's heading and text."""
LANGUAGE: Final = "en-US"
CAPABILITY: Final = "EnableNoSQLFullTextSearch"
"""That the account must have."""
MOST_TERMS: Final = 10
"""Words of a question that are looked for, the longest: ours."""

_PLAN, _COUNT, _SEARCH = "PlanSearch", "CountWords", "SearchWords"
_FEATURES: Final = (
    "Aggregate,CompositeAggregate,CountIf,HybridSearch,MultipleOrderBy,NonStreamingOrderBy,OrderBy,Top"
)
"""What whoever asks can do himself, as the service wants to know."""
_ASK_FOR_PLAN: Final = {
    "content-type": "application/query+json",
    "x-ms-cosmos-is-query-plan-request": "True",
    "x-ms-cosmos-supported-query-features": _FEATURES,
    "x-ms-cosmos-query-version": "1.0",
}
_WORD: Final = re.compile(r"[^\W_]+")
_DOCUMENTS: Final = "{documentdb-formattablehybridsearchquery-totaldocumentcount}"
_TOTAL: Final = "{documentdb-formattablehybridsearchquery-totalwordcount-0}"
_HITS: Final = "{documentdb-formattablehybridsearchquery-hitcountsarray-0}"
_FILTER: Final = "{documentdb-formattableorderbyquery-filter}"


class _Plan(NamedTuple):
    """How the service wants to be asked."""

    counts: str
    """Query; "" = the search needs none."""
    search: str


class CosmosWords(CosmosVectors):
    """A `KeywordStore`."""

    def search_text(
        self,
        text: str,
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        words = {f"@word{number}": word for number, word in enumerate(terms(text))}
        if not words:
            return []
        wanted = {f"@document{number}": document for number, document in enumerate(documents)}
        listed, narrowed = ", ".join(words), f" AND c.document IN ({', '.join(wanted)})" if wanted else ""
        query = (
            f"SELECT TOP {most} {FIELDS} FROM c "  # noqa: S608 - a number, and names of ours
            f"WHERE FullTextContainsAny(c.{WORDS}, {listed}){narrowed} "
            f"ORDER BY RANK FullTextScore(c.{WORDS}, {listed})"
        )
        given, tenant = words | wanted, digest(access.tenant)
        plan = self._plan(query, given, deadline)
        search = plan.search.replace(_FILTER, "true")
        if plan.counts:
            search = self._counted(plan.counts, search, given, tenant, deadline)
        found = [self._ranked(one) for one in self._query(_SEARCH, search, given, tenant, deadline)]
        return sorted(found, key=lambda hit: -hit.score)[:most]

    def _plan(self, query: str, given: Mapping[str, str], deadline: Deadline) -> _Plan:
        parameters = [{"name": name, "value": value} for name, value in given.items()]
        body = json.dumps({"query": query, "parameters": parameters}).encode()
        said = self._service.parsed(_PLAN, self._call(_PLAN, _ASK_FOR_PLAN, body, deadline))
        try:
            info = said["hybridSearchQueryInfo"]
            (component,) = info["componentQueryInfos"]
            counts = info["globalStatisticsQuery"] if info["requiresGlobalStatistics"] else ""
            return _Plan(str(counts), str(component["rewrittenQuery"]))
        except (KeyError, TypeError, ValueError):
            raise self._service.malformed(_PLAN, "there is no plan of a search by words") from None

    def _counted(
        self, counts: str, search: str, given: Mapping[str, str], tenant: str, deadline: Deadline
    ) -> str:
        """The search with the counts in their places."""
        documents = total = 0
        hits = list[int]()
        try:
            for page in self._query(_COUNT, counts, given, tenant, deadline):
                (words,) = page["fullTextStatistics"]
                documents, total = (
                    documents + int(page["documentCount"]),
                    total + int(words["totalWordCount"]),
                )
                found = [int(one) for one in words["hitCounts"]]
                hits = [left + right for left, right in zip(hits or [0] * len(found), found, strict=True)]
        except (KeyError, TypeError, ValueError):
            raise self._service.malformed(_COUNT, "not the counts of words") from None
        filled = search.replace(_DOCUMENTS, str(documents)).replace(_TOTAL, str(total))
        return filled.replace(_HITS, json.dumps(hits))

    def _ranked(self, one: Mapping[str, Any]) -> Hit:
        try:
            score = float(one["orderByItems"][0]["item"])
            entry: Mapping[str, Any] = one["payload"]["payload"]
            return self._hit({**entry, "score": score})
        except (LookupError, TypeError, ValueError):
            raise self._service.malformed(_SEARCH, f"not a ranked entry: {sorted(one)}") from None


def terms(text: str) -> list[str]:
    """Words to look for: letters and digits only, whatever somebody asked."""
    words = dict.fromkeys(_WORD.findall(text.lower()))
    return sorted(words, key=len, reverse=True)[:MOST_TERMS]
