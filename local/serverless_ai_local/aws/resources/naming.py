"""Physical names as CloudFormation makes them: stack, logical id and a random end, within a limit."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_RANDOM = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Name:
    """The property that holds a type's physical name."""

    property: str
    limit: int
    """Most characters."""
    lower: bool = False
    suffix: Callable[[Mapping[str, Any]], str] = lambda properties: ""
    """What names of resources with these properties must end in."""
    of_id: Callable[[str], str] = str
    """The name within a physical id."""


def physical_name(name: Name, stack: str, logical_id: str, properties: Mapping[str, Any]) -> str:
    """A fresh name, e.g. `Shop-ChatFunction-1A2B3C4D5E6F`."""
    alphabet = string.ascii_uppercase + string.digits
    end = "-" + "".join(secrets.choice(alphabet) for _ in range(_RANDOM)) + name.suffix(properties)
    room = name.limit - len(end)
    start = re.sub(r"[^A-Za-z0-9-]", "-", f"{stack}-{logical_id}")
    if len(start) > room:
        half = (room - 1) // 2
        start = f"{start[:half]}-{start[-half:]}"
    whole = start + end
    return whole.lower() if name.lower else whole
