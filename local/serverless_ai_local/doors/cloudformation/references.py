"""Which resources a template needs, in which order, and whether everything that it names exists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from serverless_ai_local.doors.cloudformation.intrinsics import (
    Resolver,
    attribute_parts,
    intrinsic_of,
    sub_parts,
    unresolved,
    variables,
)
from serverless_ai_local.doors.cloudformation.template import Declaration, Template
from serverless_ai_local.doors.cloudformation.text import TemplateError
from serverless_ai_local.graph import CycleError, creation_order
from serverless_ai_local.plain import is_list, is_mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The resources whose condition holds, in creation order, each with the names it depends on."""

    order: list[Declaration]
    dependencies: Mapping[str, tuple[str, ...]]


def plan(resolver: Resolver) -> Plan:
    """Check every reference and order the resources. Raises `TemplateError` naming what is wrong where."""
    template = resolver.scope.template
    _check_conditions(template)
    _check_rules(resolver)
    active = {
        name: declaration
        for name, declaration in template.resources.items()
        if declaration.condition is None or resolver.condition(declaration.condition, declaration.place)
    }
    walker = _Walker(resolver, active.keys())
    dependencies = {name: tuple(dict.fromkeys(walker.needs(entry))) for name, entry in active.items()}
    for name, output in active_outputs(resolver):
        list(walker.walk({"Value": output["Value"], "Export": output.get("Export", {})}, f"Outputs.{name}"))
    try:
        order = creation_order(dependencies)
    except CycleError as error:
        raise TemplateError(f"Circular dependency between resources: [{', '.join(error.names)}]") from error
    return Plan(order=[active[name] for name in order], dependencies=dependencies)


def active_outputs(resolver: Resolver) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The outputs whose condition holds."""
    for name, output in resolver.scope.template.outputs.items():
        condition = output.get("Condition")
        if condition is None or resolver.condition(condition, f"Outputs.{name}"):
            yield name, output


@dataclass(frozen=True, slots=True)
class _Walker:
    resolver: Resolver
    active: Iterable[str]

    def needs(self, declaration: Declaration) -> Iterator[str]:
        """Names of the resources that this one refers to or declares to depend on."""
        for name in declaration.depends_on:
            if name not in self.resolver.scope.template.resources:
                raise unresolved(name, f"{declaration.place}.DependsOn")
            if name in self.active:
                yield name
        yield from self.walk(declaration.properties, f"{declaration.place}.Properties")

    def walk(self, value: Any, place: str) -> Iterator[str]:
        """Names of the resources that `value` refers to; only the branch of `Fn::If` that is taken counts."""
        if is_list(value):
            for index, item in enumerate(value):
                yield from self.walk(item, f"{place}[{index}]")
        elif is_mapping(value):
            function = intrinsic_of(value, place)
            if function is None:
                for key, item in value.items():
                    yield from self.walk(item, f"{place}.{key}")
            else:
                yield from self._call(function, value[function], f"{place}.{function}")

    def _call(self, function: str, argument: Any, place: str) -> Iterator[str]:
        if function == "Ref":
            yield from self._name(argument, place)
        elif function == "Fn::GetAtt":
            yield from self._resource(attribute_parts(argument, place)[0], place)
        elif function == "Fn::Sub":
            text, own = sub_parts(argument, place)
            for name in variables(text, place):
                if name not in own:
                    yield from (
                        self._resource(name.split(".")[0], place) if "." in name else self._name(name, place)
                    )
            yield from self.walk(own, place)
        elif function == "Fn::If" and is_list(argument) and len(argument) == 3:
            taken = 1 if self.resolver.condition(argument[0], place) else 2
            yield from self.walk(argument[taken], f"{place}[{taken}]")
        else:
            yield from self.walk(argument, place)

    def _name(self, name: Any, place: str) -> Iterator[str]:
        scope = self.resolver.scope
        if name == "AWS::NoValue" or name in scope.parameters or name in scope.pseudo:
            return
        if str(name).startswith("AWS::"):
            raise TemplateError(f"Template error: unknown pseudo parameter {name!r} at {place}")
        yield from self._resource(name, place)

    def _resource(self, name: Any, place: str) -> Iterator[str]:
        if name not in self.active:
            raise unresolved(name, place)
        yield name


def _check_conditions(template: Template) -> None:
    """Conditions that stand on each other in a circle would never be decided."""
    needs = {
        name: set(_condition_names(body)) & template.conditions.keys()
        for name, body in template.conditions.items()
    }
    try:
        creation_order(needs)
    except CycleError as error:
        raise TemplateError(f"Circular dependency between conditions: [{', '.join(error.names)}]") from error


def _condition_names(value: Any) -> Iterator[str]:
    if is_list(value):
        for item in value:
            yield from _condition_names(item)
    elif is_mapping(value):
        for key, item in value.items():
            if key == "Condition" and isinstance(item, str):
                yield item
            yield from _condition_names(item)


def _check_rules(resolver: Resolver) -> None:
    """Rules are assertions about parameters; the first that does not hold is the error."""
    for name, rule in resolver.scope.template.rules.items():
        place = f"Rules.{name}"
        unknown = rule.keys() - {"RuleCondition", "Assertions"}
        if unknown:
            raise TemplateError(
                f"Template format error: unknown attribute of {place}: {', '.join(sorted(unknown))}"
            )
        if "RuleCondition" in rule and not resolver.test(rule["RuleCondition"], f"{place}.RuleCondition"):
            continue
        for assertion in rule.get("Assertions", []):
            if not resolver.test(assertion["Assert"], f"{place}.Assertions"):
                reason = assertion.get("AssertDescription", "an assertion does not hold")
                raise TemplateError(f"Template constraint error in rule {name}: {reason}")
