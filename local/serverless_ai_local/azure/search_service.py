"""A fake of AI Search's REST API, with Entra tokens only: indexes, documents by batches, searches.

What is written can be found at once. Vector search is exact whatever the algorithm, and keyword search is
BM25 without stemming. Nothing of it is Microsoft's.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.azure import search_index, search_query
from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.calls import Call, ServiceFault, error_reply, reply
from serverless_ai_local.azure.entra import Principal
from serverless_ai_local.azure.estate import Estate, Resource
from serverless_ai_local.azure.search_index import Index, bad
from serverless_ai_local.plain import is_list, is_mapping

SERVICE: Final = "search:Service"
AUDIENCES: Final = ("https://search.azure.com",)
VERSIONS: Final = ("2024-07-01", "2025-09-01", "2026-04-01")
"""The stable ones that have vector search."""
MOST_ACTIONS: Final = 1000
MOST_BYTES: Final = 16 * 1024 * 1024
_INDEXES: Final = "Microsoft.Search/searchServices/indexes"
_DOCUMENTS: Final = f"{_INDEXES}/documents"
_NO_TOKEN: Final = ServiceFault(401, "Unauthorized", "Unauthorized", {"www-authenticate": "Bearer"})
_NAMED: Final = re.compile(r"indexes\('([^']*)'\)")
_ACTIONS: Final[Mapping[str, str]] = {
    "upload": f"{_DOCUMENTS}/write",
    "merge": f"{_DOCUMENTS}/write",
    "mergeOrUpload": f"{_DOCUMENTS}/write",
    "delete": f"{_DOCUMENTS}/delete",
}
"""Of a batch -> the data action that it needs."""


class SearchService:
    """All search services."""

    def __init__(self, estate: Estate, access: Access) -> None:
        self._estate, self._access = estate, access
        self._indexes: dict[tuple[str, str], Index] = {}
        self._lock = threading.Lock()
        estate.watch(self._follow)

    def __call__(self, call: Call) -> Response:
        try:
            return self._answer(call)
        except ServiceFault as fault:
            return error_reply(fault)

    def _answer(self, call: Call) -> Response:
        service = self._estate.find(SERVICE, call.parts[0])
        if service is None:
            raise ServiceFault(404, "ResourceNotFound", f"there is no search service {call.parts[0]}")
        if "api-key" in call.headers:
            raise ServiceFault(
                403, "Forbidden", "Access denied due to invalid credentials: keys are disabled."
            )
        who = self._access.caller(call, AUDIENCES, _NO_TOKEN)
        if call.query.get("api-version") not in VERSIONS:
            raise ServiceFault(
                400, "UnsupportedApiVersion", f"api-version must be one of {', '.join(VERSIONS)}"
            )
        name, below = _named(call)
        key = (service.id, name)
        match (call.method, below):
            case ("PUT", ""):
                return self._define(call, who, service, name)
            case ("GET", ""):
                self._check(who, service, f"{_INDEXES}/read")
                return reply(self._index(key).definition)
            case ("DELETE", ""):
                self._check(who, service, f"{_INDEXES}/delete")
                with self._lock:
                    self._indexes.pop(key, None)
                return Response(status=204)
            case ("POST", "docs/search.index"):
                return self._write(call, who, service, key)
            case ("POST", "docs/search.post.search"):
                self._check(who, service, f"{_DOCUMENTS}/read")
                return reply({"value": search_query.search(self._index(key), _body(call))})
            case ("GET", "docs/$count"):
                self._check(who, service, f"{_DOCUMENTS}/read")
                return Response(str(len(self._index(key).all())), 200, content_type="text/plain")
            case _:
                raise ServiceFault(
                    501, "NotImplemented", f"{call.method} {call.target} is not offered locally"
                )

    def _define(self, call: Call, who: Principal, service: Resource, name: str) -> Response:
        self._check(who, service, f"{_INDEXES}/write")
        definition = _body(call)
        search_index.check(name, definition)
        with self._lock:
            there = self._indexes.get((service.id, name))
            if there is not None and call.headers.get("if-none-match") == "*":
                message = "The precondition given in one of the request headers evaluated to false."
                raise ServiceFault(412, "", f"{message} An index named '{name}' already exists.")
            if there is not None and there.definition != definition:
                raise ServiceFault(501, "NotImplemented", "an index is not changed locally: make another one")
            if there is None:
                self._indexes[service.id, name] = Index(definition)
        return reply(definition, 200 if there else 201)

    def _write(self, call: Call, who: Principal, service: Resource, key: tuple[str, str]) -> Response:
        if len(call.body) > MOST_BYTES:
            raise ServiceFault(413, "RequestEntityTooLarge", "The request is larger than 16 MB.")
        actions = _body(call).get("value")
        if not is_list(actions) or not 1 <= len(actions) <= MOST_ACTIONS or not all(map(is_mapping, actions)):
            raise bad(f"The request is invalid: a batch has 1 to {MOST_ACTIONS} actions.")
        kinds = [str(one.get("@search.action", "upload")) for one in actions]
        for kind in kinds:
            if kind not in _ACTIONS:
                raise bad(f"The request is invalid: there is no action {kind}.")
        for action in {_ACTIONS[kind] for kind in kinds}:
            self._check(who, service, action)
        index = self._index(key)
        documents = [
            {name: value for name, value in one.items() if name != "@search.action"} for one in actions
        ]
        for one in documents:
            unknown = sorted(one.keys() - index.fields.keys())
            if unknown:
                raise bad(f"The property '{unknown[0]}' does not exist on type 'search.documentFields'.")
        results = [_result(index, kind, one) for kind, one in zip(kinds, documents, strict=True)]
        return reply({"value": results}, 200 if all(one["status"] for one in results) else 207)

    def _index(self, key: tuple[str, str]) -> Index:
        with self._lock:
            found = self._indexes.get(key)
        if found is None:
            service = key[0].rpartition("/")[2]
            raise ServiceFault(404, "", f"The index '{key[1]}' for service '{service}' was not found.")
        return found

    def _check(self, who: Principal, service: Resource, action: str) -> None:
        refusal = f"The principal {who.oid} may not perform {action} on {service.id}."
        if not self._access.allows(who, service.id, action, refusal=refusal):
            raise ServiceFault(403, "Forbidden", refusal)

    def _follow(self, resource: Resource, exists: bool) -> None:
        if resource.kind == SERVICE and not exists:
            with self._lock:
                self._indexes = {key: one for key, one in self._indexes.items() if key[0] != resource.id}


def _named(call: Call) -> tuple[str, str]:
    """The index that the call is about, and what of it."""
    rest = call.parts[1:]
    match = _NAMED.fullmatch(rest[0]) if rest else None
    if match:
        return match[1], "/".join(rest[1:])
    raise ServiceFault(501, "NotImplemented", f"{call.method} {call.target} is not offered locally")


def _body(call: Call) -> dict[str, Any]:
    """A lone half of a surrogate pair is no character of JSON to the service either."""
    try:
        body = call.json()
        json.dumps(body, ensure_ascii=False).encode()
    except ValueError:
        raise bad("The request is invalid: the body is not JSON in UTF-8.") from None
    return body


def _result(index: Index, kind: str, document: Mapping[str, Any]) -> dict[str, Any]:
    status, wrong = index.act(kind, document)
    return {
        "key": document.get(index.key),
        "status": status < 300,
        "errorMessage": wrong or None,
        "statusCode": status,
    }
