"""Intrinsic functions: what `Ref`, `Fn::Sub` and the others of a template become."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from serverless_ai_local.aws.provider import Made
from serverless_ai_local.doors.cloudformation.functions import PURE, arguments, text_of
from serverless_ai_local.doors.cloudformation.template import Template
from serverless_ai_local.doors.cloudformation.text import TemplateError
from serverless_ai_local.plain import is_list, is_mapping


class _NoValue:
    """`AWS::NoValue`: takes its property or list item away."""


NO_VALUE: Final = _NoValue()


class Unknown(str):
    """A value that only exists after the change is made; whatever is computed from it is unknown too."""

    __slots__ = ()


UNKNOWN: Final = Unknown("{{changeSet:KNOWN_AFTER_APPLY}}")

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9_.:]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What the names of a template stand for."""

    template: Template
    parameters: Mapping[str, Any]
    pseudo: Mapping[str, Any]
    """`AWS::Region` and the other pseudo parameters."""
    made: Mapping[str, Made]
    """Resources made so far; filled while the stack is."""
    exports: Mapping[str, str] = field(default_factory=dict[str, str])
    imported: set[str] = field(default_factory=set[str])
    """Names of the exports that were read; filled while values are resolved."""
    zones: Callable[[str], list[str]] = lambda region: [f"{region}a", f"{region}b", f"{region}c"]


@dataclass(frozen=True, slots=True)
class Resolver:
    """Evaluates template values. Errors are `TemplateError`s that name the place."""

    scope: Scope

    def resolve(self, value: Any, place: str) -> Any:
        """`value` with every intrinsic function replaced by its result."""
        if is_mapping(value):
            return self._resolve_mapping(value, place)
        if is_list(value):
            items = [self.resolve(item, f"{place}[{index}]") for index, item in enumerate(value)]
            return [item for item in items if item is not NO_VALUE]
        return value

    def condition(self, name: Any, place: str) -> bool:
        """Whether the named condition holds."""
        conditions = self.scope.template.conditions
        if not isinstance(name, str) or name not in conditions:
            raise TemplateError(f"Template error: {place} names an undefined condition {name!r}")
        return self.test(conditions[name], f"Conditions.{name}")

    def test(self, expression: Any, place: str) -> bool:
        """A condition's expression as a truth value."""
        value = self.resolve(expression, place)
        if isinstance(value, bool):
            return value
        raise TemplateError(f"Template error: {place} must be a condition function, got {value!r}")

    def ref(self, name: Any, place: str) -> Any:
        """What `Ref` returns."""
        scope = self.scope
        if name == "AWS::NoValue":
            return NO_VALUE
        if isinstance(name, str):
            for values in (scope.parameters, scope.pseudo):
                if name in values:
                    return values[name]
            if name in scope.template.resources:
                return self._made(name, place).physical_id
        kind = "pseudo parameter" if str(name).startswith("AWS::") else "resource or parameter"
        raise TemplateError(f"Template error: {place} refers to an unknown {kind} {name!r}")

    def attribute(self, name: str, attribute: str, place: str) -> Any:
        """What `Fn::GetAtt` returns."""
        if name not in self.scope.template.resources:
            raise TemplateError(
                f"Template error: instance of Fn::GetAtt references undefined resource {name} at {place}"
            )
        made = self._made(name, place)
        try:
            return made.attributes[attribute]
        except KeyError:
            kind = self.scope.template.resources[name].type
            known = ", ".join(sorted(made.attributes)) or "none"
            raise TemplateError(
                f"Template error: {place}: {kind} has no attribute {attribute} on the local cloud; "
                f"it has: {known}"
            ) from None

    def _made(self, name: str, place: str) -> Made:
        made = self.scope.made.get(name)
        if made is None:
            raise unresolved(name, place)
        return made

    def _resolve_mapping(self, value: dict[str, Any], place: str) -> Any:
        name = intrinsic_of(value, place)
        if name is not None:
            return FUNCTIONS[name](self, value[name], f"{place}.{name}")
        resolved = {key: self.resolve(item, f"{place}.{key}") for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}


def unresolved(name: Any, place: str) -> TemplateError:
    """The error for a name that is no resource of this stack."""
    return TemplateError(
        f"Template format error: Unresolved resource dependencies [{name}] in the Resources block of the "
        f"template, at {place}"
    )


def intrinsic_of(value: Mapping[str, Any], place: str) -> str | None:
    """Name of the function that this mapping calls, or None; an unknown function is an error."""
    called = [key for key in value if key == "Ref" or str(key).startswith("Fn::")]
    if not called:
        expected = place.startswith(("Conditions.", "Rules."))
        return "Condition" if expected and list(value) == ["Condition"] else None
    if len(value) > 1:
        raise TemplateError(f"Template error: {called[0]} stands beside other keys at {place}")
    if called[0] not in FUNCTIONS:
        raise TemplateError(
            f"Template error: {called[0]} at {place} is not supported by the local CloudFormation; "
            f"supported: {', '.join(FUNCTIONS)}"
        )
    return called[0]


