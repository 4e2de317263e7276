"""AWS's query protocol, from botocore's own model: form fields in (unknown ones refused), XML out."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.aws.clients import session
from serverless_ai_local.plain import is_mapping

_ILLEGAL_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PROTOCOL_FIELDS = frozenset({"Action", "Version"})
_SCALARS = frozenset({"boolean", "integer", "long", "string"})

Shape = Any
"""A botocore shape; botocore ships no types."""


@cache
def _model(service: str) -> Any:
    return session().get_service_model(service)


class QueryService:
    """Reads requests and writes responses of one query-protocol service."""

    def __init__(self, service: str) -> None:
        self._model = _model(service)
        self.operation_names: tuple[str, ...] = tuple(self._model.operation_names)

    def parse(self, operation: str, request: Request) -> dict[str, Any]:
        """The operation's parameters; one that the model does not have is a `ValidationError`."""
        body = request.get_data().decode()
        fields = dict(parse_qsl(body, keep_blank_values=True)) | request.args.to_dict()
        tree = _tree({key: text for key, text in fields.items() if key not in _PROTOCOL_FIELDS})
        shape = self._model.operation_model(operation).input_shape
        if shape is None:
            return {}
        return _structure(shape, tree, operation)

    def reply(self, operation: str, result: Mapping[str, Any]) -> Response:
        """A response that SDKs parse back into `result`."""
        shape = self._model.operation_model(operation).output_shape
        inner = ""
        if shape is not None:
            wrapper = shape.serialization.get("resultWrapper", f"{operation}Result")
            inner = f"<{wrapper}>{_members(shape, result)}</{wrapper}>"
        namespace = self._model.metadata["xmlNamespace"]
        metadata = f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
        return _xml(f'<{operation}Response xmlns="{namespace}">{inner}{metadata}</{operation}Response>')


def _xml(body: str) -> Response:
    return Response(body.encode(), mimetype="text/xml")


def _text(value: str) -> str:
    """Escaped; characters that XML cannot carry become U+FFFD."""
    return escape(_ILLEGAL_IN_XML.sub("\ufffd", value))


def _tree(fields: Mapping[str, str]) -> dict[str, Any]:
    """`{"Tags.member.1.Key": "a"}` -> `{"Tags": {"member": {"1": {"Key": "a"}}}}`."""
    root: dict[str, Any] = {}
    for key, text in fields.items():
        *parents, leaf = key.split(".")
        node = root
        for parent in parents:
            child = node.setdefault(parent, {})
            if not is_mapping(child):
                raise ApiError("MalformedQueryString", f"{key} contradicts another field")
            node = child
        node[leaf] = text
    return root


def _structure(shape: Shape, node: Any, place: str) -> dict[str, Any]:
    if not is_mapping(node):
        raise ApiError("MalformedQueryString", f"{place} must be a structure")
    known = {member.serialization.get("name", name): name for name, member in shape.members.items()}
    result: dict[str, Any] = {}
    for wire_name, child in node.items():
        if wire_name not in known:
            raise ApiError(
                "ValidationError", f"{place} has no parameter {wire_name}; it has {', '.join(sorted(known))}"
            )
        name = known[wire_name]
        result[name] = _value(shape.members[name], child, f"{place}.{name}")
    missing = [name for name in shape.required_members if name not in result]
    if missing:
        raise ApiError("ValidationError", f"{place} needs {', '.join(missing)}")
    return result


def _value(shape: Shape, node: Any, place: str) -> Any:
    if shape.type_name == "structure":
        return _structure(shape, node, place)
    if shape.type_name == "list":
        return _members_of(shape, node, place)
    if shape.type_name not in _SCALARS:
        raise ApiError("ValidationError", f"{place} is not supported by the local cloud")
    if not isinstance(node, str):
        raise ApiError("MalformedQueryString", f"{place} must be a single value")
    if shape.type_name == "boolean":
        return _one_of(node, {"true": True, "false": False}, place)
    if shape.type_name in {"integer", "long"}:
        if not node.lstrip("-").isdecimal():
            raise ApiError("ValidationError", f"{place} must be a whole number, got {node!r}")
        return int(node)
    return node if not shape.enum else _one_of(node, {value: value for value in shape.enum}, place)


def _members_of(shape: Shape, node: Any, place: str) -> list[Any]:
    if node == "":  # how the protocol writes an empty list
        return []
    members = node.get("member") if is_mapping(node) and list(node) == ["member"] else None
    if not is_mapping(members):
        raise ApiError("MalformedQueryString", f"{place} must be a list of members")
    wrong = [key for key in members if not key.isdecimal()]
    if wrong:
        raise ApiError("MalformedQueryString", f"{place}.member.{wrong[0]} is not numbered")
    return [_value(shape.member, members[key], place) for key in sorted(members, key=int)]


def _one_of(text: str, allowed: Mapping[str, Any], place: str) -> Any:
    if text not in allowed:
        raise ApiError("ValidationError", f"{place} must be one of {', '.join(allowed)}, got {text!r}")
    return allowed[text]


def _members(shape: Shape, values: Mapping[str, Any]) -> str:
    unknown = values.keys() - shape.members.keys()
    if unknown:
        raise TypeError(f"{shape.name} has no {', '.join(sorted(unknown))}")
    return "".join(
        _element(member, values[name], member.serialization.get("name", name))
        for name, member in shape.members.items()
        if values.get(name) is not None
    )


def _element(shape: Shape, value: Any, tag: str) -> str:
    writer = _WRITERS.get(shape.type_name)
    return f"<{tag}>{_scalar(value) if writer is None else writer(shape, value)}</{tag}>"


def _list(shape: Shape, values: list[Any]) -> str:
    return "".join(_element(shape.member, value, "member") for value in values)


def _map(shape: Shape, values: Mapping[str, Any]) -> str:
    entries = ((_scalar(key), _element(shape.value, value, "value")) for key, value in values.items())
    return "".join(f"<entry><key>{key}</key>{value}</entry>" for key, value in entries)


_WRITERS: Mapping[str, Callable[[Shape, Any], str]] = {"structure": _members, "list": _list, "map": _map}


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return _text(str(value))
