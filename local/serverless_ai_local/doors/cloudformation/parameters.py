"""Parameters of a template: what a stack was given, checked against what was declared."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from serverless_ai_local.doors.cloudformation.functions import text_of
from serverless_ai_local.doors.cloudformation.text import TemplateError
from serverless_ai_local.plain import is_list

_KEYS = frozenset(
    {"Type", "Default", "AllowedValues", "AllowedPattern", "ConstraintDescription", "Description",
     "MaxLength", "MaxValue", "MinLength", "MinValue", "NoEcho"}
)  # fmt: skip
_SSM = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")
_LISTS = re.compile(r"CommaDelimitedList|List<.+>")
_AWS_ID = re.compile(r"AWS::[A-Za-z0-9]+::[A-Za-z0-9]+(::[A-Za-z]+)?")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
MASK: Final = "****"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One parameter of a stack."""

    key: str
    given: str
    """As text, as callers send and read it; for an SSM type, the name of the SSM parameter."""
    value: Any
    """What `Ref` returns: text, or a list of texts."""
    secret: bool
    from_store: bool

    @property
    def view(self) -> dict[str, Any]:
        """As `DescribeStacks` returns it."""
        shown: dict[str, Any] = {
            "ParameterKey": self.key,
            "ParameterValue": MASK if self.secret else self.given,
        }
        if self.from_store:
            shown["ResolvedValue"] = ",".join(self.value) if is_list(self.value) else self.value
        return shown


def evaluate(
    declared: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, str],
    read_store: Callable[[str], str],
) -> dict[str, Parameter]:
    """Every declared parameter with its value; `read_store` reads one from SSM. Raises `TemplateError`."""
    extra = given.keys() - declared.keys()
    if extra:
        raise TemplateError(f"Parameters: [{', '.join(sorted(extra))}] do not exist in the template")
    missing = [key for key, entry in declared.items() if key not in given and "Default" not in entry]
    if missing:
        raise TemplateError(f"Parameters: [{', '.join(missing)}] must have values")
    return {
        key: _parameter(key, entry, given.get(key, text_of(entry.get("Default", ""), key)), read_store)
        for key, entry in declared.items()
    }


def check(declared: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise `TemplateError` for a malformed declaration."""
    for key, entry in declared.items():
        place = f"Parameters.{key}"
        unknown = entry.keys() - _KEYS
        if unknown:
            raise TemplateError(
                f"Template format error: unknown attribute of {place}: {', '.join(sorted(unknown))}"
            )
        if not key.isalnum():
            raise TemplateError(f"Template format error: parameter name {key!r} is not alphanumeric")
        _value_type(entry.get("Type"), place)


def _value_type(declared: Any, place: str) -> str:
    """The type without its SSM wrapping."""
    if isinstance(declared, str):
        wrapped = _SSM.fullmatch(declared)
        inner = wrapped.group(1) if wrapped else declared
        if inner in {"String", "Number", "CommaDelimitedList", "List<Number>", "List<String>"}:
            return inner
        if _AWS_ID.fullmatch(inner.removeprefix("List<").removesuffix(">")):
            return inner
    raise TemplateError(f"Template format error: {place} has the unknown type {declared!r}")


def _parameter(key: str, entry: Mapping[str, Any], given: str, read_store: Callable[[str], str]) -> Parameter:
    kind = _value_type(entry.get("Type"), f"Parameters.{key}")
    from_store = _SSM.fullmatch(entry["Type"]) is not None
    _constrain(key, entry, given, kind if not from_store else "String")
    text = read_store(given) if from_store else given
    value = [part.strip() for part in text.split(",")] if _LISTS.fullmatch(kind) else text
    secret = str(entry.get("NoEcho", False)).lower() == "true"
    return Parameter(key=key, given=given, value=value, secret=secret, from_store=from_store)


def _constrain(key: str, entry: Mapping[str, Any], given: str, kind: str) -> None:
    parts = [part.strip() for part in given.split(",")] if _LISTS.fullmatch(kind) else [given]
    if kind in {"Number", "List<Number>"} and not all(_NUMBER.fullmatch(part) for part in parts):
        raise TemplateError(f"Parameter '{key}' must be a number")
    allowed = [text_of(value, key) for value in entry.get("AllowedValues", [])]
    if allowed and not all(part in allowed for part in parts):
        raise _violated(key, entry, f"must be one of AllowedValues [{', '.join(allowed)}]")
    pattern = entry.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(pattern, given):
        raise _violated(key, entry, f"must match pattern {pattern}")
    low, high = (entry.get("MinLength"), entry.get("MaxLength"))
    if (low is not None and len(given) < int(low)) or (high is not None and len(given) > int(high)):
        raise _violated(key, entry, f"must be {low or 0} to {high or 'any number of'} characters long")
    low, high = (entry.get("MinValue"), entry.get("MaxValue"))
    if (low is not None and float(given) < float(low)) or (high is not None and float(given) > float(high)):
        raise _violated(key, entry, f"must be between {low} and {high}")


def _violated(key: str, entry: Mapping[str, Any], rule: str) -> TemplateError:
    return TemplateError(f"Parameter '{key}' {entry.get('ConstraintDescription') or rule}")
