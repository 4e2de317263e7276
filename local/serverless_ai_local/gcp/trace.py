"""The trace of a request: the caller's if it brings one, else a new one; in Google's header and in W3C's."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Final, NamedTuple

GOOGLES: Final = "x-cloud-trace-context"
W3CS: Final = "traceparent"
_GOOGLES: Final = re.compile(r"(?P<trace>[0-9a-fA-F]{32})(?:/\d{1,20})?(?:;o=\d)?")
_W3CS: Final = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_NONE: Final = "0" * 32


class Hop(NamedTuple):
    """A request on its way from a front to what is behind it."""

    trace: str
    headers: dict[str, str]

    def name(self, project: str) -> str:
        """As log entries name the trace."""
        return f"projects/{project}/traces/{self.trace}"


def hop(headers: Mapping[str, str]) -> Hop:
    """The next one; names of `headers` are in lower case. Source: https://cloud.google.com/run/docs/trace
    and https://cloud.google.com/trace/docs/trace-context, read 2026-11.
    """
    trace, span = _brought(headers) or secrets.token_hex(16), secrets.token_hex(8)
    return Hop(trace, {GOOGLES: f"{trace}/{int(span, 16)};o=1", W3CS: f"00-{trace}-{span}-01"})


def _brought(headers: Mapping[str, str]) -> str:
    for name, form in ((GOOGLES, _GOOGLES), (W3CS, _W3CS)):
        found = form.fullmatch(headers.get(name, ""))
        if found is not None and found["trace"] != _NONE:
            return found["trace"].lower()
    return ""
