"""What is done to one resource: made, updated, replaced, deleted, or only said to be in a preview."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from serverless_ai_local.doors.pulumi import diff
from serverless_ai_local.doors.pulumi.clouds import Clouds, Kind, Live, Target
from serverless_ai_local.doors.pulumi.report import Report
from serverless_ai_local.doors.pulumi.results import Op, RefusedError, Step
from serverless_ai_local.doors.pulumi.state import Entry, State
from serverless_ai_local.doors.pulumi.values import Secret, Values, leaves, plain, secrets_in


def random_hex(digits: int) -> str:
    """Hex digits for generated names; no security hangs on them."""
    return secrets.token_hex(digits)[:digits]


class Steps:
    """Steps against one state. `dry`: nothing is called and nothing is saved."""

    def __init__(
        self, *, state: State, clouds: Clouds, report: Report, endpoint: str, stack: str, dry: bool
    ) -> None:
        self.state = state
        self.clouds = clouds
        self.report = report
        self.dry = dry
        self._endpoint = endpoint
        self._stack = stack

    def target(self, settings: Values, before: Values | None = None) -> Target:
        return Target(
            endpoint=self._endpoint, stack=self._stack, settings=settings, before=before or settings
        )

    def keep(self, entry: Entry, prior: Entry) -> Entry:
        """Nothing changed in the cloud; the program's options may have."""
        kept = replace(entry, id=prior.id, handle=prior.handle, outputs=prior.outputs)
        self.state.put(kept, prior)
        self._done("same", kept)
        return kept

    def create(self, entry: Entry, secret_outputs: Sequence[str]) -> Entry:
        with self._doing("create", entry):
            made = self._create(entry, secret_outputs)
        self.state.put(made)
        self._done("create", made)
        return made

    def update(
        self, entry: Entry, prior: Entry, paths: tuple[diff.Path, ...], secret_outputs: Sequence[str]
    ) -> Entry:
        with self._doing("update", entry):
            if self.dry or not entry.managed:
                outputs = {key: value for key, value in prior.outputs.items() if key not in entry.inputs}
                updated = replace(entry, id=prior.id, handle=prior.handle, outputs=outputs)
            else:
                old, new = plain(prior.inputs), plain(entry.inputs)
                target = self.target(entry.settings, prior.settings)
                live = self._kind(entry).update(target, live_of(prior), old, new)
                updated = self._alive(entry, live, secret_outputs)
        self.state.put(updated, prior)
        self._done("update", updated, paths)
        return updated

    def replace(
        self,
        entry: Entry,
        prior: Entry,
        paths: tuple[diff.Path, ...],
        secret_outputs: Sequence[str],
        *,
        delete_first: bool,
    ) -> Entry:
        """A new resource for the old one, which goes first or, by default, at the end of the `up`."""
        if prior.protect:
            raise RefusedError(f"it would be replaced ({_rendered(paths)}) and is protected")
        with self._doing("replace", entry):
            if delete_first:
                self._delete(prior)
                self.state.drop(prior)
            made = self._create(entry, secret_outputs)
        if not delete_first:
            self.state.doom(prior)
        self.state.put(made)
        self._done("replace", made, paths)
        return made

    def delete_all(self, gone: Iterable[Entry], replaced: Collection[str] = ()) -> None:
        """Dependents first. What was `replaced` in this run was told of already."""
        order = deletion_order(list(gone))
        protected = [f"{entry.type} {entry.name!r}" for entry in order if entry.protect and not entry.doomed]
        if protected:
            raise RefusedError(
                f"protected and so not deleted: {', '.join(protected)}; set protect=False and run up first"
            )
        leaving = {entry.urn for entry in order}
        for entry in order:
            op: Op = "retain" if entry.retain and entry.managed else "delete"
            if entry.managed and op == "delete":
                self.report.begin(op, entry.urn, entry.type, entry.name)
                if entry.deleted_with not in leaving:
                    self._delete(entry)
            self.state.drop(entry)
            if not entry.external and not (entry.doomed and entry.urn in replaced):
                self._done(op, entry)

    def read(self, entry: Entry, prior: Entry | None, id_: str) -> Entry:
        """One that exists without us."""
        self.report.begin("read", entry.urn, entry.type, entry.name)
        live = self._kind(entry).read(self.target(entry.settings), id_)
        found = self._alive(entry, live, ())
        self.state.put(found, prior)
        self._done("read", found)
        return found

    def _create(self, entry: Entry, secret_outputs: Sequence[str]) -> Entry:
        if self.dry:
            return entry
        if not entry.managed:
            return replace(entry, id=random_hex(32) if entry.custom else "")
        live = self._kind(entry).create(self.target(entry.settings), entry.name, plain(entry.inputs))
        return self._alive(entry, live, secret_outputs)

    def _delete(self, entry: Entry) -> None:
        if entry.managed and not entry.retain and not self.dry:
            self._kind(entry).delete(self.target(entry.settings), live_of(entry), plain(entry.inputs))

    def _kind(self, entry: Entry) -> Kind:
        return self.clouds.kind(entry.type)

    def _alive(self, entry: Entry, live: Live, secret_outputs: Sequence[str]) -> Entry:
        """The entry as it came to life; an output that repeats a secret input is secret too."""
        hidden = set(secrets_in(entry.inputs))
        outputs: dict[str, Any] = {}
        for key, value in live.outputs.items():
            named = key in secret_outputs or any(True for _ in secrets_in(entry.inputs.get(key)))
            repeats = any(leaf in hidden for leaf in leaves(value) if isinstance(leaf, str))
            outputs[key] = Secret(value) if named or repeats else value
        for leaf in secrets_in(outputs):
            self.report.secret(leaf)
        return replace(entry, id=live.id, handle=live.handle, outputs=outputs)

    @contextmanager
    def _doing(self, op: Op, entry: Entry) -> Generator[None]:
        self.report.begin(op, entry.urn, entry.type, entry.name)
        self.state.begin(entry.urn, op)
        try:
            yield
        except Exception:
            # It failed and said so: only what dies without a word stays begun.
            self.state.abandon(entry.urn)
            raise

    def _done(self, op: Op, entry: Entry, paths: tuple[diff.Path, ...] = ()) -> None:
        changed = tuple(diff.render(path) for path in paths)
        self.report.done(Step(op=op, urn=entry.urn, type=entry.type, name=entry.name, diff=changed))


def live_of(entry: Entry) -> Live:
    return Live(id=entry.id, outputs=plain(entry.outputs), handle=entry.handle)


def _rendered(paths: tuple[diff.Path, ...]) -> str:
    return ", ".join(map(diff.render, paths)) or "as its options ask"


def deletion_order(gone: list[Entry]) -> list[Entry]:
    """Who depends on a resource goes before it, newest first where nothing else is said."""
    order: list[Entry] = []
    seen: set[int] = set()

    def visit(index: int) -> None:
        if index in seen:
            return
        seen.add(index)
        urn = gone[index].urn
        for other in reversed(range(len(gone))):
            entry = gone[other]
            if urn in (*entry.dependencies, entry.parent, entry.provider):
                visit(other)
        order.append(gone[index])

    for index in reversed(range(len(gone))):
        visit(index)
    return order
