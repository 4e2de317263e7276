"""Template text (JSON, or YAML with CloudFormation's short forms) -> plain values."""

from __future__ import annotations

import json
from typing import Any

import yaml

from serverless_ai_local.plain import is_mapping


class TemplateError(Exception):
    """A template is malformed or asks for something that does not exist here; the text names the place."""


def read(text: str) -> dict[str, Any]:
    """Top-level mapping of a template; raises `TemplateError`."""
    try:
        value = (
            json.loads(text, object_pairs_hook=_no_duplicates)
            if text.lstrip().startswith("{")
            else _read_yaml(text)
        )
    except ValueError as error:
        raise TemplateError(f"Template format error: {error}") from error
    except yaml.YAMLError as error:
        raise TemplateError(f"Template format error: YAML not well-formed. {error}") from error
    except RecursionError as error:
        raise TemplateError("Template format error: nested too deeply") from error
    if not is_mapping(value):
        raise TemplateError("Template format error: the template must be a mapping of sections")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"duplicate key {key!r}")
        values[key] = value
    return values


class _Loader(yaml.SafeLoader):
    """SafeLoader whose dates stay text, whose aliases are refused and whose tags are intrinsic functions."""


def _compose_node(loader: Any, parent: Any, index: Any) -> Any:
    if loader.check_event(yaml.AliasEvent):
        raise yaml.MarkedYAMLError(None, None, "aliases are not supported", loader.peek_event().start_mark)
    return yaml.SafeLoader.compose_node(loader, parent, index)  # pyright: ignore[reportUnknownMemberType]


def _mapping(loader: Any, node: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float):
            raise yaml.MarkedYAMLError(None, None, f"key {key!r} is not text", node.start_mark)
        if str(key) in values:
            raise yaml.MarkedYAMLError(None, None, f"duplicate key {key!r}", node.start_mark)
        values[str(key)] = loader.construct_object(value, deep=True)
    return values


def _short_form(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
    """`!Sub x` -> `{"Fn::Sub": "x"}`; whether the function exists is the resolver's question."""
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = _mapping(loader, node)
    if suffix in {"Ref", "Condition"}:
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        return {"Fn::GetAtt": value.split(".", 1)}
    return {f"Fn::{suffix}": value}


def _text_of(loader: Any, node: Any) -> Any:
    return loader.construct_scalar(node)


_Loader.compose_node = _compose_node  # pyright: ignore[reportAttributeAccessIssue]
_Loader.add_multi_constructor("!", _short_form)  # pyright: ignore[reportUnknownMemberType]
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text_of)


def _read_yaml(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
