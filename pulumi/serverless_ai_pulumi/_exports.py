"""What a program exports of a pattern, read off the attributes of its component."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

Exports = Mapping[str, tuple[str, str | None]]
"""Export -> attribute of the component and, where that is a resource, the property of it."""


def collect(pattern: pulumi.ComponentResource, exports: Exports) -> dict[str, pulumi.Output[str]]:
    """The exports of every part that `pattern` has made or was given."""
    found: dict[str, pulumi.Output[str]] = {}
    for name, (attribute, of) in exports.items():
        part = getattr(pattern, attribute, None)
        if part is not None:
            found[name] = part if of is None else getattr(part, of)
    return found
