"""The Google APIs that a pattern needs, enabled and never disabled: others may need them as well."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_gcp as gcp


def enabled(name: str, apis: Sequence[str], *, opts: pulumi.ResourceOptions) -> list[gcp.projects.Service]:
    """`apis`, such as run.googleapis.com."""
    return [
        gcp.projects.Service(f"{name}-{api.split('.')[0]}", service=api, disable_on_destroy=False, opts=opts)
        for api in apis
    ]