def variables(template: str, place: str) -> Iterable[str]:
    """Names that `Fn::Sub` replaces in `template`, `${!literal}` excepted."""
    for name in _VARIABLE.findall(template):
        if not name.startswith("!"):
            yield _checked(name, place)


def _checked(name: str, place: str) -> str:
    if not _VARIABLE_NAME.fullmatch(name):
        raise TemplateError(
            f"Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, "
            f"underscores, periods, and colons: {name!r} at {place}"
        )
    return name


def sub_parts(argument: Any, place: str) -> tuple[str, Mapping[str, Any]]:
    """Both forms of `Fn::Sub`'s argument: the text and its own variables."""
    if isinstance(argument, str):
        return argument, {}
    if is_list(argument) and len(argument) == 2:
        text, own = argument
        if isinstance(text, str) and is_mapping(own):
            return text, own
    raise TemplateError(f"Template error: {place} must be a string, or a list of a string and a mapping")


def attribute_parts(argument: Any, place: str) -> tuple[str, Any]:
    """Both forms of `Fn::GetAtt`'s argument: the resource's name and the attribute (which may be a `Ref`)."""
    parts: Any = argument.split(".", 1) if isinstance(argument, str) else argument
    if not is_list(parts) or len(parts) != 2 or not isinstance(parts[0], str):
        raise TemplateError(f"Template error: {place} must be a resource name and an attribute")
    return parts[0], parts[1]


def has_unknown(value: Any) -> bool:
    """Whether an `Unknown` is anywhere in `value`."""
    if is_mapping(value):
        return any(has_unknown(item) for item in value.values())
    if is_list(value):
        return any(has_unknown(item) for item in value)
    return isinstance(value, Unknown)


# --- the functions: (resolver, argument, place) -> value


def _ref(resolver: Resolver, argument: Any, place: str) -> Any:
    return resolver.ref(argument, place)


def _get_att(resolver: Resolver, argument: Any, place: str) -> Any:
    name, attribute = attribute_parts(argument, place)
    return resolver.attribute(name, text_of(resolver.resolve(attribute, place), place), place)


def _sub(resolver: Resolver, argument: Any, place: str) -> Any:
    text, own = sub_parts(argument, place)
    mapped = {key: resolver.resolve(value, f"{place}.{key}") for key, value in own.items()}
    values: dict[str, Any] = {}
    for name in variables(text, place):
        if name in mapped:
            values[name] = mapped[name]
        elif "." in name:
            resource, attribute = name.split(".", 1)
            values[name] = resolver.attribute(resource, attribute, place)
        else:
            values[name] = resolver.ref(name, place)
    if has_unknown(values):
        return UNKNOWN

    def replacement(match: re.Match[str]) -> str:
        name = match.group(1)
        return "${" + name[1:] + "}" if name.startswith("!") else text_of(values[name], f"{place}.{name}")

    return _VARIABLE.sub(replacement, text)


def _if(resolver: Resolver, argument: Any, place: str) -> Any:
    name, chosen, other = arguments(argument, place, 3)
    branch = chosen if resolver.condition(name, place) else other
    return resolver.resolve(branch, place)


def _condition(resolver: Resolver, argument: Any, place: str) -> Any:
    return resolver.condition(argument, place)


def _import_value(resolver: Resolver, argument: Any, place: str) -> Any:
    name = resolver.resolve(argument, place)
    if isinstance(name, Unknown):
        return UNKNOWN
    exports = resolver.scope.exports
    if name not in exports:
        raise TemplateError(f"No export named {name} found. At {place}")
    resolver.scope.imported.add(name)
    return exports[name]


def _find_in_map(resolver: Resolver, argument: Any, place: str) -> Any:
    keys = [text_of(resolver.resolve(key, place), place) for key in arguments(argument, place, 3)]
    level: Any = resolver.scope.template.mappings
    for key in keys:
        if not is_mapping(level) or key not in level:
            raise TemplateError(f"Template error: Unable to get mapping for {'::'.join(keys)} at {place}")
        level = level[key]
    return level


def _get_azs(resolver: Resolver, argument: Any, place: str) -> Any:
    region = resolver.resolve(argument, place)
    return resolver.scope.zones(region or resolver.scope.pseudo["AWS::Region"])


def _of_values(function: Callable[[Any, str], Any]) -> Callable[[Resolver, Any, str], Any]:
    """A function of resolved arguments; unknown if one of them is."""

    def call(resolver: Resolver, argument: Any, place: str) -> Any:
        values = resolver.resolve(argument, place)
        return UNKNOWN if has_unknown(values) else function(values, place)

    return call


FUNCTIONS: Final[Mapping[str, Callable[[Resolver, Any, str], Any]]] = {
    "Ref": _ref,
    "Condition": _condition,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    **{name: _of_values(function) for name, function in PURE.items()},
}
"""Every function that a template may call; `Condition` only where a condition is expected."""
