"""The Functions host: keeps each deployed app running as it is deployed, and brings its triggers to it."""

from __future__ import annotations

import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.apps import settings
from serverless_ai_local.azure.apps.app import RunningApp
from serverless_ai_local.azure.apps.logs import HOST, Line, Logs, connection_fields
from serverless_ai_local.azure.apps.process import AppError
from serverless_ai_local.azure.blobs import READ, WRITE, Blobs
from serverless_ai_local.azure.calls import ServiceFault
from serverless_ai_local.azure.entra import Principal
from serverless_ai_local.azure.estate import Estate, Resource, part
from serverless_ai_local.azure.identity import Identities
from serverless_ai_local.azure.vaults import Vaults
from serverless_ai_local.functions.guard import Guard

APP: Final = "web:WebApp"
PACKAGE: Final = "released-package.zip"
_DENIED: Final = "This request is not authorized to perform this operation using this permission."

Started = Callable[[Resource, RunningApp], None]


class FunctionHost:
    """All apps. An app starts when its code is published, and anew when it or its settings change."""

    def __init__(
        self,
        endpoint: str,
        estate: Estate,
        *,
        access: Access,
        identities: Identities,
        blobs: Blobs,
        vaults: Vaults,
        logs: Logs,
    ) -> None:
        self._endpoint, self._estate, self._access = endpoint, estate, access
        self._identities, self._blobs, self._vaults, self._logs = identities, blobs, vaults, logs
        self._root = Path(tempfile.mkdtemp(prefix="serverless-ai-apps-"))
        self._guard = Guard(self._root)
        self._running: dict[str, RunningApp] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        estate.watch(self._follow)

    def publish(self, app: Resource, package: bytes) -> None:
        """Keep the package in the app's container, as its identity, and run it. Raises `AppError`."""
        container, who = self._storage(app)
        if not self._access.allows(who, container.id, WRITE, refusal=_DENIED):
            raise AppError(f"the package cannot be stored in {container.name}: {_DENIED}")
        self._blobs.put(container.id, PACKAGE, package)
        self._stop(app.name)
        self.running(app)

    def running(self, app: Resource) -> RunningApp:
        """The app's process, started if it is not. Raises `AppError`."""
        with self._lock:
            lock = self._locks.setdefault(app.name.lower(), threading.Lock())
        with lock:
            with self._lock:
                found = self._running.get(app.name.lower())
            if found is None:
                found = self._start(app)
                with self._lock:
                    self._running[app.name.lower()] = found
            return found

    def all(self) -> list[tuple[Resource, RunningApp]]:
        """The apps that run now."""
        with self._lock:
            names = list(self._running.items())
        apps = ((self._estate.find(APP, name), one) for name, one in names)
        return [(app, one) for app, one in apps if app is not None]

    def principal(self, app: Resource, client_id: str) -> Principal | None:
        """One of the app's identities."""
        for identity in self._identities.of(app):
            if identity.outputs["clientId"] == client_id:
                return Principal(oid=str(identity.outputs["principalId"]), name=identity.name)
        return None

    def log(self, app: Resource, category: str, text: str, operation: str = "") -> None:
        """A line into the app's workspace, as the identity that it writes telemetry with."""
        deployed = settings.deployed(app)
        signed_in = connection_fields(deployed.get("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", ""))
        who = self.principal(app, signed_in.get("ClientId", ""))
        connection = deployed.get("APPLICATIONINSIGHTS_CONNECTION_STRING", "")
        self._logs.write(connection, who, Line(app.name, category, text, operation))

    def close(self) -> None:
        with self._lock:
            everything = list(self._running.values())
            self._running.clear()
        for one in everything:
            one.close()
        self._guard.close()

    def _start(self, app: Resource) -> RunningApp:
        try:
            container, who = self._storage(app)
            if not self._access.allows(who, container.id, READ, refusal=_DENIED):
                raise AppError(f"the package cannot be read from {container.name}: {_DENIED}")
            package = self._blobs.get(container.id, PACKAGE)
            if package is None:
                raise AppError("no code was published yet")
            scale = app.part("functionAppConfig", "scaleAndConcurrency")
            return RunningApp(
                app.name,
                package,
                self._environment(app),
                under=self._root,
                log=partial(self.log, app),
                guard=self._guard,
                instances=int(scale.get("maximumInstanceCount", 1)),
            )
        except (AppError, ServiceFault) as error:
            self.log(app, HOST, f"the app cannot start: {error}")
            raise AppError(str(error)) from error

    def _environment(self, app: Resource) -> Mapping[str, str]:
        values = settings.deployed(app)
        for name, value in values.items():
            reference = settings.REFERENCE.fullmatch(value)
            if reference is not None:
                values[name] = self._secret(app, reference[1])
        return settings.environment(self._endpoint, app, values, self._identities.secret(app.name))

    def _secret(self, app: Resource, uri: str) -> str:
        id_ = str(app.inputs.get("keyVaultReferenceIdentity", ""))
        identity = self._estate.get(id_)
        if identity is None or identity.id not in [one.id for one in self._identities.of(app)]:
            raise AppError("the app has no identity that may read its Key Vault references")
        who = Principal(oid=str(identity.outputs["principalId"]), name=identity.name)
        return self._vaults.value(who, uri)

    def _storage(self, app: Resource) -> tuple[Resource, Principal]:
        """The container of the app's package, and as whom it is reached. Raises `AppError`."""
        storage = app.part("functionAppConfig", "deployment", "storage")
        account, name = str(storage.get("value", "/")).rstrip("/").rsplit("/", 2)[-2:]
        found = self._estate.find("storage:StorageAccount", account)
        container = self._estate.find("storage:BlobContainer", name, found.id) if found else None
        if container is None:
            raise AppError(f"the app's deployment storage {storage.get('value')} does not exist")
        id_ = str(part(storage, "authentication").get("userAssignedIdentityResourceId", ""))
        identity = self._estate.get(id_)
        if identity is None:
            raise AppError("the app's deployment storage is reached with an identity that does not exist")
        return container, Principal(oid=str(identity.outputs["principalId"]), name=identity.name)

    def _follow(self, resource: Resource, exists: bool) -> None:
        if resource.kind != APP:
            return
        with self._lock:
            running = resource.name.lower() in self._running
        if not running:
            return
        self._stop(resource.name)
        if exists:
            # The deployment need not wait for the app to be up again.
            threading.Thread(target=self._restart, args=(resource,), daemon=True).start()

    def _restart(self, app: Resource) -> None:
        try:
            self.running(app)
        except AppError:
            traceback.print_exc()

    def _stop(self, name: str) -> None:
        with self._lock:
            running = self._running.pop(name.lower(), None)
        if running is not None:
            running.close()
