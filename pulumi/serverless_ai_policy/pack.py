"""The rules as policies of Pulumi's policy SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, cast

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from serverless_ai_policy.rule import Each, Resource, Rule, Stack, kind_of, wrong
from serverless_ai_policy.rules import RULES
from serverless_ai_policy.values import UNKNOWN, Undecided

NAME: Final = "serverless-ai"
_LEVELS: Final = {"mandatory": EnforcementLevel.MANDATORY, "advisory": EnforcementLevel.ADVISORY}


def policies(rules: Iterable[Rule] = RULES) -> list[Policy]:
    """For `PolicyPack`: all rules, or those that you choose."""
    return [_policy(rule) for rule in rules]


def _policy(rule: Rule) -> Policy:
    common: dict[str, Any] = {
        "name": rule.id,
        "description": rule.reason,
        "enforcement_level": _LEVELS[rule.level],
        "remediation_steps": rule.mend,
        "tags": list(rule.also),
    }
    if isinstance(rule.looks, Each):
        return ResourceValidationPolicy(validate=_of_each(rule), **common)
    return StackValidationPolicy(validate=_of_all(rule), **common)


def _of_each(rule: Rule) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        resource = Resource(kind_of(args.resource_type), args.name, args.urn, plain(args.props))
        _report(rule, resource, args, report)

    return validate


def _of_all(rule: Rule) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        _report(rule, Stack(map(_resource, args.resources)), args, report)

    return validate


def _report(
    rule: Rule,
    subject: Resource | Stack,
    args: ResourceValidationArgs | StackValidationArgs,
    report: ReportViolation,
) -> None:
    try:
        for violation in wrong(rule, subject):
            report(violation.text, violation.resource.urn)
    except Undecided as undecided:
        args.not_applicable(f"{undecided} is known once it is deployed")


def _resource(one: PolicyResource) -> Resource:
    references = {
        prop: frozenset(other.urn for other in others) for prop, others in one.property_dependencies.items()
    }
    return Resource(kind_of(one.resource_type), one.name, one.urn, plain(one.props), references)


def plain(value: Any) -> Any:
    """What the SDK's proxies hold, with `UNKNOWN` where reading them would raise."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in cast("Mapping[str, Any]", value)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(cast("Sequence[Any]", value)))]
    return value


def _item(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN
