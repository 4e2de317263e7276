"""Data objects of Vector Search 2.0 as requests bring them: checked against their collection's schemas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import sqrt
from typing import Any, Final, NamedTuple

from serverless_ai_local.gcp.errors import invalid
from serverless_ai_local.gcp.registry import Deployed
from serverless_ai_local.gcp.resources.vectors import dimensions_of, texts_of
from serverless_ai_local.plain import is_list, is_mapping, is_number

_ID: Final = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")


class DataObject(NamedTuple):
    data: Mapping[str, str]
    vectors: Mapping[str, tuple[float, ...]]
    created: str
    updated: str

    def wire(self, name: str, shown: Any) -> dict[str, Any]:
        """With the fields that `outputFields` asks for; none are there unless they are asked for."""
        fields = {} if shown is None else _object(shown, "outputFields", ("dataFields", "vectorFields"))
        data = _chosen(self.data, fields.get("dataFields", []))
        vectors = _chosen(self.vectors, fields.get("vectorFields", []))
        dense = {field: {"dense": {"values": list(values)}} for field, values in vectors.items()}
        times = {"createTime": self.created, "updateTime": self.updated}
        return {
            "name": name,
            **times,
            **({"data": data} if data else {}),
            **({"vectors": dense} if dense else {}),
        }


def read_object(collection: Deployed, given: Any, now: str) -> DataObject:
    """Raises `RpcError` naming what the schemas do not allow."""
    body = _object(given, "dataObject", ("name", "data", "vectors"))
    fields, dimensions = texts_of(collection.inputs), dimensions_of(collection.inputs)
    data, vectors = body.get("data", {}), body.get("vectors", {})
    for field, value in data.items():
        if field not in fields:
            raise invalid(f"data: additional property {field} is not in the data schema")
        if not is_text(value):
            raise invalid(f"data: {field} must be of type string")
    for field in vectors:
        if field not in dimensions:
            raise invalid(f"vectors: field {field} is not in the vector schema")
    read = {field: _dense(one, f"vectors.{field}", dimensions[field]) for field, one in vectors.items()}
    return DataObject(data, read, now, now)


def read_id(value: Any) -> str:
    """Raises `RpcError` for what is no id of a data object."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise invalid(f"Invalid data_object_id: {value!r}. It must match {_ID.pattern}")
    return value


def numbers(given: Any, where: str, dimensions: int) -> tuple[float, ...]:
    """A vector of so many numbers."""
    if not is_list(given) or not all(is_number(one) for one in given):
        raise invalid(f"{where}: values must be numbers")
    if len(given) != dimensions:
        raise invalid(f"{where} has {len(given)} dimensions, expected {dimensions}")
    return tuple(map(float, given))


def cosine_distance(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """1 - cosine; 1 of a vector that has no direction."""
    lengths = sqrt(sum(x * x for x in one)) * sqrt(sum(x * x for x in other))
    return 1 - (sum(x * y for x, y in zip(one, other, strict=True)) / lengths if lengths else 0.0)


def is_text(value: Any) -> bool:
    """Whether it can stand in a protobuf string: half a surrogate pair cannot."""
    return isinstance(value, str) and not any("\ud800" <= one <= "\udfff" for one in value)


def _dense(given: Any, where: str, dimensions: int) -> tuple[float, ...]:
    vector = _object(given, where, ("dense",))
    return numbers(_object(vector.get("dense", {}), where, ("values",)).get("values"), where, dimensions)


def _object(given: Any, where: str, known: tuple[str, ...]) -> dict[str, Any]:
    if not is_mapping(given):
        raise invalid(f"Invalid value at '{where}': it must be an object")
    only(given, known, where)
    return given


def only(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Raises `RpcError` in Google's words for a field that is not known here."""
    for name in given:
        if name not in known:
            raise invalid(
                f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field. "
                f"(The local cloud takes {', '.join(known)}.)"
            )


def _chosen(values: Mapping[str, Any], names: Any) -> dict[str, Any]:
    if not is_list(names):
        raise invalid("Invalid value at 'outputFields': fields must be lists of names")
    return dict(values) if names == ["*"] else {name: values[name] for name in names if name in values}
