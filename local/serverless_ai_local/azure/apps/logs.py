"""What apps write, in the workspace of their Application Insights component, if they may write there."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.entra import Principal
from serverless_ai_local.azure.estate import Estate, Resource

KEPT_LINES: Final = 20_000
WRITE: Final = "Microsoft.Insights/Telemetry/Write"
WORKSPACE: Final = "operationalinsights:Workspace"
FUNCTION: Final = "Function"
HOST: Final = "Host"
REQUEST: Final = "Request"
"""Of lines that are rows of the table `requests`: one for each invocation, as JSON."""
_REFUSAL: Final = "The principal does not have permission to write telemetry to this component"


class Line(NamedTuple):
    """One line: of which app, whether its functions or the host wrote it, and what."""

    app: str
    category: str
    message: str
    operation: str = ""
    """Id of the trace. What a function prints has none: it says its trace itself."""


def connection_fields(text: str) -> dict[str, str]:
    """`Key=value;Key=value` as a mapping."""
    return dict(part.split("=", 1) for part in text.split(";") if "=" in part)


class Logs:
    """Lines by workspace. Thread-safe."""

    def __init__(self, estate: Estate, access: Access, clock: Callable[[], float] = time.time) -> None:
        self._estate, self._access, self._clock = estate, access, clock
        self._lines: dict[str, deque[dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def write(self, connection: str, who: Principal | None, line: Line) -> None:
        """One line for the component of a connection string; without the right to write it is lost."""
        component = self._component(connection)
        if component is None or who is None:
            return
        if not self._access.allows(who, component.id, WRITE, refusal=_REFUSAL):
            return
        workspace = str(component.inputs.get("workspaceResourceId", "")).lower()
        kept = {"time": self._clock(), **line._asdict()}
        with self._lock:
            self._lines.setdefault(workspace, deque(maxlen=KEPT_LINES)).append(kept)

    def lines(self, workspace: str) -> list[dict[str, Any]]:
        """All lines of a workspace by its name. Raises `LookupError`."""
        found = self._estate.find(WORKSPACE, workspace)
        if found is None:
            raise LookupError(f"there is no workspace {workspace}")
        with self._lock:
            return list(self._lines.get(found.id.lower(), ()))

    def _component(self, connection: str) -> Resource | None:
        fields = connection_fields(connection)
        for one in self._estate.all("applicationinsights:Component"):
            if one.outputs.get("instrumentationKey") == fields.get("InstrumentationKey"):
                return one
        return None
