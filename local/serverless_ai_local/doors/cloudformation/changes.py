"""What would change: a stack as it is against what it is told to be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from serverless_ai_local.aws.provider import Made, Provider
from serverless_ai_local.doors.cloudformation.intrinsics import UNKNOWN, Resolver, Scope, has_unknown
from serverless_ai_local.doors.cloudformation.references import active_outputs, plan
from serverless_ai_local.doors.cloudformation.stack import Change, Live, Stack
from serverless_ai_local.doors.cloudformation.template import Declaration
from serverless_ai_local.doors.cloudformation.text import TemplateError


def unmade() -> Made:
    """Stands for a resource that is yet to be made: everything about it is unknown."""
    return Made(physical_id=UNKNOWN, attributes=defaultdict(lambda: UNKNOWN))


def preview(
    stack: Stack, scope: Scope, tags: Mapping[str, str], providers: Mapping[str, Provider]
) -> list[Change]:
    """The changes that executing `scope`'s template would make, in order. Raises `TemplateError`."""
    made: dict[str, Made] = {name: live.made for name, live in stack.resources.items()}
    resolver = Resolver(replace(scope, made=made))
    steps = plan(resolver)
    changes: list[Change] = []
    for declaration in steps.order:
        live = stack.resources.get(declaration.name)
        if live is None:
            made[declaration.name] = unmade()
        properties = resolver.resolve(declaration.properties, f"{declaration.place}.Properties")
        if live is None:
            changes.append(_addition(declaration, properties))
            continue
        change = modification(live, declaration, properties, tags, providers)
        if change is not None:
            changes.append(change)
            if change.replaces:
                made[declaration.name] = unmade()
    kept = {declaration.name for declaration in steps.order}
    changes += [_removal(live) for live in stack.resources.values() if live.name not in kept]
    return changes


def outputs_change(stack: Stack, scope: Scope) -> bool:
    """Whether executing would change an output, resources being as they are."""
    resolver = Resolver(replace(scope, made={name: live.made for name, live in stack.resources.items()}))
    after = {
        name: (
            resolver.resolve(output["Value"], f"Outputs.{name}.Value"),
            output.get("Description"),
            resolver.resolve(output.get("Export", {}), f"Outputs.{name}.Export").get("Name"),
        )
        for name, output in active_outputs(resolver)
    }
    before = {
        name: (output.value, output.description, output.export) for name, output in stack.outputs.items()
    }
    return before != after


def modification(
    live: Live,
    declaration: Declaration,
    properties: Mapping[str, Any],
    tags: Mapping[str, str],
    providers: Mapping[str, Provider],
) -> Change | None:
    """How a resource that exists would change, or None."""
    if declaration.type != live.type:
        raise TemplateError(
            "Update of resource type is not permitted. The new template modifies resource type of the "
            f"following resources: [{live.name}]"
        )
    names = changed_names(live.properties, properties)
    scope = [
        part
        for part, differs in (
            ("Properties", bool(names)),
            ("Tags", live.tags != tags and getattr(providers[live.type], "taggable", True)),
            ("Metadata", live.metadata != declaration.metadata),
        )
        if differs or (part == "Properties" and live.status == "UPDATE_FAILED")
    ]
    if not scope:
        return None
    causes = _causes(live, properties, names, providers[live.type])
    return Change(
        action="Modify",
        name=live.name,
        type=live.type,
        physical_id=live.made.physical_id,
        before=live.properties,
        after=properties,
        properties=names,
        unknown=tuple(name for name in names if has_unknown(properties.get(name))),
        causes=causes,
        retains=bool(causes) and declaration.update_replace_policy != "Delete",
        scope=tuple(scope),
    )


def _causes(
    live: Live, properties: Mapping[str, Any], names: tuple[str, ...], provider: Provider
) -> tuple[str, ...]:
    """The changed properties that each need a replacement, or all if only their combination does."""
    if not names or not provider.replaces(live.properties, properties):
        return ()
    kept = dict(live.properties)
    alone = tuple(name for name in names if provider.replaces(kept, _with(kept, name, properties)))
    return alone or names


def _with(old: Mapping[str, Any], name: str, new: Mapping[str, Any]) -> dict[str, Any]:
    changed = {key: value for key, value in old.items() if key != name}
    return changed | ({name: new[name]} if name in new else {})


def changed_names(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """Properties that were added, removed or changed."""
    return tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))


def _addition(declaration: Declaration, properties: Mapping[str, Any]) -> Change:
    return Change(action="Add", name=declaration.name, type=declaration.type, after=properties)


def _removal(live: Live) -> Change:
    return Change(
        action="Remove",
        name=live.name,
        type=live.type,
        physical_id=live.made.physical_id,
        before=live.properties,
        retains=live.deletion_policy != "Delete",
    )
