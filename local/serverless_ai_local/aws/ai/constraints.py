"""What a service's own model demands of a request: what must be there, sizes, ranges, patterns, enumerations.

The wire formats of the four services are botocore's models, and so are the limits that these hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from moto.core.utils import get_service_model

from serverless_ai_local.aws.ai.files import known
from serverless_ai_local.aws.api import ApiError, Call
from serverless_ai_local.aws.calls import parameters

_NUMBERS: Final = ("integer", "long", "float", "double")


def taken(call: Call, *names: str, refusal: Callable[[Sequence[str]], ApiError]) -> dict[str, Any]:
    """The parameters that are not null: none but `names`, all as the service's model wants them.

    Raises `ApiError`, which `refusal` makes of what is wrong.
    """
    given = {name: value for name, value in parameters(call).items() if value is not None}
    known(given, *names)
    found = violations(call, given)
    if found:
        raise refusal(found)
    return given


def validation_error(code: str) -> Callable[[Sequence[str]], ApiError]:
    """The usual refusal: an error with this code that says everything that is wrong."""

    def refusal(found: Sequence[str]) -> ApiError:
        many = "s" if len(found) > 1 else ""
        return ApiError(code, f"{len(found)} validation error{many} detected: {'; '.join(found)}")

    return refusal


def violations(call: Call, given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the parameters, in the words that AWS's services share; empty if nothing is.

    Raises `ApiError` for a value that is not even of its type.
    """
    model: Any = get_service_model(call.service).operation_model(call.operation)
    return list(_of(model.input_shape, given, ""))


def _of(shape: Any, value: Any, path: str) -> Iterator[str]:
    kind = str(shape.type_name)
    if value is None:
        yield f"Value null at '{path}' failed to satisfy constraint: Member must not be null"
    elif getattr(shape, "is_document_type", False):
        return  # JSON of any form
    elif kind == "structure":
        yield from _structure(shape, value, path)
    elif kind == "list":
        yield from _size(shape, value, path)
        for number, one in enumerate(value, 1):
            yield from _of(shape.member, one, f"{path}.{number}.member")
    elif kind == "string":
        yield from _string(shape, value, path)
    elif kind == "blob":
        yield from _size(shape, value, path)
    elif kind in _NUMBERS:
        yield from _number(shape, value, path)


def _structure(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        yield from _of(shape.members[name], value.get(name), _below(path, name))
    for name, one in value.items():
        if one is not None and name not in shape.required_members:
            yield from _of(shape.members[name], one, _below(path, name))


def _string(shape: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        raise ApiError("SerializationException", f"{path} must be a string, got {type(value).__name__}")
    yield from _size(shape, value, path)
    allowed: list[str] = list(shape.enum or ())
    if allowed and value not in allowed:
        yield _failed(value, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    pattern = shape.metadata.get("pattern")
    if pattern is not None and not _compiled(pattern).fullmatch(value):
        yield _failed(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _size(shape: Any, value: Any, path: str) -> Iterator[str]:
    yield from _bounded(shape, len(value), value, path, "length")


def _number(shape: Any, value: float, path: str) -> Iterator[str]:
    yield from _bounded(shape, value, value, path, "value")


def _bounded(shape: Any, measure: float, value: Any, path: str, what: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    # "not >=" and not "<": what is not a number at all (NaN) is neither.
    if least is not None and not measure >= least:
        yield _failed(value, path, f"Member must have {what} greater than or equal to {least}")
    if most is not None and not measure <= most:
        yield _failed(value, path, f"Member must have {what} less than or equal to {most}")


def _failed(value: Any, path: str, what: str) -> str:
    shown = "" if isinstance(value, bytes | list) else f" '{value}'"
    return f"Value{shown} at '{path}' failed to satisfy constraint: {what}"


def _below(path: str, name: str) -> str:
    name = name[0].lower() + name[1:]
    return f"{path}.{name}" if path else name


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
