"""Firestore's documents and writes as values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from serverless_ai_local.gcp.errors import invalid, not_offered
from serverless_ai_local.gcp.services.vectors import TYPE, vector
from serverless_ai_local.plain import is_list, is_mapping

Fields = Mapping[str, Any]
_KINDS: Final = (
    "nullValue", "booleanValue", "integerValue", "doubleValue", "timestampValue", "stringValue",
    "bytesValue", "referenceValue", "geoPointValue", "arrayValue", "mapValue",
)  # fmt: skip
_WRITE: Final = ("update", "delete", "updateMask", "updateTransforms", "currentDocument")
_PRECONDITION: Final = ("exists", "updateTime")
_INT64: Final = 2**63
_RESERVED: Final = re.compile("__.*__", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """As stored."""

    fields: Fields
    created: datetime
    updated: datetime

    def wire(self, name: str) -> dict[str, Any]:
        """As the API answers it."""
        return {
            "name": name,
            "fields": dict(self.fields),
            "createTime": self.created.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "updateTime": self.updated.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }

    def size(self) -> int:
        """Bytes, near enough."""
        return len(json.dumps(self.fields, ensure_ascii=False).encode())

    def expired(self, field: str, now: datetime) -> bool:
        """Whether this field is a moment in the past. A field of another kind never expires."""
        text = self.fields.get(field, {}).get("timestampValue")
        return text is not None and datetime.fromisoformat(text) <= now


@dataclass(frozen=True, kw_only=True, slots=True)
class Write:
    """One write of a commit. `exists` None and `update_time` empty: no precondition."""

    name: str
    delete: bool = False
    fields: Fields
    mask: tuple[str, ...] | None = None
    transforms: tuple[Mapping[str, Any], ...] = ()
    exists: bool | None = None
    update_time: str = ""

    def applied(self, there: Document | None, stamp: datetime) -> tuple[Document, list[Any]]:
        """The document after it, and what the transforms made."""
        if self.mask is None:
            fields = dict(self.fields)
        else:
            fields = dict(there.fields) if there else {}
            for path in self.mask:
                fields.pop(path, None)
                if path in self.fields:
                    fields[path] = self.fields[path]
        values = list[Any]()
        for transform in self.transforms:
            path = transform["fieldPath"]
            fields[path] = _sum(fields.get(path), transform["increment"])
            values.append(fields[path])
        created = there.created if there else stamp
        return Document(fields=fields, created=created, updated=stamp), values


def read_write(given: Any) -> Write:
    """Raises `RpcError` naming what is wrong or not offered."""
    if not is_mapping(given):
        raise invalid("a write must be an object")
    for name in given:
        if name not in _WRITE:
            raise not_offered(f"writes with {name}; there are {', '.join(_WRITE)}")
    if ("update" in given) == ("delete" in given):
        raise invalid("a write has exactly one of update and delete")
    exists, update_time = _precondition(given.get("currentDocument", {}))
    if "delete" in given:
        return Write(
            name=str(given["delete"]), delete=True, fields={}, exists=exists, update_time=update_time
        )
    update = given["update"]
    if not is_mapping(update) or not isinstance(update.get("name"), str):
        raise invalid("update must be a document with a name")
    mask = given.get("updateMask")
    return Write(
        name=update["name"],
        fields=_fields(update.get("fields", {})),
        mask=None if mask is None else tuple(map(_path, mask.get("fieldPaths", ()))),
        transforms=tuple(map(_transform, given.get("updateTransforms", ()))),
        exists=exists,
        update_time=update_time,
    )


def _precondition(given: Any) -> tuple[bool | None, str]:
    if not is_mapping(given) or len(given) > 1 or any(name not in _PRECONDITION for name in given):
        raise invalid(f"current_document holds one of {', '.join(_PRECONDITION)}")
    exists, update_time = given.get("exists"), given.get("updateTime", "")
    if exists not in (None, True, False):
        raise invalid("current_document.exists must be true or false")
    if update_time:
        try:
            moment = datetime.fromisoformat(update_time)
        except (TypeError, ValueError):
            raise invalid(f"current_document.update_time {update_time!r} is no timestamp") from None
        update_time = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return exists, update_time


def _fields(given: Any) -> Fields:
    if not is_mapping(given):
        raise invalid("fields must be an object")
    for name, value in given.items():
        if _RESERVED.fullmatch(name):
            raise invalid(f"field name {name} is reserved")
        _check(name, value)
    return given


def _check(name: str, value: Any) -> None:
    if not is_mapping(value) or len(value) != 1 or next(iter(value)) not in _KINDS:
        raise invalid(f"field {name} must be one of {', '.join(_KINDS)}")
    kind: str
    content: Any
    kind, content = next(iter(value.items()))
    if kind == "integerValue":
        _int64(name, content)
    elif kind == "timestampValue":
        try:
            datetime.fromisoformat(content)
        except (TypeError, ValueError):
            raise invalid(f"field {name}: {content!r} is no timestamp") from None
    elif kind == "stringValue" and not _is_text(content):
        raise invalid(f"field {name} must be a text in UTF-8")
    elif kind == "mapValue" and is_mapping(content) and TYPE in (content.get("fields") or {}):
        vector(name, value)
    elif kind == "mapValue":
        _fields(_inner(name, content, "fields", {}))
    elif kind == "arrayValue":
        for item in _inner(name, content, "values", []):
            _check(name, item)


def _is_text(content: Any) -> bool:
    """Whether it is one, without half a surrogate pair."""
    return isinstance(content, str) and content.encode("utf-8", "ignore").decode() == content


def _inner(name: str, content: Any, key: str, otherwise: Any) -> Any:
    if not is_mapping(content):
        raise invalid(f"field {name} must be an object with {key}")
    return content.get(key, otherwise)


def _transform(given: Any) -> Mapping[str, Any]:
    if not is_mapping(given) or set(given) != {"fieldPath", "increment"}:
        raise not_offered("transforms other than increment")
    _path(given["fieldPath"])
    if not is_mapping(given["increment"]) or "integerValue" not in given["increment"]:
        raise not_offered("an increment by anything but an integer")
    _int64(given["fieldPath"], given["increment"]["integerValue"])
    return given


def _sum(there: Any, increment: Mapping[str, Any]) -> dict[str, str]:
    """Google adds to an integer and takes anything else for none; it stops at the ends of 64 bits."""
    before = int(there["integerValue"]) if is_mapping(there) and "integerValue" in there else 0
    total = before + int(increment["integerValue"])
    return {"integerValue": str(max(-_INT64, min(_INT64 - 1, total)))}


def _int64(name: str, text: Any) -> None:
    try:
        fits = not is_list(text) and -_INT64 <= int(text) < _INT64
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise invalid(f"field {name}: {text!r} is no integer of 64 bits")


def _path(given: Any) -> str:
    if not isinstance(given, str) or not given.isidentifier():
        raise not_offered(f"the field path {given!r}; there are plain names")
    return given
