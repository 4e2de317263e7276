"""The checks that most rules are: what must be given, and what a property must be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from serverless_ai_policy.rule import Check, Finding, Resource, Stack, Whole
from serverless_ai_policy.values import at, is_set, known_at, listed, shown


def must_be(path: str, *allowed: Any) -> Check:
    """The property is one of `allowed`; not given, it is not."""

    def check(resource: Resource) -> Iterator[str]:
        value = known_at(resource.props, path)
        if value not in allowed:
            yield f"{path} is {shown(value)} and must be {' or '.join(map(shown, allowed))}"

    return check


def must_be_set(*paths: str) -> Check:
    """Each property is given; what is not known yet is given too."""

    def check(resource: Resource) -> Iterator[str]:
        for path in paths:
            if not is_set(at(resource.props, path)):
                yield f"{path} is not set"

    return check


def must_be_chosen(*paths: str) -> Check:
    """Each property is given by the program and not by the provider's defaults, whatever it is."""

    def check(resource: Resource) -> Iterator[str]:
        for path in paths:
            if at(resource.props, path) is None or path in _defaulted(resource):
                yield f"{path} is left to the provider's default"

    return check


def _defaulted(resource: Resource) -> list[Any]:
    # Where Pulumi's bridge to Terraform providers notes what it filled in.
    return listed(resource.props.get("__defaults"), "__defaults")


def all_of(*checks: Check) -> Check:
    def check(resource: Resource) -> Iterator[str]:
        for one in checks:
            yield from one(resource)

    return check


def never(text: str) -> Check:
    """A resource of this kind is wrong by being there."""

    def check(_: Resource) -> Iterator[str]:
        yield text

    return check


def each_has(kind: str, others: Sequence[str], prop: str, text: str) -> Whole:
    """Every resource of `kind` has one of the kinds `others` that refers to it by `prop`."""

    def check(stack: Stack) -> Iterator[Finding]:
        for resource in stack.of(kind):
            if not any(stack.referring(resource, prop, *others)):
                yield Finding(resource, text)

    return Whole(check)
