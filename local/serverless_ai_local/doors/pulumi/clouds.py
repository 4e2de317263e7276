"""What the door asks of a cloud, and which cloud answers for a resource's token. No cloud is named here."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import serverless_ai_local
from serverless_ai_local import graph
from serverless_ai_local.doors.pulumi.results import RefusedError
from serverless_ai_local.doors.pulumi.values import Values

Consequence = Literal["none", "update", "replace"]
DYNAMIC = "pulumi-python"
"""The package of resources whose provider is part of the program."""


class CloudError(Exception):
    """The cloud refused; the text is its own reason, or names what it does not know."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where to work: the local endpoint, for which stack, with what settings of the provider."""

    endpoint: str
    stack: str
    settings: Values = field(default_factory=dict[str, Any])
    before: Values = field(default_factory=dict[str, Any])
    """In an update: the settings that it was made with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """A resource that exists: Pulumi's id, its outputs by wire name, and what finds it again."""

    id: str
    outputs: Values = field(default_factory=dict[str, Any])
    handle: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A resource of a stack, for the graph. `depends_on` holds names that are unique in the graph."""

    name: str
    token: str
    inputs: Values
    live: Live
    depends_on: tuple[str, ...]


class Kind(Protocol):
    """One resource type. Inputs are bare (no `Secret`), by wire name; in a preview some are `UNKNOWN`."""

    def defaults(self, name: str, inputs: Values, random: Callable[[int], str]) -> Values:
        """Inputs to fill in that were not given, such as a name; `random(n)` gives n hex digits."""
        ...

    def check(self, inputs: Values) -> None:
        """Raise `CloudError` naming an input that has no meaning here."""
        ...

    def replaces(self, old: Values, new: Values) -> bool:
        """Whether this change needs a new resource."""
        ...

    def collides(self, old: Values, new: Values) -> bool:
        """Whether the two cannot exist at the same time, so that the old one must go first."""
        ...

    def create(self, target: Target, name: str, inputs: Values) -> Live: ...

    def update(self, target: Target, live: Live, old: Values, new: Values) -> Live: ...

    def delete(self, target: Target, live: Live, inputs: Values) -> None: ...

    def read(self, target: Target, id: str) -> Live:  # noqa: A002 - Pulumi's word
        """An existing one; `CloudError` if there is none, or if this type cannot be read."""
        ...


@runtime_checkable
class OwnDiff(Protocol):
    """A kind that says by itself whether new inputs are a change at all."""

    def differs(self, target: Target, live: Live, new: Values) -> bool: ...


@runtime_checkable
class OwnEcho(Protocol):
    """A kind of which some inputs come out in another form, also while nothing is made yet."""

    def echo(self, inputs: Values) -> Values: ...


class Cloud(Protocol):
    """One provider package of Pulumi, e.g. all of `aws:`."""

    def settings(self, config: Values) -> Values:
        """A provider's configuration, checked and completed; `CloudError` names a key it cannot have."""
        ...

    def consequence(self, token: str, old: Values, new: Values) -> Consequence:
        """What another configuration of its provider means for a resource of this type."""
        ...

    def kind(self, token: str) -> Kind:
        """`CloudError` naming a type it does not know."""
        ...

    def invoke(self, target: Target, token: str, arguments: Values) -> Values: ...

    def graph(self, resources: Sequence[Placed]) -> Sequence[graph.Resource]:
        """The same resources in the words that prices and pictures are made from."""
        ...


class Clouds:
    """Clouds by package. One not given is looked for in `serverless_ai_local.<room>.from_pulumi`.

    That module has two functions: `cloud()`, and `environment(inherited, endpoint)` for the program's own.
    """

    def __init__(self, given: Mapping[str, Cloud] | None = None) -> None:
        self._found: dict[str, Cloud] = dict(given or {})
        self._lock = threading.Lock()

    def get(self, package: str) -> Cloud:
        """`RefusedError` naming the package if nothing answers for it."""
        with self._lock:
            if package not in self._found:
                self._found[package] = self._load(package)
            return self._found[package]

    def kind(self, token: str) -> Kind:
        return self.get(token.split(":", 1)[0]).kind(token)

    def environment(self, inherited: Mapping[str, str], endpoint: str) -> dict[str, str]:
        """For the program: what it calls by itself must not reach a real cloud either."""
        result = dict(inherited)
        for room in _rooms():
            result = _module(room).environment(result, endpoint)
        return result

    def _load(self, package: str) -> Cloud:
        if package == DYNAMIC:
            # Imported here: it needs the types above.
            from serverless_ai_local.doors.pulumi.dynamic import DynamicCloud  # noqa: PLC0415

            return DynamicCloud(lambda endpoint: self.environment(os.environ, endpoint))
        # azure-native lives in the room `azure`.
        room = package.split("-", 1)[0]
        known = _rooms()
        if room not in known:
            raise RefusedError(
                f"provider {package!r} has no local cloud; there is one for: {', '.join(known) or 'none'}"
            )
        return _module(room).cloud()


def _module(room: str) -> Any:
    return importlib.import_module(f"{serverless_ai_local.__name__}.{room}.from_pulumi")


def _rooms() -> list[str]:
    root = Path(serverless_ai_local.__file__).parent
    return sorted(path.parts[-3] for path in root.glob("*/from_pulumi/__init__.py"))
