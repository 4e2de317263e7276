"""Names in Google Cloud: known before deployment, so that filters and queries can hold them as plain text."""

from __future__ import annotations

import hashlib
import re
from typing import Final

import pulumi

MAX: Final = 30
"""Service accounts take the fewest characters of what a pattern makes, and at least six."""
_DIGEST: Final = 6


def unique(name: str, use: str = "") -> str:
    """A name for the part `use` of component `name`: letters, digits and dashes, at most `MAX` of them.

    The last six characters tell stacks, programs and components of one Google Cloud project apart, and are
    the same in every run; Pulumi's own random ones would be known only after the first deployment.
    """
    whole = f"{pulumi.get_project()}/{pulumi.get_stack()}/{name}/{use}"
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGEST]
    words = re.sub(r"[^a-z0-9]+", "-", f"{name}-{use}".lower()).strip("-")
    stem = re.sub(r"^[^a-z]+", "", words)[: MAX - _DIGEST - 1].rstrip("-")
    return f"{stem or 'x'}-{digest}"
