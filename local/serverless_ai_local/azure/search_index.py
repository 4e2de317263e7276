"""Indexes of the local AI Search: what they may be made as, and the documents in them. Thread-safe."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from serverless_ai_local.azure.calls import ServiceFault
from serverless_ai_local.plain import is_list, is_mapping, is_number

TEXT: Final = "Edm.String"
VECTOR: Final = "Collection(Edm.Single)"
MOST_DIMENSIONS: Final = 4096
MOST_KEY: Final = 1024
_NAME: Final = re.compile(r"(?!.*--)[a-z0-9](?:[a-z0-9-]{0,126}[a-z0-9])?")
_KEY: Final = re.compile(r"[A-Za-z0-9=-][A-Za-z0-9_=-]*")
_FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_FLAGS: Final = ("key", "searchable", "filterable", "sortable", "facetable", "retrievable", "stored")
_KNOWN: Final = frozenset(("name", "type", *_FLAGS, "dimensions", "vectorSearchProfile"))
_METRICS: Final = ("cosine", "dotProduct", "euclidean")


class Field(NamedTuple):
    name: str
    type: str
    key: bool
    searchable: bool
    filterable: bool
    retrievable: bool
    dimensions: int
    """Of a vector; 0 for a text."""


class Index:
    """Its definition and documents by key."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.definition = dict(definition)
        self.fields = {one.name: one for one in map(_field, definition["fields"])}
        self.documents: dict[str, dict[str, Any]] = {}
        self.lock = threading.RLock()

    @property
    def key(self) -> str:
        return next(one.name for one in self.fields.values() if one.key)

    @property
    def texts(self) -> list[str]:
        """Names of the fields whose words are searched."""
        return [one.name for one in self.fields.values() if one.searchable and not one.dimensions]

    def all(self) -> list[dict[str, Any]]:
        with self.lock:
            return [dict(one) for one in self.documents.values()]

    def act(self, kind: str, document: Mapping[str, Any]) -> tuple[int, str]:
        """Status of one action, and what is wrong."""
        key = document.get(self.key)
        if not isinstance(key, str) or len(key) > MOST_KEY or not _KEY.fullmatch(key):
            return 400, f"Invalid document key: '{key}'. Keys can only contain letters, digits, _, -, or =."
        with self.lock:
            there = self.documents.get(key)
            if kind == "delete":
                self.documents.pop(key, None)
                return 200, ""
            if kind == "merge" and there is None:
                return 404, "Document not found."
            merged = {**(there or {}), **document} if kind in ("merge", "mergeOrUpload") else dict(document)
            wrong = self._wrong(merged)
            if wrong:
                return 400, wrong
            self.documents[key] = merged
            return (200 if there is not None else 201), ""

    def _wrong(self, document: Mapping[str, Any]) -> str:
        for name, value in document.items():
            field = self.fields[name]
            if value is None:
                continue
            if field.dimensions:
                size, numbers = field.dimensions, value if is_list(value) else ()
                if len(numbers) != size or not all(map(is_number, numbers)):
                    expected = f"with dimension '{size}', expects a length of '{size}'"
                    return f"The vector field '{name}', {expected}, and the provided one has {len(numbers)}."
            elif not isinstance(value, str):
                return f"Cannot convert the value of the field '{name}' to {field.type}"
            elif (field.filterable or field.key) and len(value.encode("utf-8", "replace")) > 32766:
                return f"Field '{name}' contains a term that is too large to process."
        return ""


def check(name: str, definition: Mapping[str, Any]) -> None:
    """Raises `ServiceFault` for a definition that the service refuses, or that is not understood here."""
    unknown = sorted(definition.keys() - {"name", "fields", "vectorSearch"})
    if unknown:
        raise ServiceFault(501, "NotImplemented", f"{unknown[0]} of an index is not offered locally")
    if definition.get("name") != name or not _NAME.fullmatch(name):
        raise bad(
            f"Index name '{definition.get('name')}' is not that of the request, or is no name of an index"
        )
    fields = definition.get("fields")
    if not is_list(fields) or not all(map(is_mapping, fields)):
        raise bad("an index has a list of fields")
    profiles = _profiles(definition.get("vectorSearch", {}))
    found = [_field(one) for one in fields]
    if len({one.name.lower() for one in found}) != len(found):
        raise bad("The request is invalid. Fields of an index have names of their own.")
    keys = [one for one in found if one.key]
    if len(keys) != 1 or keys[0].type != TEXT:
        raise bad("The request is invalid. An index has one key field, of the type Edm.String.")
    for one in fields:
        if one.get("type") == VECTOR and one.get("vectorSearchProfile") not in profiles:
            raise bad(
                f"The vector field '{one.get('name')}' must have the property 'vectorSearchProfile' set."
            )


def _field(given: Mapping[str, Any]) -> Field:
    unknown = sorted(given.keys() - _KNOWN)
    if unknown:
        raise ServiceFault(501, "NotImplemented", f"{unknown[0]} of a field is not offered locally")
    name, kind = str(given.get("name", "")), given.get("type")
    if not _FIELD.fullmatch(name) or name.startswith("azureSearch"):
        raise bad(f"Invalid field name: '{name}'")
    if kind not in (TEXT, VECTOR):
        raise ServiceFault(501, "NotImplemented", f"fields of the type {kind} are not offered locally")
    if not all(isinstance(given.get(flag, True), bool) for flag in _FLAGS):
        raise bad(f"The attributes of the field '{name}' are true or false")
    size = given.get("dimensions")
    if kind == VECTOR and (not is_number(size) or not 2 <= size <= MOST_DIMENSIONS):
        raise bad(f"The vector field '{name}' has 2 to {MOST_DIMENSIONS} dimensions, and not {size}")
    if kind == VECTOR and (given.get("filterable") or given.get("key") or not given.get("searchable")):
        raise bad(f"The vector field '{name}' is searchable, and neither filterable nor a key")
    usual = kind == TEXT
    return Field(
        name=name,
        type=str(kind),
        key=given.get("key", False),
        searchable=given.get("searchable", usual),
        filterable=given.get("filterable", usual),
        retrievable=given.get("retrievable", True),
        dimensions=int(size or 0) if kind == VECTOR else 0,
    )


def _profiles(given: Mapping[str, Any]) -> set[str]:
    algorithms: dict[str, Mapping[str, Any]] = {
        str(one.get("name")): one for one in given.get("algorithms", ())
    }
    for one in algorithms.values():
        parameters: Mapping[str, Any] = one.get("hnswParameters") or one.get("exhaustiveKnnParameters") or {}
        metric = parameters.get("metric", "cosine")
        if one.get("kind") not in ("hnsw", "exhaustiveKnn") or metric not in _METRICS:
            raise bad(f"The vector search algorithm '{one.get('name')}' is invalid")
        if metric != "cosine":
            raise ServiceFault(501, "NotImplemented", "the local AI Search has the metric cosine only")
    profiles: list[Mapping[str, Any]] = list(given.get("profiles", ()))
    for one in profiles:
        if one.get("algorithm") not in algorithms:
            raise bad(f"The profile '{one.get('name')}' has no algorithm of that name")
    return {str(one.get("name")) for one in profiles}


def bad(message: str) -> ServiceFault:
    return ServiceFault(400, "InvalidRequestParameter", message)
