"""What a resource or an invoke may be given, read off the installed Pulumi SDK: no schema file, no CLI.

The only module that uses private names of the SDK. Its lazy modules are not thread-safe: one lock guards all.
"""

from __future__ import annotations

import collections.abc
import enum
import functools
import importlib
import inspect
import re
import sys
import threading
import types
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import _types  # pyright: ignore[reportPrivateUsage] - names of properties are nowhere else
from pulumi.runtime import rpc

from serverless_ai_local.doors.pulumi.clouds import DYNAMIC
from serverless_ai_local.doors.pulumi.results import RefusedError

PROVIDER = "pulumi:providers:"
_LOCK = threading.RLock()


@dataclass(frozen=True, slots=True)
class Property:
    """One property: its Python name, and the alternatives of its type."""

    python: str
    required: bool
    alternatives: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """The properties of an object by their wire names."""

    name: str
    """As the program calls it, e.g. `aws.lambda_.FunctionEnvironmentArgs`."""
    properties: Mapping[str, Property]


def resource(token: str) -> Shape:
    """Inputs of a resource type. Raises `RefusedError` for a type that the installed SDK does not have."""
    with _LOCK:
        return _resource(token)


def invoke(token: str) -> Shape | None:
    """Arguments of an invoke; None when the SDK has no function of that name."""
    with _LOCK:
        return _invoke(token)


def shape(args_class: type) -> Shape:
    """Properties of a nested Args class."""
    with _LOCK:
        return _shape(args_class)


def outputs(token: str) -> Mapping[str, Any]:
    """Output properties of a resource type by wire name, with their types; none are known of dynamic ones."""
    if token.startswith(f"{DYNAMIC}:"):
        return {}
    with _LOCK:
        return _outputs(token)


def is_object(alternative: Any) -> bool:
    """Whether a type is an Args class."""
    return inspect.isclass(alternative) and _types.is_input_type(alternative)


def is_enum(alternative: Any) -> bool:
    return inspect.isclass(alternative) and issubclass(alternative, enum.Enum)


@functools.cache
def _resource(token: str) -> Shape:
    cls = _class(token)
    module = sys.modules[cls.__module__]
    # Where a nested type took the name, the SDK calls the resource's own `...InitArgs`.
    args: type = getattr(module, f"{cls.__name__}InitArgs", None) or getattr(module, f"{cls.__name__}Args")
    return Shape(_python_name(cls), _shape(args).properties)


@functools.cache
def _outputs(token: str) -> Mapping[str, Any]:
    return {name: _types.unwrap_type(kind) for name, kind in _types.resource_types(_class(token)).items()}


def _class(token: str) -> type:
    if token.startswith(PROVIDER):
        return _package(token.removeprefix(PROVIDER)).Provider
    package, module, _ = token.split(":", 2)
    installed = _package(package)
    found: Any = rpc.get_resource_module(package, module, "")
    if found is None or token not in found.mod_info["classes"]:
        raise RefusedError(f"{token}: no such resource type in the installed {installed.__name__}")
    with warnings.catch_warnings():
        # The SDK marks classes that the program does not use as deprecated, whenever their module is loaded.
        warnings.simplefilter("ignore", DeprecationWarning)
        return getattr(importlib.import_module(found.mod_info["fqn"]), found.mod_info["classes"][token])


def _package(name: str) -> types.ModuleType:
    module = f"pulumi_{name.replace('-', '_')}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise RefusedError(f"the Pulumi SDK {module} is not installed here: pip install {module}") from error


@functools.cache
def _invoke(token: str) -> Shape | None:
    package, module, name = token.split(":", 2)
    root, service = _package(package), module.split("/")[0]
    python = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    for place in (
        [root] if service == "index" else [getattr(root, f"{service}{end}", None) for end in ("", "_")]
    ):
        function: Callable[..., Any] | None = getattr(place, python, None)
        if function is not None:
            namespace = _namespace(function.__module__)
            properties = _properties(function, _camel, namespace)
            return Shape(f"{package}.{service}.{python}".replace(".index.", "."), properties)
    return None


def _camel(text: str) -> str:
    first, *rest = text.split("_")
    return first + "".join(part.capitalize() for part in rest)


@functools.cache
def _shape(args_class: type) -> Shape:
    wire = _types.input_type_py_to_pulumi_names(args_class)
    properties = _properties(
        args_class.__init__, lambda name: wire.get(name, name), _namespace(args_class.__module__)
    )
    return Shape(_python_name(args_class), properties)


def _python_name(cls: type) -> str:
    package, *service = cls.__module__.split(".")
    short = package.removeprefix("pulumi_")
    return ".".join((short, *service[:-1], cls.__name__))


def _properties(
    function: Callable[..., Any], wire: Callable[[str], str], namespace: Mapping[str, Any]
) -> dict[str, Property]:
    found: dict[str, Property] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in ("self", "__self__", "opts"):
            continue
        required = parameter.default is inspect.Parameter.empty
        alternatives = tuple(_alternatives(parameter.annotation, namespace))
        found[wire(name)] = Property(name, required, alternatives)
    return found


def _namespace(module: str) -> dict[str, Any]:
    return {**vars(pulumi), **vars(sys.modules[module])}


def _alternatives(annotation: Any, namespace: Mapping[str, Any]) -> Iterator[Any]:
    """The concrete types that an annotation allows, without `Input`'s plumbing and TypedDict doubles."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        if annotation.startswith(("Output", "outputs.")):
            return
        annotation = eval(annotation, dict(namespace))  # noqa: S307 - an annotation of the installed SDK
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        for part in typing.get_args(annotation):
            yield from _alternatives(part, namespace)
    elif origin in (collections.abc.Sequence, list, collections.abc.Mapping, dict):
        inner = tuple(_alternatives(typing.get_args(annotation)[-1], namespace))
        yield Many(origin in (collections.abc.Mapping, dict), inner)
    elif not _is_plumbing(annotation, origin):
        yield annotation


def _is_plumbing(annotation: Any, origin: Any) -> bool:
    return (
        annotation is type(None)
        or origin in (collections.abc.Awaitable, pulumi.Output)
        or typing.is_typeddict(annotation)
    )


@dataclass(frozen=True, slots=True)
class Many:
    """A list, or a map with free keys, of one of these."""

    keyed: bool
    alternatives: tuple[Any, ...]
