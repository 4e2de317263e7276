"""Mappings of an index: which fields there are, and what may stand in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from serverless_ai_local.aws.opensearch.errors import SearchError, illegal
from serverless_ai_local.plain import is_list, is_mapping

SPACES: Final = ("l2", "innerproduct", "cosinesimil")
MOST_DIMENSIONS: Final = 16_000
MOST_TERM_BYTES: Final = 32_766
_PARAMETERS: Final = {
    "keyword": frozenset({"type", "index", "doc_values"}),
    "text": frozenset({"type"}),
    "float": frozenset({"type"}),
    "knn_vector": frozenset({"type", "dimension", "space_type", "method", "compression_level"}),
}
_COMPRESSIONS: Final = ("1x", "2x", "8x", "16x", "32x")


def unmappable(reason: str) -> SearchError:
    """A mapping or a document that cannot be."""
    return SearchError(400, "mapper_parsing_exception", reason)


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of the mapping."""

    kind: str
    indexed: bool = True
    dimension: int = 0
    space: str = "l2"
    filters: bool = True
    """Whether its engine filters while it searches."""


@dataclass(kw_only=True, slots=True)
class Fields:
    """All fields of an index. With `dynamic`, a document may bring new ones."""

    declared: Mapping[str, Any]
    dynamic: str
    known: dict[str, Field] = field(default_factory=dict[str, Field])

    def shown(self) -> dict[str, Any]:
        """The mapping as it is described."""
        brought = {name: {"type": one.kind} for name, one in self.known.items() if name not in self.declared}
        return {"dynamic": self.dynamic, "properties": {**self.declared, **brought}}

    def check(self, document: Mapping[str, Any]) -> None:
        """Raise for a document that cannot be kept; learn the fields that it brings."""
        for name, value in document.items():
            if name not in self.known:
                self._bring(name, value)
            if name in self.known and value is not None:
                _check_value(name, self.known[name], value)

    def _bring(self, name: str, value: Any) -> None:
        if self.dynamic == "strict":
            text = f"mapping set to strict, dynamic introduction of [{name}] within [_doc] is not allowed"
            raise SearchError(400, "strict_dynamic_mapping_exception", text)
        if self.dynamic == "true" and value is not None:
            self.known[name] = Field(kind="text" if isinstance(value, str) else "float")


def fields(mapping: Any, *, nextgen: bool) -> Fields:
    """Read the mapping of a new index."""
    if not is_mapping(mapping) or mapping.keys() - {"dynamic", "properties"}:
        raise unmappable(f"Root mapping definition has unsupported parameters: {mapping!r}")
    declared = mapping.get("properties", {})
    dynamic = str(mapping.get("dynamic", "true")).lower()
    if not is_mapping(declared) or dynamic not in ("true", "false", "strict"):
        raise unmappable(f"the mapping cannot be read: {mapping!r}")
    known = {name: _field(name, one, nextgen=nextgen) for name, one in declared.items()}
    return Fields(declared=declared, dynamic=dynamic, known=known)


def _field(name: str, given: Any, *, nextgen: bool) -> Field:
    if not is_mapping(given) or given.get("type") not in _PARAMETERS:
        kind = given.get("type") if is_mapping(given) else given
        raise unmappable(f"No handler for type [{kind}] declared on field [{name}] in the local cloud")
    kind = str(given["type"])
    if nextgen and kind == "knn_vector":
        method = given.get("method", {})
        for refused in ("engine", "mode"):
            if refused in given or (is_mapping(method) and refused in method):
                raise illegal(f"Field parameter '{refused}' is not supported")
    unknown = sorted(given.keys() - _PARAMETERS[kind])
    if unknown:
        text = f"unknown parameter [{unknown[0]}] on mapper [{name}] of type [{kind}]"
        raise unmappable(text)
    if kind == "knn_vector":
        return _vector(name, given, nextgen=nextgen)
    return Field(kind=kind, indexed=given.get("index", True) is not False)


def _vector(name: str, given: Mapping[str, Any], *, nextgen: bool) -> Field:
    dimension = given.get("dimension")
    if type(dimension) is not int or not 1 <= dimension <= MOST_DIMENSIONS:
        text = f"Dimension value must be 1 to {MOST_DIMENSIONS} for vector: {name}, got {dimension!r}"
        raise unmappable(text)
    method: Any = given.get("method", {})
    allowed = {"name", "engine", "space_type"}
    if not is_mapping(method) or method.keys() - allowed or method.get("name", "hnsw") != "hnsw":
        raise unmappable(f"the method of {name} is none that the local cloud has: {method!r}")
    engine = method.get("engine", "faiss" if nextgen else "nmslib")
    if engine not in ("faiss", "nmslib"):
        raise unmappable(f"Invalid engine type: {engine}")
    space = method.get("space_type", given.get("space_type", "l2"))
    if space not in SPACES:
        raise unmappable(f"Unable to find space: {space}")
    level = given.get("compression_level", "1x")
    if level not in _COMPRESSIONS or (not nextgen and "compression_level" in given):
        raise unmappable(f"the compression level of {name} cannot be {level!r}")
    return Field(kind="knn_vector", dimension=dimension, space=str(space), filters=engine == "faiss")


def _check_value(name: str, known: Field, value: Any) -> None:
    if known.kind in ("keyword", "text"):
        _check_text(name, known, value)
    elif known.kind == "knn_vector":
        _check_vector(name, known, value)


def _check_text(name: str, known: Field, value: Any) -> None:
    if is_mapping(value) or is_list(value):
        raise unmappable(f"failed to parse field [{name}] of type [{known.kind}]: lists are not kept here")
    try:
        size = len(str(value).encode())
    except UnicodeEncodeError:
        raise unmappable(f"failed to parse field [{name}]: half of a surrogate pair") from None
    if known.kind == "keyword" and known.indexed and size > MOST_TERM_BYTES:
        text = (
            f'Document contains at least one immense term in field="{name}" (whose UTF8 encoding is longer '
            f"than the max length {MOST_TERM_BYTES}), all of which were skipped."
        )
        raise illegal(text)


def _check_vector(name: str, known: Field, value: Any) -> None:
    numbers = [one for one in value if type(one) in (int, float)] if is_list(value) else []
    if not is_list(value) or len(numbers) != len(value) or not all(map(math.isfinite, numbers)):
        raise unmappable(f"failed to parse field [{name}] of type [knn_vector]")
    if len(numbers) != known.dimension:
        text = f"Vector dimension mismatch. Expected: {known.dimension}, Given: {len(numbers)}"
        raise unmappable(f"failed to parse field [{name}] of type [knn_vector]: {text}")
    if known.space == "cosinesimil" and not any(numbers):
        raise illegal("zero vector is not supported when space type is [cosinesimil]")
