"""The data plane of collections, a fake at /_aws/aoss/{id}/...: indexes, bulk requests, exact searches.

Whoever calls needs a signature, `aoss:APIAccessAll` on the collection, a network policy that opens it, and a
data access policy with the permission of the call. What is written is found at once, which it is not in the
cloud.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Identity
from serverless_ai_local.aws.iam.authoriser import Authoriser
from serverless_ai_local.aws.identities import Identities
from serverless_ai_local.aws.opensearch.bulk import bulk
from serverless_ai_local.aws.opensearch.errors import (
    SearchError,
    forbidden,
    illegal,
    no_permission,
    refusal,
    reply,
)
from serverless_ai_local.aws.opensearch.estate import PATH, Collection, Estate
from serverless_ai_local.aws.opensearch.index import Index
from serverless_ai_local.aws.opensearch.search import search
from serverless_ai_local.aws.signatures import Sent, SignatureError

ACTION: Final = "aoss:APIAccessAll"
SERVICE: Final = "aoss"
_ADDRESS: Final = re.compile(re.escape(PATH) + r"([a-z0-9]+)(/.*)?")
_INDEX_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
_READ, _WRITE = "aoss:ReadDocument", "aoss:WriteDocument"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """A request that was let in."""

    collection: Collection
    index: str
    id: str
    body: bytes
    may: Callable[[str, str], bool]
    """Whether the caller has a permission on an index."""


class CollectionData:
    """Serves every collection."""

    def __init__(self, estate: Estate, identities: Identities, authoriser: Authoriser) -> None:
        self._estate, self._identities, self._authoriser = estate, identities, authoriser

    @staticmethod
    def addressed(path: str) -> bool:
        """Whether a path is one of a collection."""
        return _ADDRESS.fullmatch(path) is not None

    def __call__(self, sent: Sent, source_ip: str) -> Response:
        """Answer a request for which `addressed` is true."""
        found = _ADDRESS.fullmatch(sent.path)
        collection = self._estate.collections.get(found[1]) if found else None
        identity = self._let_in(sent, collection, source_ip)
        if collection is None or identity is None:
            return forbidden()
        try:
            return self._answer(sent, (found[2] if found else "") or "/", collection, identity)
        except SearchError as error:
            return refusal(error)

    def _let_in(self, sent: Sent, collection: Collection | None, source_ip: str) -> Identity | None:
        """Who calls, if that is somebody who may call this collection."""
        try:
            identity, signature = self._identities.authenticate(sent)
        except SignatureError:
            return None
        hashed = any(name.lower() == "x-amz-content-sha256" for name, _ in sent.headers)
        if collection is None or not hashed or not self._estate.open_to_public(collection):
            return None
        if (signature.service, signature.region) != (SERVICE, collection.region):
            return None
        context = {"aws:SourceIp": [source_ip], "aws:RequestedRegion": [collection.region]}
        try:
            self._authoriser.check(identity, ACTION, collection.arn, context)
        except ApiError:
            return None
        return identity

    def _answer(self, sent: Sent, path: str, collection: Collection, identity: Identity) -> Response:
        _no_parameters(sent.query)
        for method, pattern, permission, handler in _ROUTES:
            match = pattern.fullmatch(path)
            if match is None or sent.method not in method:
                continue
            named = {name: unquote(value or "") for name, value in match.groupdict().items()}

            def may(permission: str, index: str) -> bool:
                return identity.administrator or self._estate.allows(
                    collection, _principals(identity), permission, index
                )

            index = named.get("index", "")
            if permission and not may(permission, index):
                raise no_permission()
            asked = _Asked(
                collection=collection, index=index, id=named.get("id", ""), body=sent.body, may=may
            )
            return handler(asked)
        text = f"the local cloud does not know {sent.method} {path} of a collection"
        raise SearchError(404, "not_found", text)


def _principals(identity: Identity) -> list[str]:
    return [arn for arn in (identity.role_arn, identity.arn) if arn]


def _no_parameters(query: str) -> None:
    for name, _, value in (pair.partition("=") for pair in query.split("&") if pair):
        if name == "refresh" and value != "false":
            raise SearchError(400, "status_exception", f"{value or 'true'} refresh policy is not supported")
        if name != "refresh":
            raise illegal(f"request contains unrecognized parameter on the local cloud: [{name}]")


def _create(asked: _Asked) -> Response:
    name, collection = asked.index, asked.collection
    if not _INDEX_NAME.fullmatch(name):
        text = f"Invalid index name [{name}], must be lowercase"
        raise SearchError(400, "invalid_index_name_exception", text)
    made = Index(name, _json(asked.body), nextgen=collection.nextgen)
    with collection.lock:
        if name in collection.indexes:
            text = f"index [{name}] already exists"
            raise SearchError(400, "resource_already_exists_exception", text)
        collection.indexes[name] = made
    return reply({"acknowledged": True, "shards_acknowledged": True, "index": name})


def _describe(asked: _Asked) -> Response:
    return reply({asked.index: _open(asked).described()})


def _show_mapping(asked: _Asked) -> Response:
    return reply({asked.index: {"mappings": _open(asked).described()["mappings"]}})


def _delete(asked: _Asked) -> Response:
    _open(asked)
    asked.collection.indexes.pop(asked.index, None)
    return reply({"acknowledged": True})


def _bulk(asked: _Asked) -> Response:
    def opened(name: str, make: bool) -> Index:
        if not asked.may(_WRITE, name):
            raise no_permission()
        return _made(asked, name) if make else _named(asked.collection, name)

    return reply(bulk(asked.body, asked.index, opened))


def _put_document(asked: _Asked) -> Response:
    done = _made(asked, asked.index).write(asked.id or None, _json(asked.body))
    return reply({name: value for name, value in done.items() if name != "status"}, done["status"])


def _delete_document(asked: _Asked) -> Response:
    done = _open(asked).remove(asked.id)
    return reply({name: value for name, value in done.items() if name != "status"}, done["status"])


def _search(asked: _Asked) -> Response:
    return reply(search(_open(asked), _json(asked.body)))


def _open(asked: _Asked) -> Index:
    return _named(asked.collection, asked.index)


def _named(collection: Collection, name: str) -> Index:
    found = collection.indexes.get(name)
    if found is None:
        raise SearchError(404, "index_not_found_exception", f"no such index [{name}]")
    return found


def _made(asked: _Asked, name: str) -> Index:
    """The index of this name; a write makes one that is not there, with whatever fields it brings."""
    with asked.collection.lock:
        if name not in asked.collection.indexes and asked.may("aoss:CreateIndex", name):
            asked.collection.indexes[name] = Index(name, {}, nextgen=asked.collection.nextgen)
    return _named(asked.collection, name)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise SearchError(400, "parse_exception", f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise SearchError(400, "parse_exception", "the body is not an object")
    return value  # pyright: ignore[reportUnknownVariableType] - of JSON


_NAMED: Final = r"/(?P<index>[^/_][^/]*)"
_ROUTES: Final = (
    (("PUT",), re.compile(_NAMED), "aoss:CreateIndex", _create),
    (("GET", "HEAD"), re.compile(_NAMED), "aoss:DescribeIndex", _describe),
    (("DELETE",), re.compile(_NAMED), "aoss:DeleteIndex", _delete),
    (("GET",), re.compile(_NAMED + "/_mappings?"), "aoss:DescribeIndex", _show_mapping),
    # Which index is meant, each action says itself.
    (("POST", "PUT"), re.compile(f"(?:{_NAMED})?/_bulk"), "", _bulk),
    (("POST",), re.compile(_NAMED + "/_doc"), _WRITE, _put_document),
    (("POST", "PUT"), re.compile(_NAMED + "/_doc/(?P<id>[^/]+)"), _WRITE, _put_document),
    (("DELETE",), re.compile(_NAMED + "/_doc/(?P<id>[^/]+)"), _WRITE, _delete_document),
    (("GET", "POST"), re.compile(_NAMED + "/_search"), _READ, _search),
)
"""Methods, path, permission of a data access policy (Supported operations, read 2026-11-27), what answers."""
