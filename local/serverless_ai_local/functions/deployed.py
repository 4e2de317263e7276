"""A function as it is deployed right now: moto's record of it, as one typed value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import LambdaFunction, lambda_backends

from serverless_ai_local.functions import settings

LATEST = "$LATEST"
PYTHON = "python3."
CUSTOM = "provided"


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployed:
    """One version of a function."""

    name: str
    account: str
    region: str
    version: str
    """`$LATEST` or a number."""
    runtime: str
    handler: str
    role: str
    memory_mb: int
    timeout_s: int
    environment: Mapping[str, str]
    code_sha256: str
    code: bytes = field(repr=False)
    """The zip."""
    layers: Mapping[str, bytes] = field(repr=False)
    """Zips by their ARNs, in the order in which they are laid over each other."""
    reserved_concurrency: int | None
    tracing: bool
    log_group: str
    log_format: str
    """`Text` or `JSON`."""
    system_log_level: str
    application_log_level: str
    custom_log_group: bool

    @property
    def arn(self) -> str:
        """Without a version."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def key(self) -> str:
        """The ARN with its version: environments are not shared between versions."""
        return f"{self.arn}:{self.version}"

    @property
    def fingerprint(self) -> str:
        """Changes whenever environments that run must give way to new ones."""
        parts: list[Any] = [self.runtime, self.handler, self.role, self.memory_mb, self.timeout_s]
        parts += [dict(self.environment), self.code_sha256, list(self.layers)]
        parts += [self.tracing, self.log_group, self.log_format]
        parts += [self.system_log_level, self.application_log_level]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read(function_arn: str) -> Deployed:
    """The function that this ARN means, through its version or alias. Raises KeyError if there is none."""
    account, region, name, qualifier = split(function_arn)
    return _deployed(_record(account, region, name, qualifier))


def invoke_settings(function_arn: str) -> settings.AsyncSettings:
    """How asynchronous invocations are retried and where they end. KeyError if there is no such function."""
    account, region, name, qualifier = split(function_arn)
    record = _record(account, region, name, qualifier)
    # An event invoke configuration belongs to one qualifier; here it is always that of $LATEST.
    return settings.asynchronous(record) if record.version == LATEST else settings.DEFAULTS


def reserved(account: str, region: str) -> int:
    """Concurrency that the functions of a region have reserved together."""
    storage: Any = lambda_backends[account][region]._lambdas  # pyright: ignore[reportPrivateUsage]
    functions: dict[str, Any] = storage._functions
    return sum(
        int(one["latest"].reserved_concurrency or 0) for one in list(functions.values()) if one["latest"]
    )


def split(function_arn: str) -> tuple[str, str, str, str | None]:
    """Account, region, name and qualifier of a function's ARN. Raises KeyError if it is not one."""
    parts = function_arn.split(":")
    if len(parts) not in (7, 8) or parts[2] != "lambda" or parts[5] != "function":
        raise KeyError(f"{function_arn!r} is not the ARN of a function")
    return parts[4], parts[3], parts[6], parts[7] if len(parts) == 8 else None


def _record(account: str, region: str, name: str, qualifier: str | None) -> LambdaFunction:
    backend = lambda_backends[account][region]
    try:
        return backend.get_function(name, qualifier)
    except UnknownFunctionException:
        raise KeyError(f"there is no function {name}" + (f":{qualifier}" if qualifier else "")) from None


def _deployed(record: LambdaFunction) -> Deployed:
    logging = settings.logging(record)
    own_group = f"/aws/lambda/{record.function_name}"
    # Reserved concurrency is the function's, whatever version runs; moto copies it into each version.
    latest = lambda_backends[record.account_id][record.region].get_function(record.function_name)
    return Deployed(
        name=record.function_name,
        account=record.account_id,
        region=record.region,
        version=str(record.version),
        runtime=str(record.run_time or ""),
        handler=str(record.handler or ""),
        role=record.role,
        memory_mb=int(record.memory_size),
        timeout_s=int(record.timeout),
        environment={name: str(value) for name, value in record.environment_vars.items()},
        code_sha256=record.code_sha_256,
        code=record.code_bytes,
        layers=_layers(record),
        reserved_concurrency=None
        if latest.reserved_concurrency is None
        else int(latest.reserved_concurrency),
        tracing=record.tracing_config.get("Mode") == "Active",
        log_group=logging.get("LogGroup", own_group),
        log_format=logging.get("LogFormat", "Text"),
        system_log_level=logging.get("SystemLogLevel", "INFO"),
        application_log_level=logging.get("ApplicationLogLevel", "INFO"),
        custom_log_group=logging.get("LogGroup", own_group) != own_group,
    )


def _layers(record: LambdaFunction) -> dict[str, bytes]:
    backend = lambda_backends[record.account_id][record.region]
    versions = [backend.layers_versions_by_arn(layer["Arn"]) for layer in record.layers]
    return {one.arn: one.code_bytes for one in versions if one is not None}
