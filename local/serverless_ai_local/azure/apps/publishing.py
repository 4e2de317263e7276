"""The publishing site of an app: OneDeploy's two calls, for whoever may publish."""

from __future__ import annotations

import io
import threading
import uuid
import zipfile
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.apps.host import APP, FunctionHost
from serverless_ai_local.azure.apps.process import AppError
from serverless_ai_local.azure.calls import Call, ServiceFault, reply
from serverless_ai_local.azure.estate import Estate
from serverless_ai_local.azure.management import AUDIENCES

PUBLISH: Final = "Microsoft.Web/sites/publish/Action"
FAILED, SUCCESS = 3, 4
"""As Kudu's DeployStatus counts."""
_NO_TOKEN: Final = ServiceFault(401, "Unauthorized", "The publishing site takes tokens of Entra only.")


class Publishing:
    """`POST /api/publish` and `GET /api/deployments/ID` of every app."""

    def __init__(self, estate: Estate, access: Access, host: FunctionHost) -> None:
        self._estate, self._access, self._host = estate, access, host
        self._deployments: dict[tuple[str, str], dict[str, Any]] = {}
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> Response:
        try:
            return self._answer(call)
        except ServiceFault as fault:
            return reply({"code": fault.code, "message": fault.message}, fault.status)

    def _answer(self, call: Call) -> Response:
        app = self._estate.find(APP, call.parts[0])
        if app is None:
            raise ServiceFault(404, "NotFound", f"there is no app {call.parts[0]}")
        who = self._access.caller(call, AUDIENCES, _NO_TOKEN)
        refusal = f"{who.oid} may not publish to {app.name}"
        if not self._access.allows(who, app.id, PUBLISH, refusal=refusal):
            raise ServiceFault(403, "Forbidden", refusal)
        path = call.parts[1:]
        if call.method == "POST" and path == ("api", "publish"):
            return reply(self._publish(app.name, call.body), 202)
        if call.method == "GET" and path[:2] == ("api", "deployments") and len(path) in (3, 4):
            with self._lock:
                found = self._deployments.get((app.name.lower(), path[2]))
            if found is None:
                raise ServiceFault(404, "NotFound", f"there is no deployment {path[2]}")
            return reply([{"message": found["status_text"]}] if path[3:] == ("log",) else found)
        raise ServiceFault(404, "NotFound", f"{call.method} {call.target} is not offered by the local site")

    def _publish(self, name: str, package: bytes) -> str:
        if not zipfile.is_zipfile(io.BytesIO(package)):
            raise ServiceFault(400, "BadRequest", "the package is not a zip file")
        app = self._estate.find(APP, name)
        assert app is not None
        id_, status, text = str(uuid.uuid4()), SUCCESS, ""
        try:
            self._host.publish(app, package)
        except AppError as error:
            status, text = FAILED, str(error)
        with self._lock:
            self._deployments[name.lower(), id_] = {
                "id": id_,
                "status": status,
                "status_text": text,
                "complete": True,
                "deployer": "local",
            }
        return id_
