"""What a picture is made of: looks of types, boxes, and arrows between the resources of a graph."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from serverless_ai_local.graph import Resource

PLAIN: Final = "#5a6b7b"
CALLER: Final = "caller"
MODEL: Final = "model"
EMBEDDER: Final = "embedder"
_EMBEDDING: Final = re.compile(r'"model": ?"([^"]+)"')


class Graph:
    """The resources of a deployment, to ask which ones there are and what they refer to."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self.resources = resources
        self._by_name = {one.name: one for one in resources}
        # The first and the last name in order have in common what all have.
        ends = (min(self._by_name), max(self._by_name)) if self._by_name else ("", "")
        shared = (
            one for one, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(*ends, strict=False))
        )
        self._prefix = "".join(shared).rpartition("-")[0]

    def of(self, *types: str) -> Iterator[Resource]:
        """Resources of these types, in the order of the graph."""
        return (one for one in self.resources if one.type in types)

    def others(self, resource: Resource, *types: str) -> list[Resource]:
        """What `resource` refers to, of these types; of any without one."""
        found = [self._by_name[name] for name in resource.depends_on if name in self._by_name]
        return [one for one in found if not types or one.type in types]

    def short(self, resource: Resource) -> str:
        """Its name without what all names begin with, and without the type that Pulumi tells twins by."""
        return resource.name.partition(" (")[0].removeprefix(f"{self._prefix}-").replace("-", " ")


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How a type is drawn."""

    label: str = ""
    colour: str = PLAIN
    hidden: bool = False
    grouped: bool = False
    """Drawn once however many there are."""
    joined: bool = False
    """Drawn only where an arrow begins or ends."""
    caption: Callable[[Graph, Resource], str] | None = None
    """Words of the resource's own below the label."""


HIDDEN: Final = Look(hidden=True)


class Arrow(NamedTuple):
    """From one name to another, of resources or of boxes. A watcher's is dotted, a failure's dashed."""

    start: str
    end: str
    text: str = ""
    kind: Literal["call", "failed", "watch"] = "call"


class Box(NamedTuple):
    """What is drawn though it is no resource, such as a model that is only called."""

    name: str
    label: str
    colour: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Cloud:
    """Everything that a picture of a cloud's resources needs."""

    looks: Mapping[str, Look]
    caller: str
    """What callers come with."""
    arrows: Callable[[Graph], Iterable[Arrow]]
    boxes: Callable[[Graph], Iterable[Box]]


def embedding_model(indexes: object) -> str:
    """That makes the vectors of the first index, by the variable of a function; "" where there is none."""
    found = _EMBEDDING.search(str(indexes))
    return found[1] if found else ""


def failed(start: str, end: str) -> Arrow:
    """The way of what failed."""
    return Arrow(start, end, "failed", "failed")


def watched(start: str, end: str) -> Arrow:
    """From what is watched to its watcher."""
    return Arrow(start, end, kind="watch")
