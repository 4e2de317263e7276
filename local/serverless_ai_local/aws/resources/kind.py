"""A resource type as data: which operations make, change and remove it, and what is special about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from serverless_ai_local.aws.provider import Context, Made, ResourceError
from serverless_ai_local.aws.resources.calls import MissingError, as_json, call, input_shape
from serverless_ai_local.aws.resources.fit import fit, member
from serverless_ai_local.aws.resources.naming import Name, physical_name
from serverless_ai_local.aws.resources.tagging import TAGS, Tagging
from serverless_ai_local.plain import is_list

Properties = Mapping[str, Any]


# Parameters that are about the call, not about what it makes.
_OF_THE_CALL: Final = frozenset({"ClientRequestToken", "ClientToken", "DryRun"})


@dataclass(frozen=True, slots=True)
class Call:
    """An operation with the parameters that say which thing it is about.

    Their values are format strings: `{id}` is the physical id, `{p[Name]}` a property, `{head}` and `{tail}`
    what stands before the first `|` and after the last `|` or `:` of the id.
    """

    operation: str
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])
    more: Callable[[Context], Mapping[str, Any]] = lambda context: {}
    """Parameters that only depend on where it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facet:
    """Properties that calls of their own set. `apply` gets the resource, the old and the new properties."""

    properties: frozenset[str]
    apply: Callable[[Context, Made, Properties, Properties], None]
    in_create: bool = False
    """The creating operation takes them already; only a change needs `apply`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A resource type: a `Provider` made of the service's own operations.

    Every property must be in the shape of `create` or belong to a facet; an unknown one is a `ResourceError`.
    """

    type: str
    service: str
    create_call: Call
    delete_call: Call | None
    update_call: Call | None = None
    read_call: Call | None = None
    """What `attributes` are taken from; without it, from the answer to `create`."""
    ref: str
    """Format of what `Ref` returns: `{answer[...]}` of `create`, `{p[...]}` a property."""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    """`Fn::GetAtt` name -> format: as in `Call`, with `{answer[...]}` and `{context.region}`.

    What the answer does not have is left out.
    """
    name: Name | None = None
    immutable: frozenset[str] = frozenset()
    """Properties whose change needs a new resource."""
    defaults: Properties = field(default_factory=dict[str, Any])
    """Values of properties that are left out, where the calls need one."""
    renames: Mapping[str, str] = field(default_factory=dict[str, str])
    """Property -> parameter, where the API's name differs by more than its case."""
    documents: frozenset[str] = frozenset()
    """Properties that may be objects and are sent as JSON text."""
    aside: frozenset[str] = frozenset()
    """Properties that only `delete_call` uses."""
    resets: Properties = field(default_factory=dict[str, Any])
    """What an update sends for a property that was taken away."""
    whole_update: bool = False
    """The updating operation sets everything: what it is not given, is gone."""
    overwrites: bool = False
    """The creating operation would take over an existing thing, so it is looked for first."""
    prepare: Callable[[Properties], Properties] = dict
    """Last rewriting of the properties for `create` and `update`."""
    built: frozenset[str] = frozenset()
    """Parameters that `prepare` makes: they are no properties."""
    facets: tuple[Facet, ...] = ()
    before_delete: Callable[[Context, str, Properties], None] | None = None
    """What must be gone before it can go. A `MissingError` of it is fine."""
    tagging: Tagging | None = None

    @property
    def taggable(self) -> bool:
        """Whether it takes the tags of its stack."""
        return self.tagging is not None

    def replaces(self, old: Properties, new: Properties) -> bool:
        """Whether an immutable property differs."""
        before, after = {**self.defaults, **old}, {**self.defaults, **new}
        fixed = self.immutable | ({self.name.property} if self.name else set[str]())
        # A name that was made up stays: leaving it out on both sides is no change.
        return any(before.get(name) != after.get(name) for name in fixed)

    def create(self, context: Context, name: str, properties: Properties) -> Made:
        """Make it and set its facets; if one of them fails, nothing is left."""
        values = self._complete(context, name, properties)
        self._check_known(context, values)
        if self.overwrites:
            self._refuse_existing(context, values)
        parameters = self._parameters(context, self.create_call, values, "")
        answer = call(context, self.service, self.create_call.operation, parameters)
        physical_id = self.ref.format(answer=answer, p=values, context=context)
        made = self._made(context, physical_id, values, answer)
        try:
            for facet in self.facets:
                if not facet.in_create and facet.properties & values.keys():
                    facet.apply(context, made, {}, values)
            self._tag(context, made, {}, values)
        except Exception as error:
            self._take_back(context, physical_id, values, error)
            raise
        return self._made(context, physical_id, values, answer)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> Made:
        """Change what differs."""
        before, after = self._named(physical_id, old), self._named(physical_id, new)
        self._check_known(context, after)
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        made = self._made(context, physical_id, before, {})
        changed_here = changed - self._apart()
        if changed_here:
            self._update_main(context, physical_id, before, after, changed_here)
        for facet in self.facets:
            if facet.properties & changed:
                facet.apply(context, made, before, after)
        self._tag(context, made, before, after)
        return self._made(context, physical_id, after, {})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Remove it; one that is gone already is fine."""
        if self.delete_call is None:
            return
        values = self._named(physical_id, properties)
        about = self._about(self.delete_call, context, physical_id, values)
        try:
            if self.before_delete is not None:
                self.before_delete(context, physical_id, values)
            call(context, self.service, self.delete_call.operation, about)
        except MissingError:
            return

    def _take_back(self, context: Context, physical_id: str, values: Properties, error: Exception) -> None:
        try:
            self.delete(context, physical_id, values)
        except ResourceError as left:
            raise ResourceError(f"{error} And {physical_id} could not be removed: {left}") from error

    def _update_main(
        self, context: Context, physical_id: str, before: Properties, after: Properties, changed: set[str]
    ) -> None:
        shape = input_shape(context, self.service, self.update_call.operation) if self.update_call else None
        prepared = self.prepare(after)
        stuck = sorted(n for n in changed if n in prepared and (not shape or not self._parameter(shape, n)))
        if self.update_call is None or stuck:
            raise ResourceError(
                f"{self.type}: {', '.join(stuck)} cannot be changed in place on the local cloud"
            )
        removed = [] if self.whole_update else sorted(before.keys() - after.keys() - self._apart())
        missing = [name for name in removed if name not in self.resets]
        if missing:
            raise ResourceError(
                f"{self.type}: {', '.join(missing)} cannot be taken away in place on the local cloud; "
                "give the value that it shall have"
            )
        values = {**after, **{name: self.resets[name] for name in removed}}
        parameters = self._parameters(context, self.update_call, values, physical_id)
        call(context, self.service, self.update_call.operation, parameters)

    def _parameters(
        self, context: Context, operation: Call, values: Properties, physical_id: str
    ) -> dict[str, Any]:
        """What the operation is told: the properties that it takes, and which thing it is about."""
        shape = input_shape(context, self.service, operation.operation)
        prepared = self.prepare(values)
        parameters: dict[str, Any] = {}
        for key, value in prepared.items():
            name = self._parameter(shape, key)
            if name is not None:
                text = as_json(value) if key in self.documents else value
                parameters[name] = fit(shape.members[name], text, f"{self.type}.{key}")
        return parameters | self._about(operation, context, physical_id, values)

    def _parameter(self, shape: Any, key: str) -> str | None:
        if key == TAGS or key in {n for f in self.facets if not f.in_create for n in f.properties}:
            return None
        return member(shape, self.renames.get(key, key))

    def _check_known(self, context: Context, values: Properties) -> None:
        shape = input_shape(context, self.service, self.create_call.operation)
        apart, prepared = self._apart() | self.defaults.keys(), self.prepare(values)
        unknown = [
            key
            for key in values
            if key in self.built
            or (key in prepared and key not in apart and member(shape, self.renames.get(key, key)) is None)
        ]
        if unknown:
            words = {parameter: key for key, parameter in self.renames.items()}
            members: list[str] = list(shape.members)
            takes = {words.get(name, name[0].upper() + name[1:]) for name in members} | apart
            raise ResourceError(
                f"Encountered unsupported property {self.type}.{', '.join(unknown)}; "
                f"supported: {', '.join(sorted(takes - self.built - _OF_THE_CALL))}"
            )

    def _apart(self) -> frozenset[str]:
        """Properties that are not for `create`'s own parameters."""
        tags = {TAGS} if self.tagging else set[str]()
        return self.aside | {name for facet in self.facets for name in facet.properties} | tags

    def _complete(self, context: Context, logical_id: str, properties: Properties) -> dict[str, Any]:
        """The properties with a physical name and the defaults."""
        values = {**self.defaults, **properties}
        if self.name and self.name.property not in values:
            values[self.name.property] = physical_name(self.name, context.stack, logical_id, values)
        return values

    def _named(self, physical_id: str, properties: Properties) -> dict[str, Any]:
        """The same for a resource that exists, whose name is known."""
        values = {**self.defaults, **properties}
        if self.name:
            values.setdefault(self.name.property, self.name.of_id(physical_id))
        return values

    def _refuse_existing(self, context: Context, values: Properties) -> None:
        name = str(values[self.name.property]) if self.name else ""
        try:
            found = self._made(context, name, values, {})
        except MissingError:
            return
        if found.attributes.keys() == self.attributes.keys():
            raise ResourceError(f"{name or self.type} already exists")

    def _made(
        self, context: Context, physical_id: str, values: Properties, answer: Mapping[str, Any]
    ) -> Made:
        if self.read_call is not None:
            about = self._about(self.read_call, context, physical_id, values)
            answer = call(context, self.service, self.read_call.operation, about)
        attributes: dict[str, str] = {}
        for name, text in self.attributes.items():
            with suppress(LookupError):
                attributes[name] = text.format(answer=answer, **_words(physical_id, values, context))
        return Made(physical_id=physical_id, attributes=attributes)

    def _about(
        self, operation: Call, context: Context, physical_id: str, values: Properties
    ) -> dict[str, Any]:
        shape = input_shape(context, self.service, operation.operation)
        words = _words(physical_id, values, context)
        try:
            about = {key: _filled(text, words) for key, text in operation.about.items()}
        except KeyError as missing:
            raise ResourceError(f"{self.type} needs {missing.args[0]}") from missing
        return fit(shape, {**about, **operation.more(context)}, self.type)

    def _tag(self, context: Context, made: Made, old: Properties, new: Properties) -> None:
        if self.tagging is None:
            return
        words = _words(made.physical_id, new, context)
        target = self.tagging.target.format(made=made.attributes, **words)
        before = self.tagging.wanted(context.old_tags, old, self.type)
        after = self.tagging.wanted(context.tags, new, self.type)
        self.tagging.change(context, self.service, target, before, after)


def _words(physical_id: str, values: Properties, context: Context) -> dict[str, Any]:
    """What the format strings of a kind may use."""
    return {
        "id": physical_id,
        "head": physical_id.split("|", 1)[0],
        "tail": re.split(r"[:|]", physical_id)[-1],
        "p": values,
        "context": context,
    }


def _filled(text: Any, words: Mapping[str, Any]) -> Any:
    if is_list(text):
        return [_filled(item, words) for item in text]
    return text.format(**words) if isinstance(text, str) else text
