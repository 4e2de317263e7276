"""What a program registers as the policy pack sees it, and changes to it."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.proxy import unknown_checking_proxy
from recorder import Recording, Registered

from serverless_ai_local.doors.pulumi import checks
from serverless_ai_local.doors.pulumi.values import decode
from serverless_ai_policy import RULES, Resource, Violation, judge, kind_of
from serverless_ai_policy.pack import plain


def seen(one: Registered) -> Resource:
    """A resource as the pack's process sees it."""
    return Resource(kind_of(one.type), one.name, one.urn, on_wire(one.inputs), one.references)


def on_wire(inputs: dict[str, Any]) -> Any:
    """Inputs as the pack's process reads them off the wire."""
    return plain(unknown_checking_proxy(deserialize_properties(inputs)))


@dataclass
class Graph:
    """What a program registers, to be changed at will; `changed` are the resources that were."""

    resources: list[Registered]
    changed: list[Registered]

    @classmethod
    def of(cls, recording: Recording) -> Graph:
        return cls(copy.deepcopy(recording.resources), [])

    def find(self, kind: str, name: str = "") -> Registered:
        """The first resource of a class whose name ends with `name`."""
        return next(
            one for one in self.resources if one.type.endswith(f":{kind}") and one.name.endswith(name)
        )

    def set(self, kind: str, path: str, value: Any, name: str = "") -> Graph:
        """Give a property another value."""
        one = self.find(kind, name)
        *parents, key = path.split(".")
        functools.reduce(lambda at, parent: at.setdefault(parent, {}), parents, one.inputs)[key] = value
        self.changed.append(one)
        return self

    def unset(self, kind: str, path: str, name: str = "") -> Graph:
        """Take a property away, and with it what it refers to."""
        one = self.find(kind, name)
        *parents, key = path.split(".")
        del functools.reduce(lambda at, parent: at[parent], parents, one.inputs)[key]
        kept = {prop: urns for prop, urns in one.references.items() if parents or prop != key}
        self.resources[self.resources.index(one)] = replace(one, references=kept)
        self.changed.append(one)
        return self

    def point(self, kind: str, prop: str, to: Registered) -> Graph:
        """Make a property of the first resource of a class refer to another resource."""
        one = self.find(kind)
        references = {**one.references, prop: frozenset({to.urn})}
        self.resources[self.resources.index(one)] = replace(one, references=references)
        return self

    def drop(self, kind: str, name: str = "") -> Graph:
        """Leave a resource out."""
        self.resources.remove(self.find(kind, name))
        return self

    def add(self, token: str, **inputs: Any) -> Graph:
        """One more resource."""
        kind = token.rpartition(":")[2]
        urn = f"urn:pulumi:test::test::{token}::one-more"
        one = Registered(
            urn=urn, type=token, name=f"one-more-{kind}", parent="", provider="", inputs=inputs,
            dependencies=(), physical="",
        )  # fmt: skip
        self.resources.append(one)
        self.changed.append(one)
        return self

    def judged(self) -> list[Violation]:
        return judge(map(seen, self.resources), RULES)

    def misspelled(self) -> list[str]:
        """Properties of what was changed that the SDK does not have."""
        found = [text for one in self.changed for text in checks.resource(one.type, _decoded(one.inputs))]
        return [text for text in found if text.startswith("unknown property")]


def _decoded(inputs: Mapping[str, Any]) -> Any:
    # Without the files of the function's code, and what is a note of the provider.
    kept = {key: value for key, value in inputs.items() if key not in ("code", "source", "__defaults")}
    return decode(kept, Path())
