"""Every type of resource that the Google half knows, by Pulumi's name of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from serverless_ai_local.gcp.resources import (
    ai,
    databases,
    eventarc,
    functions,
    gateway,
    identities,
    messaging,
    observability,
    secrets,
    state,
    vectors,
)
from serverless_ai_local.gcp.resources.row import Row

ROWS: Final[Mapping[str, Row]] = {
    row.token: row
    for part in (
        ai,
        databases,
        eventarc,
        functions,
        gateway,
        identities,
        messaging,
        observability,
        secrets,
        state,
        vectors,
    )
    for row in part.ROWS
}
