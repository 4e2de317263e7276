"""One index of Azure AI Search as a `KeywordStore`.

An entry is one document of the index, and every search is filtered by the tenant before anything is looked
for. Tenants, ids and documents that are asked for are stored as digests, which a key and a filter take
whatever is in them and however long they are; the entry's own id and document stand beside. Tags are left to
whoever asks.

An index is no resource of the resource manager: the first write makes it. What is written can be found some
seconds later ("HTTP status codes (Azure AI Search)", learn.microsoft.com, read 2026-11-27).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from serverless_ai_runtime.adapters.azure.ai_search_index import VECTOR, definition
from serverless_ai_runtime.adapters.service import Service, json_object
from serverless_ai_runtime.core.packing import packed
from serverless_ai_runtime.core.ports import Deadline, Refused, ServiceError, Throttled, Unavailable
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.core.records import digest, pause, whole_characters
from serverless_ai_runtime.http import MAX_ATTEMPTS

RESOURCE: Final = "https://search.azure.com"
API_VERSION: Final = "2026-04-01"
"""Stable; as azure-search-documents 12.0.0 sends it."""

READ_ROLE: Final = "Search Index Data Reader"
WRITE_ROLE: Final = "Search Index Data Contributor"
DEFINE_ROLE: Final = "Search Service Contributor"
_INDEXES: Final = "Microsoft.Search/searchServices/indexes"
READ_ACTIONS: Final = (f"{_INDEXES}/documents/read",)
WRITE_ACTIONS: Final = (f"{_INDEXES}/documents/write", f"{_INDEXES}/documents/delete")
DEFINE_ACTIONS: Final = (f"{_INDEXES}/write",)
"""What a write needs beside `WRITE_ACTIONS`, to make the index."""

MOST_ACTIONS: Final = 1000
MOST_BYTES: Final = 16 * 1024 * 1024 - 4096
"""Of one request that indexes: 1000 documents, or 16 MB, of which some is left for what is around them."""
MOST_HITS: Final = 1000
"""Of one page; all three: "Service limits in Azure AI Search", learn.microsoft.com, read 2026-11-27."""
MOST_CHARACTERS: Final = 4000
"""Of a text that is searched for. A query has at most 3000 clauses, words times fields
(github.com/Azure/azure-sdk-for-python/issues/39837), and no word and its space are shorter than two."""

_INDEX, _SEARCH, _SEARCH_TEXT = "IndexDocuments", "SearchDocuments", "SearchDocumentsByText"
_CREATE: Final = "CreateIndex"
_SELECT: Final = "entry,document,text,heading"
_OPERATORS: Final = str.maketrans({sign: f"\\{sign}" for sign in "\\+|\"()'-*~"})
"""Of the simple query syntax, which are plain characters after a backslash ("Simple query syntax in Azure AI
Search", learn.microsoft.com, read 2026-11-27)."""
_LATER: Final[Mapping[int, type[ServiceError]]] = {
    409: Unavailable,
    422: Unavailable,
    429: Throttled,
    503: Throttled,
}
"""Of one document: a version conflict, an index that is not available yet, a service that is too busy."""


def endpoint_and_index(place: str) -> tuple[str, str]:
    """A place, `https://NAME.search.windows.net/indexes/INDEX`, in its parts. Raises `ValueError`."""
    endpoint, _, index = place.rpartition("/indexes/")
    if not urlsplit(endpoint).netloc or not index.isalnum() or not index.isascii():
        raise ValueError(f"the place of an index is https://.../indexes/INDEX; got {place!r}")
    return endpoint, index


class AiSearch:
    """Entries in the index `index` of the search service at `service.url`."""

    def __init__(self, service: Service, index: str, dimension: int) -> None:
        self._service, self._index, self._dimension = service, index, dimension

    def upsert(self, entries: Sequence[Entry], deadline: Deadline) -> None:
        latest: dict[str, dict[str, Any]] = {}
        for entry in entries:
            self._check(_INDEX, entry.vector)
            latest[digest(entry.id)] = {"@search.action": "upload", **_document(entry)}
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return self._run(latest, deadline)
            except Refused as error:
                if error.status != 404:
                    raise
            self._create(deadline)
            if not pause(attempt, self._service.cloud.world, deadline):
                break
        raise Unavailable(self._service.name, _INDEX, 404, "NotYet", "the index is made and not there yet")

    def delete(self, ids: Sequence[str], deadline: Deadline) -> None:
        keys = dict.fromkeys(map(digest, ids))
        actions = {key: {"@search.action": "delete", "id": key} for key in keys}
        try:
            self._run(actions, deadline)
        except Refused as error:
            if error.status != 404:  # where there is no index nothing is in it
                raise

    def search(
        self,
        vector: Sequence[float],
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        self._check(_SEARCH, vector)
        numbers = [float(f"{value:.9g}") for value in vector]
        most = min(most, MOST_HITS)
        asked = {
            "vectorQueries": [{"kind": "vector", "vector": numbers, "fields": VECTOR, "k": most}],
            "vectorFilterMode": "preFilter",
            "filter": _filter(access, documents),
        }
        found = self._found(_SEARCH, asked, most, deadline)
        return [hit._replace(score=_cosine(hit.score)) for hit in found]

    def search_text(
        self,
        text: str,
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        if not any(character.isalnum() for character in text[:MOST_CHARACTERS]):
            return []  # a search for nothing would find everything
        words = whole_characters(text[:MOST_CHARACTERS]).translate(_OPERATORS)
        asked = {
            "search": words,
            "queryType": "simple",
            "searchMode": "any",
            "searchFields": "text",
            "filter": _filter(access, documents),
        }
        return self._found(_SEARCH_TEXT, asked, min(most, MOST_HITS), deadline)

    def _found(self, operation: str, asked: Mapping[str, Any], most: int, deadline: Deadline) -> list[Hit]:
        """Page by page. Where there is no index there is nothing to be found."""
        payload: Mapping[str, Any] = {**asked, "select": _SELECT, "top": most}
        path = self._path("/docs/search.post.search")
        hits: list[Hit] = []
        try:
            while len(hits) < most:
                body = self._service.post_json(operation, path, payload, deadline)
                page = self._hits(operation, body)
                hits += page
                more = body.get("@search.nextPageParameters")
                if not page or more is None:
                    break
                payload = json_object(more)
        except Refused as error:
            if error.status != 404:
                raise
        except TypeError:
            raise self._service.malformed(operation, "the next page is not an object") from None
        return hits[:most]

    def _hits(self, operation: str, body: Mapping[str, Any]) -> list[Hit]:
        try:
            return [_hit(json_object(one)) for one in body["value"]]
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise self._service.malformed(operation, f"not entries of ours: {error!r}") from None

    def _run(self, actions: Mapping[str, Mapping[str, Any]], deadline: Deadline) -> None:
        """Do all of them, by key; what the service was too busy for is sent again, alone."""
        for batch in packed(actions.items(), _action_bytes, MOST_ACTIONS, MOST_BYTES):
            left, attempt = dict(batch), 1
            while errors := self._failures(left, deadline):
                final = next((one for one in errors.values() if not one.retryable), None)
                if final:
                    raise final
                if attempt == MAX_ATTEMPTS or not pause(attempt, self._service.cloud.world, deadline):
                    raise next(iter(errors.values()))
                left = {key: left[key] for key in errors}
                attempt += 1

    def _failures(
        self, actions: Mapping[str, Mapping[str, Any]], deadline: Deadline
    ) -> dict[str, ServiceError]:
        """By key, why some were not done: the answer to a batch is a success that tells of each."""
        payload = {"value": list(actions.values())}
        body = self._service.post_json(_INDEX, self._path("/docs/search.index"), payload, deadline)
        try:
            results = {str(one["key"]): json_object(one) for one in body["value"]}
            failed = {key: results[key] for key in actions if results[key]["status"] is not True}
            return {key: self._failure(int(one["statusCode"]), one) for key, one in failed.items()}
        except (KeyError, TypeError, ValueError):
            raise self._service.malformed(_INDEX, "there is not one result for each document") from None

    def _failure(self, status: int, result: Mapping[str, Any]) -> ServiceError:
        kind = _LATER.get(status, Refused)
        message = f"a document was not indexed: {result.get('errorMessage')}"
        return kind(self._service.name, _INDEX, status, str(status), message)

    def _create(self, deadline: Deadline) -> None:
        body = json.dumps(definition(self._index, self._dimension)).encode()
        # One that somebody else has made meanwhile stays as it is.
        headers = {"content-type": "application/json", "if-none-match": "*", "prefer": "return=minimal"}
        try:
            self._service.call(_CREATE, "PUT", self._path(""), deadline, headers=lambda: headers, body=body)
        except Refused as error:
            if error.status not in (409, 412):
                raise

    def _path(self, below: str) -> str:
        return f"/indexes('{self._index}'){below}?api-version={API_VERSION}"

    def _check(self, operation: str, vector: Sequence[float]) -> None:
        if len(vector) != self._dimension:
            text = f"the vector has {len(vector)} numbers, the index's have {self._dimension}"
            raise Refused(self._service.name, operation, 0, "WrongDimension", text)


def _document(entry: Entry) -> dict[str, Any]:
    return {
        "id": digest(entry.id),
        "tenant": digest(entry.access.tenant),
        "doc": digest(entry.document),
        "entry": whole_characters(entry.id),
        "document": whole_characters(entry.document),
        "text": whole_characters(entry.text),
        "heading": whole_characters(entry.heading),
        VECTOR: [float(f"{value:.9g}") for value in entry.vector],
    }


def _filter(access: Access, documents: Sequence[str]) -> str:
    """Digests are all that is in it, so that there is nothing to quote."""
    tenant = f"tenant eq '{digest(access.tenant)}'"
    if not documents:
        return tenant
    return f"{tenant} and search.in(doc, '{'|'.join(map(digest, documents))}', '|')"


def _hit(one: Mapping[str, Any]) -> Hit:
    entry, document, text, heading = (one[name] for name in _SELECT.split(","))
    if not all(isinstance(value, str) for value in (entry, document, text, heading)):
        raise TypeError(f"{one['entry']!r} has fields that are not texts")
    score = float(one["@search.score"])
    if score <= 0:
        raise ValueError(f"{one['entry']!r} has the score {score}")
    return Hit(entry, document, text, heading, score)


def _cosine(score: float) -> float:
    """The service gives 1 / (1 + distance), the distance being 1 - cosine ("Relevance in vector search")."""
    return 2 - 1 / score


def _action_bytes(action: tuple[str, Mapping[str, Any]]) -> int:
    return len(json.dumps(action[1])) + 2
