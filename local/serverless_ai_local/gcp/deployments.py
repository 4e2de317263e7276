"""What the Pulumi door asks of the Google half: make, change and let go of resources; under /_local/gcp/."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Callable
from typing import Any, Final

from serverless_ai_local.admin import AdminCall, AdminError, AdminRoutes
from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.errors import RpcError
from serverless_ai_local.gcp.iam.authority import Authority, Principal
from serverless_ai_local.gcp.registry import Deployed, Registry, Values
from serverless_ai_local.gcp.resources import ROWS
from serverless_ai_local.gcp.resources.row import DELETE, POLICIES, ResourceError, Row, Setting
from serverless_ai_local.gcp.run.function import secret_variables
from serverless_ai_local.gcp.run.secret_variables import SecretError, filled_in
from serverless_ai_local.gcp.services.secret_manager import SecretManager
from serverless_ai_local.plain import is_mapping

_FIELDS: Final = ("token", "project", "region", "inputs", "content", "uid")


class Deployments:
    """Changes one resource at a time, as the registry of one cloud."""

    def __init__(
        self,
        registry: Registry,
        authority: Authority,
        secrets: SecretManager,
        url: str,
        made: Callable[[Deployed], None],
    ) -> None:
        """`made` hears of everything that is new."""
        self._registry, self._authority, self._secrets, self._url = registry, authority, secrets, url
        self._made = made
        self._lock = threading.Lock()

    def routes(self) -> AdminRoutes:
        """Its part of the admin API."""
        return {
            ("POST", "gcp/resources/create"): lambda call: self._create(_fields(call)),
            ("POST", "gcp/resources/update"): lambda call: self._update(_fields(call)),
            ("POST", "gcp/resources/delete"): lambda call: self._delete(_fields(call)),
            ("GET", "gcp/resources"): lambda call: {
                "resources": [_shown(one) for one in self._registry.all()]
            },
        }

    def _create(self, given: dict[str, Any]) -> dict[str, Any]:
        row, inputs = ROWS[given["token"]], given["inputs"]
        setting = self._setting(given, secrets.token_hex(6))
        with self._lock:
            name = self._checked(row, setting, inputs)
            if not row.shared and self._registry.find(row.token, name) is not None:
                raise AdminError(f"Error 409: Resource '{name}' already exists", 409)
            deployed = Deployed(
                token=row.token,
                id=name,
                uid=setting.uid,
                project=setting.project,
                region=setting.region,
                inputs=inputs,
                content=base64.b64decode(given.get("content", "")),
            )
            self._registry.put(deployed)
        self._made(deployed)
        return {"id": name, "uid": setting.uid, "outputs": row.answer(setting, inputs)}

    def _update(self, given: dict[str, Any]) -> dict[str, Any]:
        before = self._registry.by_uid(given["uid"])
        row, inputs = ROWS[before.token], given["inputs"]
        setting = self._setting(given, before.uid)
        with self._lock:
            self._checked(row, setting, inputs)
            self._registry.change(before.uid, inputs, before.content)
        return {"id": before.id, "uid": before.uid, "outputs": row.answer(setting, inputs)}

    def _delete(self, given: dict[str, Any]) -> None:
        with self._lock:
            try:
                deployed = self._registry.by_uid(given["uid"])
            except LookupError:
                return
            try:
                stays = ROWS[deployed.token].stays(self._registry, deployed)
            except ResourceError as error:
                raise AdminError(f"Error 400: {error}") from error
            if not stays:
                self._registry.remove(deployed.uid)

    def _setting(self, given: dict[str, Any], uid: str) -> Setting:
        return Setting(
            project=str(given["inputs"].get("project") or given["project"]),
            region=str(given["region"]),
            url=self._url,
            uid=uid,
            registry=self._registry,
        )

    def _checked(self, row: Row, setting: Setting, inputs: Values) -> str:
        """Its id; `AdminError` for what cannot be."""
        try:
            if inputs.get("deletionPolicy", DELETE) not in POLICIES:
                raise ResourceError(f"deletion_policy must be one of {', '.join(POLICIES)}")
            row.check(setting, inputs)
            if row.token == types.FUNCTION:
                self._build(setting, inputs)
                self._fill_in(setting, inputs)
            return row.name(setting, inputs)
        except ResourceError as error:
            raise AdminError(f"Error 400: {error}") from error
        except KeyError as error:
            raise AdminError(f"Error 400: {row.token} needs {error}") from error
        except RpcError as error:
            raise AdminError(f"Error 403: the build failed: {error}", 403) from error

    def _build(self, setting: Setting, inputs: Values) -> None:
        """What the account that builds a function needs; raises `RpcError`. Nothing is built."""
        build = inputs["buildConfig"]
        builder = build.get("serviceAccount")
        if not builder:
            raise ResourceError("build_config.service_account: here is no default service account")
        who, source = Principal(email=str(builder).rsplit("/", 1)[-1]), build["source"]["storageSource"]
        place = setting.project
        self._authority.require(
            who,
            "storage.objects.get",
            f"projects/_/buckets/{source['bucket']}/objects/{source['object']}",
            service="storage.googleapis.com",
            within=place,
        )
        self._authority.require(
            who, "logging.logEntries.create", f"projects/{place}", service="logging.googleapis.com"
        )
        if build.get("dockerRepository"):
            self._authority.require(
                who,
                "artifactregistry.repositories.uploadArtifacts",
                build["dockerRepository"],
                service="artifactregistry.googleapis.com",
            )

    def _fill_in(self, setting: Setting, inputs: Values) -> None:
        """A revision whose account cannot read its secrets never serves: so it is not deployed."""
        service = inputs["serviceConfig"]
        variables, plain = secret_variables(service, setting.project), service.get("environmentVariables", {})
        try:
            filled_in(variables, self._secrets, service["serviceAccountEmail"], after=len(plain))
        except SecretError as error:
            raise ResourceError(
                f"Could not create or update Cloud Run service {inputs['name']}, its revision is not ready "
                f"and cannot serve traffic. {error}"
            ) from error


def _fields(call: AdminCall) -> dict[str, Any]:
    body = call.body
    if not is_mapping(body) or any(name not in _FIELDS for name in body):
        raise ValueError(f"the body must be an object of {', '.join(_FIELDS)}")
    if "token" in body and body["token"] not in ROWS:
        raise ValueError(f"resource type {body['token']} is not on the local cloud")
    return body


def _shown(one: Deployed) -> dict[str, Any]:
    """As it was deployed, but for what a secret holds."""
    inputs = {name: value for name, value in one.inputs.items() if name != "secretData"}
    return {"token": one.token, "id": one.id, "uid": one.uid, "inputs": inputs}
