"""Uniform resource names: how Pulumi names resources, and under which names a resource was known before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

STACK_TYPE = "pulumi:pulumi:Stack"


@dataclass(frozen=True, kw_only=True, slots=True)
class Urn:
    """`urn:pulumi:STACK::PROJECT::PARENT_TYPES$TYPE::NAME` in parts."""

    stack: str
    project: str
    parents: tuple[str, ...] = ()
    """Types of the components around it, outermost first."""
    type: str
    name: str

    def __str__(self) -> str:
        return f"urn:pulumi:{self.stack}::{self.project}::{'$'.join((*self.parents, self.type))}::{self.name}"

    @classmethod
    def parse(cls, text: str) -> Urn:
        """Raises `ValueError` for what is not a URN."""
        # A name may contain `::`; what comes before it may not.
        head, *rest = text.split("::", 3)
        if not head.startswith("urn:pulumi:") or len(rest) != 3:
            raise ValueError(f"{text!r} is not a URN such as urn:pulumi:dev::shop::aws:sqs/queue:Queue::jobs")
        project, types, name = rest
        *parents, type_ = types.split("$")
        stack = head.removeprefix("urn:pulumi:")
        return cls(stack=stack, project=project, parents=tuple(parents), type=type_, name=name)

    def child(self, type_: str, name: str) -> Urn:
        """The URN of a resource whose parent has this URN."""
        parents = () if self.type == STACK_TYPE else (*self.parents, self.type)
        return replace(self, parents=parents, type=type_, name=name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Alias:
    """A former identity: a whole URN, or the parts that were different."""

    urn: str = ""
    name: str = ""
    type: str = ""
    stack: str = ""
    project: str = ""
    parent: str = ""
    no_parent: bool = False

    def of(self, current: Urn, parent: Urn | None) -> str:
        """The former URN of `current`, a child of `parent` (None: of the stack)."""
        if self.urn:
            return self.urn
        around = Urn.parse(self.parent) if self.parent else (None if self.no_parent else parent)
        root = replace(current, parents=(), type=STACK_TYPE, name="")
        former = (around or root).child(self.type or current.type, self.name or current.name)
        return str(replace(former, stack=self.stack or former.stack, project=self.project or former.project))


def former(
    current: Urn, parent: Urn | None, parent_before: Urn | None, aliases: tuple[Alias, ...]
) -> Iterator[str]:
    """Every URN that `current` may have had, likeliest first; `parent_before`: its parent's former one."""
    for alias in aliases:
        yield alias.of(current, parent)
    if parent is None or parent_before is None:
        return
    # Children are named after their parent by convention: a renamed parent renamed them too.
    names = [current.name]
    if current.name.startswith(parent.name):
        names.insert(0, parent_before.name + current.name.removeprefix(parent.name))
    for name in names:
        inherited = replace(current, name=name)
        yield str(parent_before.child(current.type, name))
        for alias in aliases:
            if not alias.urn:
                yield alias.of(inherited, parent_before)
