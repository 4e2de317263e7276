"""What is known about a stack: its resources, events, outputs and change sets."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from serverless_ai_local.aws.provider import Made
from serverless_ai_local.doors.cloudformation.parameters import Parameter
from serverless_ai_local.doors.cloudformation.template import Template

STACK_TYPE: Final = "AWS::CloudFormation::Stack"


@dataclass(frozen=True, kw_only=True, slots=True)
class Desired:
    """What a stack is told to be."""

    template: Template
    parameters: Mapping[str, Parameter]
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """One resource of a stack as it was last made. Never changed: an update puts a new one in its place."""

    name: str
    type: str
    made: Made
    properties: Mapping[str, Any]
    """Resolved, except for `{{resolve:...}}` references: secrets are not kept."""
    tags: Mapping[str, str]
    depends_on: tuple[str, ...]
    metadata: Mapping[str, Any]
    deletion_policy: str
    update_replace_policy: str
    status: str = "CREATE_COMPLETE"
    reason: str | None = None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """One output of a stack."""

    key: str
    value: str
    description: str | None
    export: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a resource, or to the stack itself."""

    name: str
    physical_id: str
    type: str
    status: str
    reason: str | None
    token: str | None
    operation: str
    at: datetime
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What executing a change set would do to one resource."""

    action: str
    """Add, Modify or Remove."""
    name: str
    type: str
    physical_id: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    properties: tuple[str, ...] = ()
    """Names of the properties that change."""
    unknown: tuple[str, ...] = ()
    """Those of them whose new value is only known when the change is made."""
    causes: tuple[str, ...] = ()
    """Those of them that need a replacement."""
    retains: bool = False
    """The old one stays (`Retain`)."""
    scope: tuple[str, ...] = ()
    """Properties, Tags or Metadata."""

    @property
    def replaces(self) -> bool:
        """Whether a new resource takes the old one's place."""
        return bool(self.causes)


@dataclass(kw_only=True, slots=True)
class ChangeSet:
    """A desired state beside what it would change."""

    name: str
    id: str
    kind: str
    desired: Desired
    changes: list[Change]
    description: str | None
    token: str | None
    capabilities: list[str]
    role: str | None
    on_failure: str | None
    status: str
    reason: str | None
    execution: str
    executed_by: str | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(kw_only=True, slots=True)
class Stack:
    """A stack from its creation to after its deletion."""

    name: str
    id: str
    account: str
    region: str
    status: str
    reason: str | None = None
    desired: Desired | None = None
    """What it was last told to be and became; None until the first success or attempt."""
    resources: dict[str, Live] = field(default_factory=dict[str, Live])
    outputs: dict[str, Output] = field(default_factory=dict[str, Output])
    imports: set[str] = field(default_factory=set[str])
    events: list[Event] = field(default_factory=list[Event])
    change_sets: dict[str, ChangeSet] = field(default_factory=dict[str, ChangeSet])
    capabilities: list[str] = field(default_factory=list[str])
    role: str | None = None
    """Shown as given: the local cloud makes resources as administrator."""
    termination_protection: bool = False
    disable_rollback: bool = False
    token: str | None = None
    """Client token of the operation that runs or ran last."""
    operation: str = ""
    """Id of that operation."""
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime | None = None
    deleted: datetime | None = None

    @property
    def busy(self) -> bool:
        """Whether an operation runs on it."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def begin(self, status: str, token: str | None) -> None:
        """Start an operation."""
        self.token = token
        self.operation = str(uuid.uuid4())
        self.now(status, "User Initiated")

    def now(self, status: str, reason: str | None = None) -> None:
        """Enter a status. The event comes first: who sees the status can read why."""
        self._record(self.name, self.id, STACK_TYPE, status, reason)
        self.reason = reason
        self.status = status

    def saw(self, name: str, kind: str, physical_id: str, status: str, reason: str | None = None) -> None:
        """Record what happened to a resource."""
        self._record(name, physical_id, kind, status, reason)

    def _record(self, name: str, physical_id: str, kind: str, status: str, reason: str | None) -> None:
        at = datetime.now(UTC)
        if self.events:  # readers sort by time, and it is sent in milliseconds
            at = max(at, self.events[-1].at + timedelta(milliseconds=1))
        event = Event(name, physical_id, kind, status, reason, self.token, self.operation, at)
        self.events.append(event)
