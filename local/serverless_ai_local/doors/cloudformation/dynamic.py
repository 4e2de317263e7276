"""`{{resolve:ssm:...}}` and `{{resolve:secretsmanager:...}}`, read when a resource is made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError  # pyright: ignore[reportMissingTypeStubs]

from serverless_ai_local.aws.provider import Context, ResourceError
from serverless_ai_local.plain import is_list, is_mapping

_REFERENCE = re.compile(r"\{\{resolve:([a-z-]+):([^{}]*)\}\}")


def read(value: Any, context: Context) -> Any:
    """`value` with every dynamic reference replaced by what it names. Raises `ResourceError`."""
    if is_mapping(value):
        return {key: read(item, context) for key, item in value.items()}
    if is_list(value):
        return [read(item, context) for item in value]
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: _read(match.group(1), match.group(2), context), value)
    return value


def _read(service: str, reference: str, context: Context) -> str:
    reader = _READERS.get(service)
    if reader is None:
        raise ResourceError(
            f"dynamic reference {{{{resolve:{service}:...}}}} is unknown; known: {', '.join(_READERS)}"
        )
    try:
        return reader(reference, context)
    except ClientError as error:
        raise ResourceError(f"{{{{resolve:{service}:{reference}}}}}: {error}") from error


def _parameter(reference: str, context: Context) -> str:
    """`name` or `name:version`."""
    answer = context.client("ssm").get_parameter(Name=reference, WithDecryption=True)
    return str(answer["Parameter"]["Value"])


def _secret(reference: str, context: Context) -> str:
    """`id[:SecretString[:json-key[:version-stage[:version-id]]]]`; an ARN has colons of its own."""
    parts = reference.split(":")
    size = 7 if reference.startswith("arn:") else 1
    secret_id, rest = ":".join(parts[:size]), [*parts[size:], "", "", "", ""]
    if rest[0] not in {"", "SecretString"}:
        raise ResourceError(f"{{{{resolve:secretsmanager:{reference}}}}}: only SecretString can be read")
    version = {key: value for key, value in (("VersionStage", rest[2]), ("VersionId", rest[3])) if value}
    text = str(
        context.client("secretsmanager").get_secret_value(SecretId=secret_id, **version)["SecretString"]
    )
    if not rest[1]:
        return text
    fields = json.loads(text)
    if not is_mapping(fields) or rest[1] not in fields:
        raise ResourceError(f"{{{{resolve:secretsmanager:{reference}}}}}: the secret has no key {rest[1]}")
    return str(fields[rest[1]])


_READERS: Mapping[str, Callable[[str, Context], str]] = {
    "ssm": _parameter,
    "ssm-secure": _parameter,
    "secretsmanager": _secret,
}
