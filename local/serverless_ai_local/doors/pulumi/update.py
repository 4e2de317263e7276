"""One run of a program: each resource it registers is compared with the state and becomes a step."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field, replace
from typing import Any

from serverless_ai_local.doors.pulumi import checks, diff, reflection, urns
from serverless_ai_local.doors.pulumi.assets import Archive, Asset
from serverless_ai_local.doors.pulumi.clouds import Consequence, OwnDiff, OwnEcho
from serverless_ai_local.doors.pulumi.config import Config
from serverless_ai_local.doors.pulumi.registration import Registration
from serverless_ai_local.doors.pulumi.results import RefusedError
from serverless_ai_local.doors.pulumi.state import Entry
from serverless_ai_local.doors.pulumi.steps import Steps, live_of, random_hex
from serverless_ai_local.doors.pulumi.urns import STACK_TYPE, Urn
from serverless_ai_local.doors.pulumi.values import UNKNOWN, Secret, Values, known, plain, secrets_in
from serverless_ai_local.plain import is_list, is_mapping

STACK_REFERENCE = "pulumi:pulumi:StackReference"
GET_RESOURCE = "pulumi:pulumi:getResource"
PROVIDER_PATH: diff.Path = ("provider",)
"""Stands for the settings of a resource's provider among what changed."""


