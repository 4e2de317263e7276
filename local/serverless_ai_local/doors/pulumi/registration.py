"""A resource as the program registers it; what cannot be had here is refused by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from google.protobuf import json_format
from pulumi.runtime.proto import resource_pb2, source_pb2

from serverless_ai_local.doors.pulumi import diff
from serverless_ai_local.doors.pulumi.results import RefusedError
from serverless_ai_local.doors.pulumi.urns import Alias
from serverless_ai_local.doors.pulumi.values import Values, decode


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """One `RegisterResource`."""

    type: str
    name: str
    custom: bool
    parent: str
    inputs: Values
    dependencies: tuple[str, ...]
    provider: str
    """URN of an explicit provider, or empty."""
    protect: bool
    retain: bool
    delete_first: bool | None
    """`delete_before_replace`; None: as the resource needs it."""
    ignore_changes: tuple[str, ...]
    replace_on_changes: tuple[str, ...]
    hidden: tuple[str, ...]
    """Changes here are not shown."""
    secret_outputs: tuple[str, ...]
    aliases: tuple[Alias, ...]
    deleted_with: str
    replace_with: tuple[str, ...]
    trigger: Any


def read(request: resource_pb2.RegisterResourceRequest, base: Path) -> Registration:
    """Assets are read relative to `base`. Raises `RefusedError` or `ValueError` naming what cannot be."""
    _refuse(request)
    paths = (*request.ignoreChanges, *request.replaceOnChanges, *request.hideDiffs)
    for path in paths:
        diff.parse(path)
    defined = request.deleteBeforeReplaceDefined or request.deleteBeforeReplace
    return Registration(
        type=request.type,
        name=request.name,
        custom=request.custom,
        parent=request.parent,
        inputs=decode(json_format.MessageToDict(request.object), base),
        dependencies=tuple(sorted(request.dependencies)),
        provider=provider_urn(request.provider),
        protect=request.protect,
        retain=request.retainOnDelete,
        delete_first=request.deleteBeforeReplace if defined else None,
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        hidden=tuple(request.hideDiffs),
        secret_outputs=tuple(request.additionalSecretOutputs),
        aliases=tuple(_aliases(request)),
        deleted_with=request.deletedWith,
        replace_with=tuple(request.replace_with),
        trigger=_trigger(request, base),
    )


def provider_urn(reference: str) -> str:
    """`urn::id` -> `urn`."""
    return reference.rpartition("::")[0]


def _refuse(request: resource_pb2.RegisterResourceRequest) -> None:
    message: Any = request  # its stub misses the types of some fields
    refusals: tuple[tuple[Any, str], ...] = (
        (request.remote, "remote components (component plugins) do not run here; use a component in Python"),
        (request.importId, "import_: there is nothing to import on the local cloud; use .get() or create it"),
        (_has_hooks(request), "hooks do not run here"),
        (message.state_migrations, "state_migrations do not run here"),
        (request.envVarMappings, "env_var_mappings: providers have no environment of their own here"),
    )
    for present, text in refusals:
        if present:
            raise RefusedError(text)


def _has_hooks(request: resource_pb2.RegisterResourceRequest) -> bool:
    return any(names for _, names in request.hooks.ListFields())


def _aliases(request: resource_pb2.RegisterResourceRequest) -> Iterable[Alias]:
    for urn in request.aliasURNs:
        yield Alias(urn=urn)
    message: Any = request
    for alias in message.aliases:
        yield Alias(urn=alias.urn) if alias.HasField("urn") else _alias(alias.spec)


def _alias(spec: Any) -> Alias:
    return Alias(
        name=spec.name,
        type=spec.type,
        stack=spec.stack,
        project=spec.project,
        parent=spec.parentUrn,
        no_parent=spec.noParent,
    )


def _trigger(request: resource_pb2.RegisterResourceRequest, base: Path) -> Any:
    if not request.HasField("replacement_trigger"):
        return None
    return decode(json_format.MessageToDict(request.replacement_trigger), base)


def position(position: source_pb2.SourcePosition, trace: source_pb2.StackTrace, program: Path) -> str:
    """`__main__.py:12`: the innermost line of the program's folder, else the line that made the resource."""
    places = [place for frame in trace.frames if (place := _place(frame.pc))]
    first = _place(position)
    inside = next((place for place in (first, *places) if place and place[0].is_relative_to(program)), None)
    chosen = inside or first
    if chosen is None:
        return ""
    file, line = chosen
    shown = file.relative_to(program) if inside else file
    return f"{shown}:{line}"


def _place(position: source_pb2.SourcePosition) -> tuple[Path, int] | None:
    if not position.uri:
        return None
    return Path(url2pathname(urlsplit(position.uri).path)), position.line
