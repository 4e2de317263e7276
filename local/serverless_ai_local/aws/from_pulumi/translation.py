"""A Pulumi type in CloudFormation's words: which input is which property, which attribute which output."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from serverless_ai_local.aws.provider import Context, Made
from serverless_ai_local.doors.pulumi.clouds import CloudError, Live
from serverless_ai_local.doors.pulumi.values import UNKNOWN, Values
from serverless_ai_local.plain import is_list, is_mapping

Convert = Callable[[Any], Any]
Rule = str | tuple[str | None, Convert] | None
"""Name of the property, with what turns the value; None for what may be given and has no property."""
Rules = Mapping[str, Rule]
Output = str | Callable[[Context, Made, Values], Any]
"""Format with `{id}`, `{a[Arn]}`, `{p[Name]}`, `{context.region}`; or what computes it from properties."""


class InputError(CloudError):
    """An input that cannot be translated. `path` grows on the way out."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(f"{path}: {text}" if path else text)
        self.path = path
        self.text = text

    def within(self, place: str) -> InputError:
        """The same, seen from further out."""
        joint = "" if not self.path or self.path.startswith("[") else "."
        return InputError(f"{place}{joint}{self.path}", self.text)


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoName:
    """An input that is made up when it is not given: the resource's name and 7 hex digits, as in Pulumi."""

    input: str = "name"
    limit: int = 64
    lower: bool = False
    suffix: Callable[[Values], str] = lambda inputs: ""


@dataclass(frozen=True, slots=True)
class Translation:
    """One row of the table."""

    token: str
    type: str
    _: KW_ONLY
    inputs: Rules
    """`region`, and a prefix of the name, are understood."""
    regional: bool = True
    id: str = "{id}"
    outputs: Mapping[str, Output] = field(default_factory=dict[str, Output])
    name: AutoName | None = None
    unique: tuple[str, ...] | None = None
    """Inputs of which no two resources may have all the same; None: the name; empty: there are none."""
    prepare: Callable[[dict[str, Any]], Mapping[str, Any]] = dict
    """Last rewriting of the properties."""
    around: Callable[[Context, Values, Values], AbstractContextManager[None]] = (
        lambda context, inputs, properties: nullcontext()
    )
    """What must be in place while it is made or changed."""
    before_delete: Callable[[Context, str, Values], None] = lambda context, handle, inputs: None
    """What must be done before it can go."""
    read: Callable[[Context, str], Values] | None = None
    """Outputs of an existing one by its Pulumi id."""

    def properties(self, inputs: Values) -> dict[str, Any]:
        """The inputs as properties. Raises `CloudError` naming an input that has no counterpart."""
        return dict(self.prepare(apply(self.rules(), inputs)))

    def rules(self) -> Rules:
        """Those of every input that may be given."""
        implied = [f"{self.name.input}Prefix"] if self.name else []
        implied += ["region"] if self.regional else []
        return {**dict.fromkeys(implied), **self.inputs}

    def live(self, context: Context, made: Made, inputs: Values, properties: Values) -> Live:
        """The made resource as Pulumi sees it."""
        values = {"id": made.physical_id, "a": made.attributes, "p": properties, "context": context}
        outputs: dict[str, Any] = {
            name: rule.format(**values) if isinstance(rule, str) else rule(context, made, properties)
            for name, rule in self.outputs.items()
        }
        if self.regional:
            outputs["region"] = context.region
        if "tags" in self.inputs:
            outputs["tagsAll"] = {**context.tags, **inputs.get("tags", {})}
        return Live(id=self.id.format(**values), outputs=outputs, handle=made.physical_id)


def apply(rules: Rules, inputs: Values) -> dict[str, Any]:
    """Each input by its rule."""
    properties: dict[str, Any] = {}
    for key, value in inputs.items():
        if key not in rules:
            supported = ", ".join(sorted(map(python_name, rules)))
            raise InputError(python_name(key), f"is not supported on the local cloud; supported: {supported}")
        rule = rules[key]
        if rule is None:
            continue
        name, convert = (rule, _as_is) if isinstance(rule, str) else rule
        try:
            converted = UNKNOWN if value is UNKNOWN else convert(value)
        except InputError as error:
            raise error.within(python_name(key)) from error
        if name is not None:
            properties[name] = converted
    return properties


def python_name(wire: str) -> str:
    """`memorySize` -> `memory_size`, as the program says it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", wire).lower()


def _as_is(value: Any) -> Any:
    return value


def block(rules: Rules) -> Convert:
    """A nested object with rules of its own."""
    return lambda value: apply(rules, value)


def each(convert: Convert) -> Convert:
    """A list, item by item."""

    def convert_all(values: Sequence[Any]) -> list[Any]:
        converted: list[Any] = []
        for index, value in enumerate(values):
            try:
                converted.append(UNKNOWN if value is UNKNOWN else convert(value))
            except InputError as error:
                raise error.within(f"[{index}]") from error
        return converted

    return convert_all


def capital(value: Any) -> Any:
    """An object whose names differ by their first letter only, all the way down: `maxAge` -> `MaxAge`."""
    if is_mapping(value):
        return {key[:1].upper() + key[1:]: capital(item) for key, item in value.items()}
    if is_list(value):
        return [capital(item) for item in value]
    return value


def document(value: Any) -> Any:
    """JSON text, or what it says."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise InputError("", f"is not JSON: {error}") from error


def pairs(key: str, value: str) -> Convert:
    """A map as a list of objects with these two names."""
    return lambda given: [{key: name, value: item} for name, item in sorted(given.items())]


def only(*allowed: Any) -> Convert:
    """Nothing but these values can be had."""

    def check(value: Any) -> Any:
        if value not in allowed:
            raise InputError(
                "", f"must be {' or '.join(map(str, allowed))} on the local cloud, got {value!r}"
            )
        return value

    return check


TAG_LIST: Rule = ("Tags", pairs("Key", "Value"))
