"""Records of a Cosmos DB container by queries: many at once, or by how their keys begin, for repairs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from serverless_ai_runtime.adapters.azure.cosmos import (
    API_VERSION,
    CosmosStore,
    expiry_of,
    item_id,
    record_of,
)
from serverless_ai_runtime.adapters.azure.service import http_date
from serverless_ai_runtime.core.ports import Deadline, Record

SCAN_ACTIONS: Final = ("Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/executeQuery",)
"""What of `cosmos.DATA_ROLE` is used beside `cosmos.DATA_ACTIONS`."""

MOST_READ: Final = 100
"""Records of one query: ours."""


# Nothing but a filter: each partition answers it for itself, so that the gateway takes it without a plan.
# Ids are in the index even where every path is left out of it.
_SCAN, _READ_MANY = "ScanItems", "ReadItems"
_BEGINS: Final = "SELECT * FROM c WHERE STARTSWITH(c.id, @v0)"
_AMONG: Final = "SELECT * FROM c WHERE c.id IN ({})"
_CONTINUATION: Final = "x-ms-continuation"
_MOST_KIB: Final = "4"
"""Of a continuation: it has to fit into a message."""


class ScannableCosmos(CosmosStore):
    """A `CosmosStore` of which many records are read at once."""

    def get_many(self, keys: Sequence[str], deadline: Deadline) -> dict[str, Record]:
        names = {item_id(key): key for key in keys}
        ids = list(names)
        found: dict[str, Record] = {}
        for start in range(0, len(ids), MOST_READ):
            some, after = ids[start : start + MOST_READ], ""
            among = _AMONG.format(", ".join(f"@v{number}" for number in range(len(some))))
            while True:
                page = self._page(_READ_MANY, _query(among, some), after, MOST_READ, deadline)
                found.update((names[one], record) for one, record in page.records if one in names)
                after = page.more
                if not after:
                    break
        return found

    def scan(self, prefix: str, after: str, most: int, deadline: Deadline) -> tuple[list[Record], str]:
        """`after` is what the service gave, and good for the same prefix only.

        A page may be smaller than asked for, or empty.
        """
        page = self._page(_SCAN, _query(_BEGINS, [item_id(prefix)]), after, most, deadline)
        return [record for _, record in page.records], page.more

    def _page(self, operation: str, query: bytes, after: str, most: int, deadline: Deadline) -> _Page:
        def headers() -> dict[str, str]:
            given = {
                "content-type": "application/query+json",
                "x-ms-version": API_VERSION,
                "x-ms-date": http_date(self._service.cloud.world.now()),
                "x-ms-documentdb-isquery": "true",
                "x-ms-documentdb-query-enablecrosspartition": "true",
                "x-ms-documentdb-responsecontinuationtokenlimitinkb": _MOST_KIB,
                "x-ms-max-item-count": str(most),
            }
            return given | ({_CONTINUATION: after} if after else {})

        response = self._service.call(operation, "POST", "/docs", deadline, headers=headers, body=query)
        try:
            items: list[Any] = list(self._service.parsed(operation, response)["Documents"])
            live = [item for item in items if not self._past(expiry_of(item))]
            found = [(str(item["id"]), record_of(item, item["_etag"])) for item in live]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._service.malformed(operation, "there is no list of records of ours") from None
        return _Page(found, response.headers.get(_CONTINUATION, ""))


class _Page(NamedTuple):
    records: list[tuple[str, Record]]
    """Each with its id."""
    more: str
    """Where to go on; "" at the end."""


def _query(text: str, values: Sequence[str]) -> bytes:
    parameters = [{"name": f"@v{number}", "value": value} for number, value in enumerate(values)]
    return json.dumps({"query": text, "parameters": parameters}).encode()
