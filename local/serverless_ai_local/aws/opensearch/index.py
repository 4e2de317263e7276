"""One index of a collection: its settings, its mapping and its documents, in memory."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_local.aws.opensearch import mapping, text
from serverless_ai_local.aws.opensearch.errors import SearchError, illegal
from serverless_ai_local.plain import is_mapping

MOST_ID_BYTES: Final = 512
_NO_ID: Final = "Document ID is not supported in create/index operation request"
_KNN: Final = "index.knn"


class Index:
    """Documents by key, in the order in which they were first written."""

    def __init__(self, name: str, body: Mapping[str, Any], *, nextgen: bool) -> None:
        """Raises `SearchError` for a body that makes no index."""
        unknown = sorted(body.keys() - {"settings", "mappings"})
        if unknown:
            raise SearchError(400, "parse_exception", f"unknown key [{unknown[0]}] for create index")
        self.name, self.nextgen = name, nextgen
        self.settings = _settings(body.get("settings", {}))
        self.fields = mapping.fields(body.get("mappings", {}), nextgen=nextgen)
        self.documents: dict[str, Mapping[str, Any]] = {}
        self._versions: dict[str, int] = {}
        self._terms: dict[str, dict[str, list[str]]] = {}
        self.lock = threading.RLock()

    def write(self, key: str | None, document: Any, *, new: bool = False) -> dict[str, Any]:
        """Keep a document; returns what one item of a bulk request says of it."""
        if key is not None and not self.nextgen:
            raise illegal(_NO_ID)
        if key is not None and not 1 <= len(key.encode()) <= MOST_ID_BYTES:
            raise illegal(f"id [{key}] is too long, must be no longer than {MOST_ID_BYTES} bytes")
        if not is_mapping(document):
            raise mapping.unmappable("failed to parse: the document is not an object")
        name = key or secrets.token_urlsafe(15)
        with self.lock:
            if new and name in self.documents:
                text_ = f"[{name}]: version conflict, document already exists"
                raise SearchError(409, "version_conflict_engine_exception", text_)
            self.fields.check(document)
            there = name in self.documents
            self.documents[name] = document
            for field in self._terms.values():
                field.pop(name, None)
            return self._done(name, "updated" if there else "created", 200 if there else 201)

    def remove(self, key: str) -> dict[str, Any]:
        """Forget a document, if there is one."""
        with self.lock:
            there = self.documents.pop(key, None) is not None
            for field in self._terms.values():
                field.pop(key, None)
            return self._done(key, "deleted" if there else "not_found", 200 if there else 404)

    def terms(self, field: str) -> Mapping[str, list[str]]:
        """The words of a text field by document."""
        known = self._terms.setdefault(field, {})
        for key, document in self.documents.items():
            if key not in known:
                known[key] = text.words(str(document.get(field) or ""))
        return known

    def described(self) -> dict[str, Any]:
        """As `GET index` shows it."""
        return {
            "aliases": {},
            "mappings": self.fields.shown(),
            "settings": {"index": {"knn": str(self.settings[_KNN]).lower(), "provided_name": self.name}},
        }

    def _done(self, key: str, result: str, status: int) -> dict[str, Any]:
        self._versions[key] = self._versions.get(key, 0) + 1
        return {
            "_index": self.name,
            "_id": key,
            "_version": self._versions[key],
            "result": result,
            "_shards": {"total": 0, "successful": 0, "failed": 0},
            "_seq_no": 0,
            "_primary_term": 0,
            "status": status,
        }


def _settings(given: Any) -> dict[str, bool]:
    """The only setting there is, however it is nested."""
    if not is_mapping(given):
        raise SearchError(400, "parse_exception", "key [settings] must be an object")
    flat: dict[str, Any] = {}
    for key, value in given.items():
        inner = value if is_mapping(value) else {"": value}
        flat |= {".".join(filter(None, (key, name))): one for name, one in inner.items()}
    settings = {key if key.startswith("index.") else f"index.{key}": value for key, value in flat.items()}
    unknown = sorted(settings.keys() - {_KNN})
    if unknown:
        raise illegal(f"unknown setting [{unknown[0]}] in the local cloud, which has [{_KNN}]")
    return {_KNN: str(settings.get(_KNN, False)).lower() == "true"}
