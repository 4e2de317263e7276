"""What a deployment gives back, whichever door it went through."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from serverless_ai_local.graph import Resource


class DeployError(Exception):
    """A deployment failed; the text is what the tool said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgressEvent:
    """One resource changed its state while a deployment was running."""

    resource: str
    type: str
    status: str
    reason: str = ""


Progress = Callable[[ProgressEvent], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployed:
    """Outputs by their neutral names (`endpoint`, `function_name`, ...) and what was made."""

    outputs: Mapping[str, str]
    graph: tuple[Resource, ...]


def neutral(name: str) -> str:
    """`FunctionName` -> `function_name`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
