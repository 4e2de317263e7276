"""What a deployment tells its caller: steps, events on the way, the result, and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from serverless_ai_local.graph import Resource

Op = Literal["create", "update", "replace", "delete", "same", "read", "retain"]
"""`retain`: left the program with `retain_on_delete`, so it was forgotten and not deleted."""

ONGOING: Mapping[Op, str] = {
    "create": "creating",
    "update": "updating",
    "replace": "replacing",
    "delete": "deleting",
    "read": "reading",
}
DONE: Mapping[Op, str] = {
    "create": "created",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
    "same": "same",
    "read": "read",
    "retain": "retained",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What is done to one resource."""

    op: Op
    urn: str
    type: str
    name: str
    diff: tuple[str, ...] = ()
    """Paths of the input properties that changed, e.g. `environment.variables.LEVEL`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepEvent:
    """Something happened: a resource changed its state, or somebody said something."""

    status: str
    """`creating`, `created`, ..., `same`, `failed`; or `info`, `warning`, `error`, `output` for a message."""
    type: str = ""
    name: str = ""
    urn: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What `preview`, `up` or `destroy` did."""

    steps: tuple[Step, ...]
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The stack's outputs; `Secret` and, after a preview, `UNKNOWN` where the value is not there to print."""
    graph: tuple[Resource, ...] = ()
    warnings: tuple[str, ...] = ()


class RefusedError(Exception):
    """A program or its configuration has something that cannot be; the text says what and what is allowed."""


class ProgramError(Exception):
    """A preview, up or destroy did not succeed. `steps` tells what was done all the same."""

    def __init__(self, text: str, steps: Sequence[Step] = ()) -> None:
        super().__init__(text)
        self.steps = tuple(steps)
