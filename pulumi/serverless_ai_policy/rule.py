"""What a rule is, what it looks at, and how resources are held against rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from serverless_ai_policy.values import UNKNOWN, Undecided, Values

Level = Literal["mandatory", "advisory"]
_TOKEN: Final = re.compile(r"^([A-Za-z-]+)(?:_\w+)?:([\w.-]+)(?:/[\w.-]+)?:(\w+)$")


def kind_of(token: str) -> str:
    """A type without what is only bookkeeping: `aws:sqs/queue:Queue` is an `aws:sqs:Queue`.

    So is every API version of a type of Azure (`azure-native:web/v20240401:WebApp`).
    """
    match = _TOKEN.match(token)
    return ":".join(match.groups()) if match else token


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as a program registers it."""

    kind: str
    """As `kind_of` has it."""
    name: str
    urn: str
    props: Values
    """By wire name; what is not known yet is `UNKNOWN`."""
    references: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """Property -> URNs of the resources that its value is made of."""

    def given(self, prop: str) -> Any:
        """What the program gives as `prop`: an unknown value that is made of nothing is the provider's own.

        For rules over a stack, which see outputs.
        """
        value = self.props.get(prop)
        return None if value is UNKNOWN and not self.references.get(prop) else value

    def refers(self, prop: str, other: Resource) -> bool:
        """Whether `prop` is made of an output of `other`, which a preview knows too."""
        return other.urn in self.references.get(prop, ())


class Stack:
    """All resources of a program."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.resources: Final = tuple(resources)

    def of(self, *kinds: str) -> Iterator[Resource]:
        """Resources of these kinds; a kind that ends with `*` is the beginning of several."""
        return (each for each in self.resources if is_one_of(each.kind, kinds))

    def referring(self, to: Resource, prop: str, *kinds: str) -> Iterator[Resource]:
        """Resources of these kinds whose `prop` is made of `to`."""
        return (each for each in self.of(*kinds) if each.refers(prop, to))


def is_one_of(kind: str, kinds: Sequence[str]) -> bool:
    return any(kind == one or (one.endswith("*") and kind.startswith(one[:-1])) for one in kinds)


class Finding(NamedTuple):
    """What is wrong with a resource, as seen beside the others."""

    resource: Resource
    text: str


Check = Callable[[Resource], Iterator[str]]
"""What is wrong with a resource, by itself; raises `Undecided` or ValueError."""


class Each(NamedTuple):
    """Looks at every resource of `kinds`."""

    kinds: Sequence[str]
    check: Check


class Whole(NamedTuple):
    """Looks at all resources at once: what is missing is seen only there."""

    check: Callable[[Stack], Iterator[Finding]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One thing that must hold."""

    id: str
    reason: str
    """Why; what happens otherwise."""
    mend: str
    """What to write, as a program in Python spells it."""
    looks: Each | Whole
    level: Level = "mandatory"
    also: Sequence[str] = ()
    """What other rule sets call it (cdk-nag, checkov, PSRule)."""


class Violation(NamedTuple):
    """A rule that does not hold; `text` says what is wrong and how to mend it."""

    rule: Rule
    resource: Resource
    text: str


def wrong(rule: Rule, subject: Resource | Stack) -> Iterator[Violation]:
    """What is wrong by `rule` with a resource or, as the rule looks at it, with a stack.

    A value that cannot be read is wrong as well. Raises `Undecided` when an unknown value was met.
    """
    try:
        for resource, text in _findings(rule, subject):
            yield Violation(rule, resource, f"{text}. {rule.mend}")
    except ValueError as error:
        if not isinstance(subject, Resource):
            raise
        yield Violation(rule, subject, f"{error}. {rule.mend}")


def _findings(rule: Rule, subject: Resource | Stack) -> Iterator[tuple[Resource, str]]:
    match rule.looks, subject:
        case Each(kinds, check), Resource() as resource:
            if is_one_of(resource.kind, kinds):
                for text in check(resource):
                    yield resource, text
        case Whole(check), Stack() as stack:
            yield from check(stack)
        case _:
            return


def judge(resources: Iterable[Resource], rules: Iterable[Rule]) -> list[Violation]:
    """Every violation of `rules`, for tests of programs. What is not known yet is passed over."""
    stack = Stack(resources)
    return [each for rule in rules for subject in (stack, *stack.resources) for each in _known(rule, subject)]


def _known(rule: Rule, subject: Any) -> Iterator[Violation]:
    try:
        yield from wrong(rule, subject)
    except Undecided:
        return
