"""Which files go into a function's zip: the only code that knows where the handlers are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def bundle(pattern: str, cloud: str) -> Mapping[str, Path]:
    """Path in the zip -> file, sorted; the same content in a checkout and in an installed wheel."""
    raise NotImplementedError


def handler(pattern: str, cloud: str) -> str:
    """The handler's name as the cloud's function resource takes it."""
    if cloud != "aws":
        raise ValueError(f"cloud must be aws, got {cloud!r}")
    return f"serverless_ai_runtime.entrypoints.aws_lambda.{pattern}"


def stage(pattern: str, cloud: str, into: Path) -> Path:
    """Copy the bundle into folder `into` (made, emptied) with fixed modes and times; returns it."""
    raise NotImplementedError
