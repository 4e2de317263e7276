"""A translated resource type, made by the provider of its CloudFormation type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from serverless_ai_local.aws.from_pulumi.place import context_for
from serverless_ai_local.aws.from_pulumi.translation import AutoName, Translation
from serverless_ai_local.aws.provider import Provider, ResourceError
from serverless_ai_local.doors.pulumi.clouds import CloudError, Live, Target
from serverless_ai_local.doors.pulumi.values import UNKNOWN, Values

RANDOM_DIGITS = 7
UNIQUE_DIGITS = 26
"""Digits after a `name_prefix`, as Terraform appends them."""


@dataclass(frozen=True, slots=True)
class Translated:
    """A `Kind` out of a row of the table and a provider."""

    translation: Translation
    provider: Provider

    def defaults(self, name: str, inputs: Values, random: Callable[[int], str]) -> Mapping[str, Any]:
        """The generated name, if none was given."""
        return generated(self.translation.name, name, inputs, random)

    def check(self, inputs: Values) -> None:
        self.translation.properties(inputs)

    def replaces(self, old: Values, new: Values) -> bool:
        if old.get("region") != new.get("region"):
            return True
        return self.provider.replaces(self.translation.properties(old), self.translation.properties(new))

    def collides(self, old: Values, new: Values) -> bool:
        name = self.translation.name
        unique = self.translation.unique
        if unique is None:
            unique = (name.input,) if name else ()
        return bool(unique) and all(old.get(key) == new.get(key) for key in unique)

    def create(self, target: Target, name: str, inputs: Values) -> Live:
        context = context_for(target, inputs)
        properties = self.translation.properties(inputs)
        try:
            with self.translation.around(context, inputs, properties):
                made = self.provider.create(context, name, properties)
            return self.translation.live(context, made, inputs, properties)
        except ResourceError as error:
            raise CloudError(str(error)) from error

    def update(self, target: Target, live: Live, old: Values, new: Values) -> Live:
        context = context_for(target, new)
        before, after = self.translation.properties(old), self.translation.properties(new)
        try:
            with self.translation.around(context, new, after):
                made = self.provider.update(context, live.handle, before, after)
            return self.translation.live(context, made, new, after)
        except ResourceError as error:
            raise CloudError(str(error)) from error

    def delete(self, target: Target, live: Live, inputs: Values) -> None:
        context = context_for(target, inputs)
        try:
            self.translation.before_delete(context, live.handle, inputs)
            self.provider.delete(context, live.handle, self.translation.properties(inputs))
        except ResourceError as error:
            raise CloudError(str(error)) from error

    def read(self, target: Target, id: str) -> Live:  # noqa: A002 - Pulumi's word
        reader = self.translation.read
        if reader is None:
            raise CloudError(f"{self.translation.token}: existing ones cannot be read on the local cloud")
        try:
            return Live(id=id, outputs=reader(context_for(target, {}), id))
        except ResourceError as error:
            raise CloudError(f"{id!r} cannot be read: {error}") from error


def generated(
    rule: AutoName | None, name: str, inputs: Values, random: Callable[[int], str]
) -> Mapping[str, Any]:
    """`{"name": "jobs-1a2b3c4"}`, or nothing."""
    if rule is None or rule.input in inputs:
        return {}
    prefix = inputs.get(f"{rule.input}Prefix")
    if prefix is UNKNOWN:
        return {rule.input: UNKNOWN}
    start = prefix if prefix is not None else f"{name}-"
    end = random(UNIQUE_DIGITS if prefix is not None else RANDOM_DIGITS) + rule.suffix(inputs)
    text = start[: rule.limit - len(end)] + end
    return {rule.input: text.lower() if rule.lower else text}