class StoppedError(Exception):
    """Something failed before: nothing more is begun, as in Pulumi."""

    TEXT = "not begun, because something else failed"

    def __init__(self) -> None:
        super().__init__(self.TEXT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """The answer to a registration. `id` empty: not known yet."""

    urn: str
    id: str = ""
    outputs: Values = field(default_factory=dict[str, Any])


class Update:
    """Thread-safe: a program registers independent resources at the same time."""

    def __init__(self, steps: Steps, *, project: str, stack: str, config: Config) -> None:
        self.steps = steps
        self.state = steps.state
        self.outputs: Values = {}
        self._root = Urn(stack=stack, project=project, type=STACK_TYPE, name=f"{project}-{stack}")
        self._config = config
        self._seen: set[str] = set()
        self._replaced: set[str] = set()
        self._former: dict[str, Urn] = {}
        self._defaults: dict[str, Values] = {}
        self._lock = threading.Lock()

    def urn(self, parent: str, type_: str, name: str) -> str:
        """The URN that a resource has or will have. A parent that was not registered is refused."""
        if type_ == STACK_TYPE:
            return str(self._root)
        if parent and parent not in self._seen:
            raise RefusedError(f"parent {parent} was not registered in this program")
        return str((Urn.parse(parent) if parent else self._root).child(type_, name))

    def register(self, request: Registration) -> Registered:
        """Make it so. Raises `RefusedError`, `CloudError`, `StoppedError`."""
        urn = self._claim(request.parent, request.type, request.name)
        self._remember_secrets(request.inputs)
        if not self.steps.dry and not known(request.inputs):
            raise RefusedError("an input is still unknown, and this is not a preview")
        prior = self._prior(urn, request)
        entry = Entry(
            urn=urn,
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=request.parent,
            inputs=request.inputs,
            dependencies=request.dependencies,
            provider=request.provider,
            trigger=request.trigger,
            deleted_with=request.deleted_with,
            protect=request.protect,
            retain=request.retain,
        )
        if request.custom:
            checked = self._checked(entry, prior, request)
            settled = self._settle(checked, prior, request)
        elif prior is None:
            settled = self.steps.create(entry, ())
        else:
            settled = self._settle_component(entry, prior)
        return Registered(urn=urn, id=settled.id, outputs=self._answer(settled))

    def set_outputs(self, urn: str, outputs: Values) -> None:
        """What a component, or the stack, says about itself at its end."""
        self._remember_secrets(outputs)
        if self.state.set_outputs(urn, outputs) is None:
            raise RefusedError(f"outputs for {urn}, which was not registered")
        if urn == str(self._root):
            self.outputs = outputs

    def read(self, entry: Entry, id_: Any) -> Registered:
        """`.get()`: one that exists without the program."""
        if entry.type == STACK_REFERENCE:
            raise RefusedError(f"StackReference {entry.name!r}: other stacks cannot be read here")
        urn = self._claim(entry.parent, entry.type, entry.name)
        if id_ is UNKNOWN:
            return Registered(urn=urn)
        placed = replace(entry, urn=urn, settings=self.settings(entry.type, entry.provider), external=True)
        found = self.steps.read(placed, self.state.find(urn), str(id_))
        return Registered(urn=urn, id=found.id, outputs=self._answer(found))

    def invoke(self, token: str, arguments: Values, provider: str) -> Values:
        """Ask the cloud something."""
        if token == GET_RESOURCE:
            return self._get_resource(str(arguments.get("urn")))
        cloud = self.steps.clouds.get(token.split(":", 1)[0])
        problems = checks.invoke(token, arguments)
        if problems:
            raise RefusedError("; ".join(problems))
        target = self.steps.target(self.settings(token, provider))
        return cloud.invoke(target, token, plain(arguments))

    def finish(self) -> None:
        """The program has ended well: delete what it did not register, and what was replaced."""
        gone = [entry for entry in self.state.entries if entry.doomed or entry.urn not in self._seen]
        self.steps.delete_all(gone, self._replaced)

    def settings(self, token: str, provider: str) -> Values:
        """Where a resource or invoke of this token lives: as its provider says, else as configured."""
        if provider:
            explicit = self.state.find(provider)
            if explicit is None:
                raise RefusedError(f"provider {provider} was not registered in this program")
            return explicit.settings
        package = token.split(":", 1)[0]
        if package not in self._defaults:
            self._defaults[package] = self.steps.clouds.get(package).settings(self._config.namespace(package))
        return self._defaults[package]

    def _claim(self, parent: str, type_: str, name: str) -> str:
        urn = self.urn(parent, type_, name)
        with self._lock:
            if self.steps.report.problems:
                raise StoppedError
            if urn in self._seen:
                raise RefusedError(f"duplicate resource URN {urn}; give one of the two another name")
            self._seen.add(urn)
        return urn

    def _prior(self, urn: str, request: Registration) -> Entry | None:
        found = self.state.find(urn)
        if found is not None or request.type == STACK_TYPE:
            return found
        parent = Urn.parse(request.parent) if request.parent else self._root
        for candidate in urns.former(
            Urn.parse(urn), parent, self._former.get(request.parent), request.aliases
        ):
            found = self.state.find(candidate)
            if found is not None and candidate not in self._seen:
                self._former[urn] = Urn.parse(candidate)
                return found
        return None

    def _checked(self, entry: Entry, prior: Entry | None, request: Registration) -> Entry:
        """With ignored changes undone, generated inputs filled in, and everything looked at."""
        problems = checks.resource(entry.type, entry.inputs)
        if problems:
            raise RefusedError("; ".join(problems))
        if entry.type.startswith(reflection.PROVIDER):
            package = entry.type.removeprefix(reflection.PROVIDER)
            given = checks.unpack_provider(entry.inputs)
            return replace(entry, settings=self.steps.clouds.get(package).settings(given))
        kind = self.steps.clouds.kind(entry.type)
        inputs: dict[str, Any] = dict(entry.inputs)
        if prior is not None:
            given = {key: value for key, value in prior.inputs.items() if key not in prior.defaults}
            inputs = diff.keep(inputs, given, request.ignore_changes)
        filled = dict(kind.defaults(entry.name, plain(inputs), random_hex))
        if prior is not None:
            filled |= {key: prior.inputs[key] for key in filled if key in prior.defaults}
        inputs |= filled
        kind.check(plain(inputs))
        settings = self.settings(entry.type, entry.provider)
        return replace(entry, inputs=inputs, defaults=tuple(filled), settings=settings)

    def _settle(self, entry: Entry, prior: Entry | None, request: Registration) -> Entry:
        secret_outputs = request.secret_outputs
        if prior is None:
            return self.steps.create(entry, secret_outputs)
        paths = diff.changed(prior.inputs, entry.inputs)
        if paths and not self._differs(entry, prior):
            paths = ()
        if self._consequence(entry, prior) != "none":
            paths = (*paths, PROVIDER_PATH)
        shown = tuple(path for path in paths if path not in diff.concerned(paths, request.hidden))
        if self._must_replace(entry, prior, paths, request):
            return self._replace(entry, prior, shown, request)
        if not paths:
            return self.steps.keep(entry, prior)
        return self.steps.update(entry, prior, shown, secret_outputs)

    def _differs(self, entry: Entry, prior: Entry) -> bool:
        kind = self.steps.clouds.kind(entry.type) if entry.managed else None
        if not isinstance(kind, OwnDiff):
            return True
        return kind.differs(self.steps.target(entry.settings), live_of(prior), plain(entry.inputs))

    def _must_replace(
        self, entry: Entry, prior: Entry, paths: tuple[diff.Path, ...], request: Registration
    ) -> bool:
        if not entry.managed:
            return False
        if prior.external or prior.type != entry.type or self._consequence(entry, prior) == "replace":
            return True
        if request.trigger != prior.trigger or self._replaced.intersection(request.replace_with):
            return True
        if diff.concerned(paths, request.replace_on_changes):
            return True
        kind = self.steps.clouds.kind(entry.type)
        return bool(paths) and kind.replaces(plain(prior.inputs), plain(entry.inputs))

    def _replace(
        self, entry: Entry, prior: Entry, shown: tuple[diff.Path, ...], request: Registration
    ) -> Entry:
        kind = self.steps.clouds.kind(entry.type)
        # The old one still has its name: the new one gets another.
        given = {key: value for key, value in entry.inputs.items() if key not in entry.defaults}
        fresh = {**given, **kind.defaults(entry.name, plain(given), random_hex)}
        entry = replace(entry, inputs=fresh)
        first = request.delete_first
        if first is None:
            moved = self._consequence(entry, prior) == "replace"
            first = not moved and kind.collides(plain(prior.inputs), plain(fresh))
        made = self.steps.replace(entry, prior, shown, request.secret_outputs, delete_first=first)
        self._replaced.add(entry.urn)
        return made

    def _consequence(self, entry: Entry, prior: Entry) -> Consequence:
        if not entry.managed or entry.settings == prior.settings:
            return "none"
        cloud = self.steps.clouds.get(entry.package)
        return cloud.consequence(entry.type, prior.settings, entry.settings)

    def _settle_component(self, entry: Entry, prior: Entry) -> Entry:
        paths = diff.changed(prior.inputs, entry.inputs)
        if not paths:
            return self.steps.keep(entry, prior)
        return self.steps.update(entry, prior, paths, ())

    def _answer(self, entry: Entry) -> dict[str, Any]:
        """Outputs as the program sees them: inputs are outputs too where they have the same shape."""
        if not entry.custom:
            return {}
        shapes = reflection.outputs(entry.type)
        kind = self.steps.clouds.kind(entry.type) if entry.managed else None
        inputs = kind.echo(entry.inputs) if isinstance(kind, OwnEcho) else entry.inputs
        given = {key: value for key, value in inputs.items() if key in shapes and not _is_file(value)}
        return {key: _as_output(value, shapes[key]) for key, value in given.items()} | dict(entry.outputs)

    def _get_resource(self, urn: str) -> Values:
        entry = self.state.find(urn)
        if entry is None:
            raise RefusedError(f"{GET_RESOURCE}: no resource {urn}")
        return {"urn": urn, "id": entry.id, "state": {**entry.inputs, **entry.outputs}}

    def _remember_secrets(self, value: Any) -> None:
        for leaf in secrets_in(value):
            if leaf is not UNKNOWN:
                self.steps.report.secret(leaf)


def _is_file(value: Any) -> bool:
    """Files stay on the program's side."""
    return isinstance(plain(value), Asset | Archive)


def _as_output(value: Any, shape: Any) -> Any:
    """A document may be given as an object; it comes out as text."""
    if shape is not str or not (is_mapping(plain(value)) or is_list(plain(value))):
        return value
    if not known(value):
        return UNKNOWN
    text = json.dumps(plain(value))
    return Secret(text) if any(True for _ in secrets_in(value)) else text
