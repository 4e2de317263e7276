"""Access log lines, in the format that was deployed, in the log group that was deployed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any, Final

from moto.logs.models import logs_backends

from serverless_ai_local.gateway.event import Outgoing
from serverless_ai_local.gateway.exchange import Exchange

_VARIABLE: Final = re.compile(r"\$context\.([A-Za-z0-9_.:-]*[A-Za-z0-9_])")
_QUOTED: Final = "error.messageString"
"""The one variable that brings its own quotes."""


def line(log_format: str, values: Mapping[str, str]) -> str:
    """The format with its `$context` variables filled in; `-` for what a request does not have.

    Quotes and line ends in a value are escaped: a caller cannot write a line, or a field, of its own.
    """

    def fill(variable: re.Match[str]) -> str:
        value = values.get(variable[1], "") or "-"
        return value if variable[1] == _QUOTED else json.dumps(value, ensure_ascii=False)[1:-1]

    return _VARIABLE.sub(fill, log_format)


def write(exchange: Exchange, outgoing: Outgoing) -> None:
    """Append the line of a request, if its stage has an access log. Says on stderr when the group is gone."""
    stage, api = exchange.stage, exchange.api
    if stage is None or not stage.log_group:
        return
    backend: Any = logs_backends[api.account][api.region]
    group = backend.groups.get(stage.log_group)
    if group is None:
        print(f"access log: there is no log group {stage.log_group}", file=sys.stderr)  # noqa: T201
        return
    stream = f"{api.id}-{stage.name}-{exchange.incoming.at:%Y-%m-%d}"
    if stream not in group.streams:
        backend.create_log_stream(stage.log_group, stream)
    entry = {
        "timestamp": int(exchange.incoming.at.timestamp() * 1000),
        "message": line(stage.log_format, exchange.log_values(outgoing)),
    }
    backend.put_log_events(stage.log_group, stream, [entry])
