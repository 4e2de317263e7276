"""The intrinsic functions that need nothing but their arguments."""

from __future__ import annotations

import base64
import ipaddress
import itertools
from collections.abc import Callable, Mapping
from typing import Any, Final

from serverless_ai_local.doors.cloudformation.text import TemplateError
from serverless_ai_local.plain import is_list


def text_of(value: Any, place: str) -> str:
    """A scalar as CloudFormation writes it into a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise TemplateError(f"Template error: {place} must be text, got {type(value).__name__}")


def arguments(argument: Any, place: str, count: int) -> list[Any]:
    if not is_list(argument) or len(argument) != count:
        raise TemplateError(f"Template error: {place} must be a list of {count} values")
    return argument


def _conditions(values: Any, place: str, least: int, most: int) -> list[bool]:
    if not is_list(values) or not least <= len(values) <= most or not all(type(v) is bool for v in values):
        raise TemplateError(f"Template error: {place} must be a list of {least} to {most} conditions")
    return values


def _join(values: Any, place: str) -> Any:
    delimiter, items = arguments(values, place, 2)
    if not isinstance(delimiter, str) or not is_list(items):
        raise TemplateError(f"Template error: {place} must be a delimiter and a list")
    return delimiter.join(text_of(item, place) for item in items)


def _split(values: Any, place: str) -> Any:
    delimiter, text = arguments(values, place, 2)
    if not isinstance(delimiter, str) or not delimiter or not isinstance(text, str):
        raise TemplateError(f"Template error: {place} must be a non-empty delimiter and a string")
    return text.split(delimiter)


def _select(values: Any, place: str) -> Any:
    index, items = arguments(values, place, 2)
    if not is_list(items) or not text_of(index, place).isdecimal():
        raise TemplateError(f"Template error: {place} must be an index and a list")
    if int(index) >= len(items):
        raise TemplateError(
            f"Template error: Fn::Select cannot select nonexistent value at index {index}, at {place}"
        )
    return items[int(index)]


def _equals(values: Any, place: str) -> bool:
    left, right = arguments(values, place, 2)
    return _comparable(left) == _comparable(right)


def _comparable(value: Any) -> Any:
    return text_of(value, "") if isinstance(value, bool | int | float) else value


def _and(values: Any, place: str) -> bool:
    return all(_conditions(values, place, 2, 10))


def _or(values: Any, place: str) -> bool:
    return any(_conditions(values, place, 2, 10))


def _not(values: Any, place: str) -> bool:
    return not _conditions(values, place, 1, 1)[0]


def _contains(values: Any, place: str) -> bool:
    items, value = arguments(values, place, 2)
    return _comparable(value) in [_comparable(item) for item in items]


def _each_member_equals(values: Any, place: str) -> bool:
    items, value = arguments(values, place, 2)
    return all(_comparable(item) == _comparable(value) for item in items)


def _each_member_in(values: Any, place: str) -> bool:
    items, allowed = arguments(values, place, 2)
    return all(_comparable(item) in [_comparable(other) for other in allowed] for item in items)


def _base64(value: Any, place: str) -> str:
    return base64.b64encode(text_of(value, place).encode()).decode()


def _cidr(values: Any, place: str) -> list[str]:
    if not is_list(values) or len(values) not in {2, 3}:
        raise TemplateError(f"Template error: {place} must be a block, a count and the bits of each part")
    block, count, *bits = values
    try:
        network = ipaddress.ip_network(str(block))
        prefix = network.max_prefixlen - int(bits[0] if bits else 8)
        wanted = int(count)
        blocks = list(itertools.islice(network.subnets(new_prefix=prefix), wanted))
    except (TypeError, ValueError) as error:
        raise TemplateError(f"Template error: {place}: {error}") from error
    if not 1 <= wanted <= 256 or len(blocks) < wanted:
        raise TemplateError(f"Template error: {place}: {block} does not hold {wanted} blocks of /{prefix}")
    return [str(block) for block in blocks]


PURE: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "Fn::Join": _join,
    "Fn::Split": _split,
    "Fn::Select": _select,
    "Fn::Equals": _equals,
    "Fn::And": _and,
    "Fn::Or": _or,
    "Fn::Not": _not,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::Contains": _contains,
    "Fn::EachMemberEquals": _each_member_equals,
    "Fn::EachMemberIn": _each_member_in,
}
"""Name -> function of (resolved arguments, place for errors)."""
