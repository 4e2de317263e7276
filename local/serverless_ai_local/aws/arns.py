"""Amazon resource names, taken apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Arn:
    """`arn:partition:service:region:account:resource`."""

    text: str
    service: str
    region: str
    account: str
    resource: str
    """All that follows the account, e.g. `function:name` or `event-bus/name`."""


def parse(text: str) -> Arn:
    """Raises ValueError if this is not an ARN."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not parts[2] or not parts[5]:
        raise ValueError(f"{text!r} is not an ARN")
    return Arn(text=text, service=parts[2], region=parts[3], account=parts[4], resource=parts[5])
