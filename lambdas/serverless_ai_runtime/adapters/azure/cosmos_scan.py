"""Records of a Cosmos DB container by the beginning of their keys, for repairs."""

from __future__ import annotations

import json
from typing import Any, Final

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

# Nothing but a filter: each partition answers it for itself, so that the gateway takes it without a plan.
# Ids are in the index even where every path is left out of it.
_QUERY: Final = "SELECT * FROM c WHERE STARTSWITH(c.id, @prefix)"
_OPERATION: Final = "ScanItems"
_CONTINUATION: Final = "x-ms-continuation"
_MOST_KIB: Final = "4"
"""Of a continuation: it has to fit into a message."""


class ScannableCosmos(CosmosStore):
    """A `CosmosStore` whose records can be gone through. A page may be smaller than asked for, or empty."""

    def scan(self, prefix: str, after: str, most: int, deadline: Deadline) -> tuple[list[Record], str]:
        """`after` is what the service gave, and good for the same prefix only."""

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

        body = {"query": _QUERY, "parameters": [{"name": "@prefix", "value": item_id(prefix)}]}
        response = self._service.call(
            _OPERATION, "POST", "/docs", deadline, headers=headers, body=json.dumps(body).encode()
        )
        try:
            items: list[Any] = list(self._service.parsed(_OPERATION, response)["Documents"])
            found = [record_of(item, item["_etag"]) for item in items if not self._past(expiry_of(item))]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._service.malformed(_OPERATION, "there is no list of records of ours") from None
        return found, response.headers.get(_CONTINUATION, "")
