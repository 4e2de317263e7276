"""Make a stack what it is told to be, or leave it as it was: create, update, roll back, delete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from serverless_ai_local.aws.provider import Made, Provider
from serverless_ai_local.doors.cloudformation.changes import modification
from serverless_ai_local.doors.cloudformation.functions import text_of
from serverless_ai_local.doors.cloudformation.intrinsics import Resolver
from serverless_ai_local.doors.cloudformation.references import Plan, active_outputs, plan
from serverless_ai_local.doors.cloudformation.resources import Resources, StepError, Target
from serverless_ai_local.doors.cloudformation.stack import Desired, Live, Output, Stack
from serverless_ai_local.doors.cloudformation.stacks import Stacks
from serverless_ai_local.doors.cloudformation.template import Declaration
from serverless_ai_local.doors.cloudformation.text import TemplateError
from serverless_ai_local.graph import creation_order


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """The statuses that a stack goes through in one kind of operation."""

    doing: str
    cleaning: str | None
    done: str
    failed: str
    undoing: str
    undo_cleaning: str | None
    undone: str
    undo_failed: str
    complaint: str


CREATING: Final = Words(
    doing="CREATE_IN_PROGRESS",
    cleaning=None,
    done="CREATE_COMPLETE",
    failed="CREATE_FAILED",
    undoing="ROLLBACK_IN_PROGRESS",
    undo_cleaning=None,
    undone="ROLLBACK_COMPLETE",
    undo_failed="ROLLBACK_FAILED",
    complaint="The following resource(s) failed to create: [{}].",
)
UPDATING: Final = Words(
    doing="UPDATE_IN_PROGRESS",
    cleaning="UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    done="UPDATE_COMPLETE",
    failed="UPDATE_FAILED",
    undoing="UPDATE_ROLLBACK_IN_PROGRESS",
    undo_cleaning="UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    undone="UPDATE_ROLLBACK_COMPLETE",
    undo_failed="UPDATE_ROLLBACK_FAILED",
    complaint="The following resource(s) failed to update: [{}].",
)


@dataclass(frozen=True, slots=True)
class _Undo:
    """How one step is taken back: what was there before it, and what it made (perhaps only half-way)."""

    name: str
    before: Live | None
    after: Live
    replaced: bool = False


@dataclass(kw_only=True, slots=True)
class Deployment:
    """One create or update of a stack. `run` ends in a final status, whatever happens."""

    stacks: Stacks
    providers: Mapping[str, Provider]
    stack: Stack
    desired: Desired
    words: Words
    rollback: bool = True
    _undo: list[_Undo] = field(default_factory=list[_Undo], init=False)
    _before: dict[str, Live] = field(default_factory=dict[str, Live], init=False)

    def run(self) -> bool:
        """Make every resource, then remove what is no longer wanted; on a failure take everything back.

        Returns whether the stack is what was desired.
        """
        resources = self._resources(self.desired.tags)
        previous, self._before = self.stack.desired, dict(self.stack.resources)
        try:
            steps = self._make_all(resources)
        except StepError as failure:
            self._fail(resources, previous, self.words.complaint.format(failure.name))
            return False
        except TemplateError as error:  # outputs and exports, or a reference that only now turns out wrong
            self._fail(resources, previous, str(error))
            return False
        self.stack.desired = self.desired
        complaint = self._clean_up(resources, steps)
        self.stack.now(self.words.done, complaint)
        return True

    def _make_all(self, resources: Resources) -> Plan:
        stack = self.stack
        made: dict[str, Made] = {name: live.made for name, live in stack.resources.items()}
        resolver = Resolver(replace(self.stacks.scope(stack, self.desired), made=made))
        steps = plan(resolver)
        for declaration in steps.order:
            live = self._make(resources, resolver, declaration, steps.dependencies[declaration.name])
            stack.resources[declaration.name] = live
            made[declaration.name] = live.made
        outputs = _outputs(resolver)
        self.stacks.check_exports(stack, outputs)
        stack.outputs, stack.imports = outputs, resolver.scope.imported
        return steps

    def _make(
        self, resources: Resources, resolver: Resolver, declaration: Declaration, needs: tuple[str, ...]
    ) -> Live:
        name = declaration.name
        before = self.stack.resources.get(name)
        place = f"{declaration.place}.Properties"
        verb = "UPDATE" if before else "CREATE"
        properties = resources.attempt(
            declaration, verb, lambda: resolver.resolve(declaration.properties, place)
        )
        target = Target(declaration=declaration, properties=properties, depends_on=needs)
        if before is None:
            after = resources.create(target, instead=False)
            self._undo.append(_Undo(name, None, after))
            return after
        change = modification(before, declaration, properties, self.desired.tags, self.providers)
        if change is None or change.scope == ("Metadata",):
            return resources.live(target, before.made, before.status)
        if change.replaces:
            after = resources.create(target, instead=True)
            self._undo.append(_Undo(name, before, after, replaced=True))
            return after
        try:
            after = resources.update(before, target)
        except StepError:
            partly = resources.live(target, before.made, "UPDATE_FAILED")
            self.stack.resources[name] = replace(before, status="UPDATE_FAILED")
            self._undo.append(_Undo(name, before, partly))
            raise
        self._undo.append(_Undo(name, before, after))
        return after

    def _clean_up(self, resources: Resources, steps: Plan) -> str | None:
        """Remove what the template no longer has and what was replaced; a complaint if something remains."""
        stack, words = self.stack, self.words
        if words.cleaning is None:
            return None
        stack.now(words.cleaning)
        kept = {declaration.name for declaration in steps.order}
        gone = {live.name: live for live in stack.resources.values() if live.name not in kept}
        policies = {
            undo.name: stack.resources[undo.name].update_replace_policy
            for undo in self._undo
            if undo.replaced
        }
        replaced = {undo.name: undo.before for undo in self._undo if undo.replaced and undo.before}
        failed: list[str] = []
        for live in _removal_order({**gone, **replaced}):
            policy = policies.get(live.name, live.deletion_policy)
            try:
                resources.delete(live, retain=policy != "Delete")
            except StepError as failure:
                failed.append(failure.name)
            if live.name in gone:
                del stack.resources[live.name]
        return f"Could not be removed and stays without its stack: {', '.join(failed)}." if failed else None

    def _fail(self, resources: Resources, previous: Desired | None, reason: str) -> None:
        stack, words = self.stack, self.words
        if not self.rollback:
            stack.desired = self.desired
            stack.now(words.failed, reason)
            return
        stack.now(words.undoing, f"{reason} Rollback requested by user.")
        failed: list[str] = []
        touched = {undo.name for undo in self._undo}
        stack.resources.update({name: live for name, live in self._before.items() if name not in touched})
        for undo in reversed(self._undo):
            self._revert(resources, undo, failed)
        if words.undo_cleaning is not None:
            stack.now(words.undo_cleaning)
        for undo in reversed(self._undo):
            self._remove(resources, undo, failed)
        stack.desired = previous if previous is not None else self.desired
        complaint = (
            f"The following resource(s) failed to roll back: [{', '.join(failed)}]." if failed else None
        )
        stack.now(words.undo_failed if failed else words.undone, complaint)

    def _revert(self, resources: Resources, undo: _Undo, failed: list[str]) -> None:
        """Give a changed resource its old properties, or its place back to a replaced one."""
        if undo.before is None:
            return
        try:
            back = undo.before if undo.replaced else resources.revert(undo.after, undo.before)
        except StepError as failure:
            failed.append(failure.name)
        else:
            self.stack.resources[undo.name] = back

    def _remove(self, resources: Resources, undo: _Undo, failed: list[str]) -> None:
        """Remove what this operation made."""
        if undo.before is not None and not undo.replaced:
            return
        try:
            resources.delete(undo.after, retain=not undo.replaced and undo.after.deletion_policy == "Retain")
        except StepError as failure:
            failed.append(failure.name)
        else:
            if undo.before is None:
                del self.stack.resources[undo.name]

    def _resources(self, tags: Mapping[str, str]) -> Resources:
        return Resources(
            stack=self.stack, providers=self.providers, context=self.stacks.context(self.stack), tags=tags
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Deletion:
    """The end of a stack: its resources go in reverse order of creation."""

    stacks: Stacks
    providers: Mapping[str, Provider]
    stack: Stack
    retained: frozenset[str] = frozenset()
    """Resources to leave alone, asked for after a failed deletion."""

    def run(self) -> None:
        """Remove every resource that is not to be kept; what a failed one needs stays as well."""
        stack = self.stack
        resources = Resources(
            stack=stack,
            providers=self.providers,
            context=self.stacks.context(stack),
            tags=stack.desired.tags if stack.desired else {},
        )
        failed: list[str] = []
        needed: set[str] = set()
        for live in _removal_order(stack.resources):
            if live.name in needed:
                needed.update(live.depends_on)
                continue
            try:
                resources.delete(live, retain=live.deletion_policy != "Delete" or live.name in self.retained)
            except StepError as failure:
                failed.append(failure.name)
                needed.update(live.depends_on)
                stack.resources[live.name] = replace(live, status="DELETE_FAILED", reason=str(failure))
            else:
                del stack.resources[live.name]
        if failed:
            stack.now("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(failed)}]. ")
            return
        stack.outputs, stack.imports = {}, set()
        stack.deleted = datetime.now(UTC)
        stack.now("DELETE_COMPLETE")


def guarded(stack: Stack, failed: str, run: Callable[[], None]) -> None:
    """Run an operation; a defect of the engine itself ends it as failed, so that nobody waits for ever."""
    try:
        run()
    except Exception as error:
        stack.now(failed, f"Internal failure of the local CloudFormation: {type(error).__name__}: {error}")
        raise


def _removal_order(resources: Mapping[str, Live]) -> Iterable[Live]:
    needs = {name: [n for n in live.depends_on if n in resources] for name, live in resources.items()}
    return [resources[name] for name in reversed(creation_order(needs))]


def _outputs(resolver: Resolver) -> dict[str, Output]:
    outputs: dict[str, Output] = {}
    for name, output in active_outputs(resolver):
        place = f"Outputs.{name}"
        export = resolver.resolve(output.get("Export", {}), f"{place}.Export").get("Name")
        outputs[name] = Output(
            key=name,
            value=text_of(resolver.resolve(output["Value"], f"{place}.Value"), f"{place}.Value"),
            description=output.get("Description"),
            export=None if export is None else text_of(export, f"{place}.Export.Name"),
        )
    return outputs
