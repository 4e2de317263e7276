"""One resource at a time: make, change or remove it, and record what happened."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from serverless_ai_local.aws.provider import Context, Made, Provider, ResourceError
from serverless_ai_local.doors.cloudformation import dynamic
from serverless_ai_local.doors.cloudformation.stack import Live, Stack
from serverless_ai_local.doors.cloudformation.template import Declaration
from serverless_ai_local.doors.cloudformation.text import TemplateError

REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."

T = TypeVar("T")


class StepError(Exception):
    """A resource could not be made, changed or removed; its failure is recorded."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What one resource is to be: declared, resolved, with the names it depends on."""

    declaration: Declaration
    properties: Mapping[str, Any]
    depends_on: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """The resources of one stack during one operation."""

    stack: Stack
    providers: Mapping[str, Provider]
    context: Context
    tags: Mapping[str, str]
    """Tags of the stack as it is told to be."""

    def attempt(self, declaration: Declaration, verb: str, action: Callable[[], T]) -> T:
        """Run `action`; a failure is recorded as `<verb>_FAILED` of the resource. Raises `StepError`."""
        live = self.stack.resources.get(declaration.name)
        return self._attempt(
            declaration.name, declaration.type, live.made.physical_id if live else "", verb, action
        )

    def create(self, target: Target, *, instead: bool) -> Live:
        """Make it; `instead` of one that stays until the clean-up. Raises `StepError`."""
        verb = "UPDATE" if instead else "CREATE"
        name, kind = target.declaration.name, target.declaration.type
        old = self.stack.resources[name].made.physical_id if instead else ""
        self.stack.saw(name, kind, old, f"{verb}_IN_PROGRESS", REPLACING if instead else None)
        context = self._context(name, self.tags)

        def make() -> Made:
            return self.providers[kind].create(context, name, dynamic.read(target.properties, context))

        made = self._attempt(name, kind, old, verb, make)
        self.stack.saw(name, kind, made.physical_id, f"{verb}_COMPLETE")
        return self.live(target, made, f"{verb}_COMPLETE")

    def update(self, old: Live, target: Target) -> Live:
        """Change it in place. Raises `StepError`."""
        made = self._change(old, target.properties, self.tags)
        return self.live(target, made, "UPDATE_COMPLETE")

    def revert(self, new: Live, old: Live) -> Live:
        """Change it back from (partly) `new` to `old`. Raises `StepError`."""
        made = self._change(new, old.properties, old.tags)
        return replace(old, made=made, since=datetime.now(UTC))

    def delete(self, live: Live, *, retain: bool) -> None:
        """Remove it, or leave it alone. Raises `StepError`."""
        name, kind, physical_id = live.name, live.type, live.made.physical_id
        if retain:
            self.stack.saw(name, kind, physical_id, "DELETE_SKIPPED")
            return
        context = self._context(name, live.tags)
        self.stack.saw(name, kind, physical_id, "DELETE_IN_PROGRESS")

        def remove() -> None:
            self.providers[kind].delete(context, physical_id, live.properties)

        self._attempt(name, kind, physical_id, "DELETE", remove)
        self.stack.saw(name, kind, physical_id, "DELETE_COMPLETE")

    def live(self, target: Target, made: Made, status: str) -> Live:
        """The record of a resource that was made as declared."""
        declaration = target.declaration
        return Live(
            name=declaration.name,
            type=declaration.type,
            made=made,
            properties=target.properties,
            tags=self.tags,
            depends_on=target.depends_on,
            metadata=declaration.metadata,
            deletion_policy=declaration.deletion_policy,
            update_replace_policy=declaration.update_replace_policy,
            status=status,
        )

    def _change(self, old: Live, properties: Mapping[str, Any], tags: Mapping[str, str]) -> Made:
        name, kind, physical_id = old.name, old.type, old.made.physical_id
        before = self._context(name, old.tags)
        context = replace(self._context(name, tags), old_tags=before.tags)
        self.stack.saw(name, kind, physical_id, "UPDATE_IN_PROGRESS")

        def change() -> Made:
            resolved = dynamic.read(properties, context)
            return self.providers[kind].update(context, physical_id, old.properties, resolved)

        made = self._attempt(name, kind, physical_id, "UPDATE", change)
        self.stack.saw(name, kind, made.physical_id, "UPDATE_COMPLETE")
        return made

    def _context(self, name: str, tags: Mapping[str, str]) -> Context:
        own = {
            "aws:cloudformation:stack-name": self.stack.name,
            "aws:cloudformation:stack-id": self.stack.id,
            "aws:cloudformation:logical-id": name,
        }
        return replace(self.context, tags={**tags, **own})

    def _attempt(self, name: str, kind: str, physical_id: str, verb: str, action: Callable[[], T]) -> T:
        try:
            return action()
        except (ResourceError, TemplateError) as error:
            reason = str(error)
        except Exception as error:  # a defect of a provider must end in a rollback, not in a hanging stack
            traceback.print_exc()
            reason = f"Internal failure of the local {kind}: {type(error).__name__}: {error}"
        self.stack.saw(name, kind, physical_id, f"{verb}_FAILED", reason)
        raise StepError(name, reason)
