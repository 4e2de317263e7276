"""A function app of a pattern that has several: each with its own identity, plan, host storage and grants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pulumi
from pulumi_azure_native import applicationinsights, managedidentity, web

from serverless_ai_patterns.azure import roles
from serverless_ai_patterns.azure.roles import Role
from serverless_ai_patterns.function_settings import FunctionSettings, WorkerSettings
from serverless_ai_pulumi.azure._function import function_app, host_settings, merged, plan
from serverless_ai_pulumi.azure._key import Encryption
from serverless_ai_pulumi.azure._place import Place
from serverless_ai_pulumi.azure._roles import assign
from serverless_ai_pulumi.azure._storage import storage_account


class Scale(NamedTuple):
    """`instances`: at most so many; `http_concurrency`: requests that one answers at once, None: no route."""

    instances: int
    http_concurrency: int | None = None


class App:
    """What an app needs is made and granted first; the app itself waits for all of it."""

    def __init__(
        self,
        name: str,
        place: Place,
        identity: managedidentity.UserAssignedIdentity,
        insights: applicationinsights.Component,
        *,
        use: str = "",
        encryption: Encryption | None,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """`use`: a word of few letters that tells its storage account from others of the pattern."""
        self.name, self.identity = name, identity
        self.granted: list[pulumi.Resource] = []
        self._place, self._insights, self._opts = place, insights, opts
        self.storage = storage_account(f"{name}-storage", place, use=use, encryption=encryption, opts=opts)
        self.grant("host", roles.HOST_BLOBS, self.storage.id)
        self.grant("write-telemetry", roles.WRITE_TELEMETRY, insights.id)

    def grant(self, use: str, role: Role, scope: pulumi.Input[str]) -> None:
        """Let the app's identity do what `role` says with one resource."""
        principal = self.identity.principal_id
        made = assign(f"{self.name}-may-{use}", role, scope=scope, principal_id=principal, opts=self._opts)
        self.granted.append(made)

    def make(
        self,
        settings: FunctionSettings | WorkerSettings,
        environment: pulumi.Output[dict[str, str]],
        scale: Scale,
        *,
        subnet_id: pulumi.Input[str] | None,
    ) -> tuple[web.AppServicePlan, web.WebApp]:
        """The plan and the app, without code so far. `environment`: what it is told beside the host."""
        made = plan(f"{self.name}-plan", self._place, opts=self._opts)
        host = host_settings(self.identity, self.storage, self._insights)
        told: pulumi.Output[Mapping[str, str]] = pulumi.Output.all(host, environment).apply(merged)
        app = function_app(
            f"{self.name}-function",
            self._place,
            settings=settings,
            instances=scale.instances,
            http_concurrency=scale.http_concurrency,
            plan=made,
            identity=self.identity,
            account=self.storage,
            environment=told,
            granted=self.granted,
            subnet_id=subnet_id,
            secrets=False,
            opts=self._opts,
        )
        return made, app
