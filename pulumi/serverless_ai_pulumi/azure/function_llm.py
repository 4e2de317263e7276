"""Function + LLM on Azure: App Service -> Functions -> Foundry, with events, budgets, alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi
import pulumi_azure_native as azure

from serverless_ai_patterns.azure import events, flex, observability, roles
from serverless_ai_patterns.azure import function_llm as shared
from serverless_ai_patterns.azure.roles import Role
from serverless_ai_patterns.azure.schedule import ncrontab
from serverless_ai_patterns.function_llm import FunctionLlmSettings
from serverless_ai_patterns.models_azure import AzureModel
from serverless_ai_patterns.thresholds import alarm_tokens_per_hour
from serverless_ai_pulumi.azure._auth import authentication
from serverless_ai_pulumi.azure._events import Sink, Subscription, custom_topic, to_queue
from serverless_ai_pulumi.azure._function import function_app, host_settings, merged, plan, publish
from serverless_ai_pulumi.azure._gateway import Gateway, gateway, trust_of
from serverless_ai_pulumi.azure._key import encryption
from serverless_ai_pulumi.azure._logs import insights
from serverless_ai_pulumi.azure._logs import workspace as make_workspace
from serverless_ai_pulumi.azure._model import foundry, model_endpoint, model_for
from serverless_ai_pulumi.azure._observability import alarms, dashboard
from serverless_ai_pulumi.azure._package import Package
from serverless_ai_pulumi.azure._place import Place, checked, https
from serverless_ai_pulumi.azure._roles import assign
from serverless_ai_pulumi.azure._secrets import vault
from serverless_ai_pulumi.azure._storage import (
    container,
    queue,
    queue_service,
    queue_url,
    storage_account,
)
from serverless_ai_pulumi.azure._store import StateContainer, state_container, use_records
from serverless_ai_pulumi.azure.outputs import outputs

PATTERN: Final = "function_llm"
TIMER: Final = "schedule"
"""The timer trigger's function, as `root/azure/function_llm/function_app.py` of the runtime names it."""


class FunctionLlm(pulumi.ComponentResource):
    """`POST /chat`, schedules and a topic's events, answered by a language model. Private and bounded.

    Callers come with a token for the app registration `entra_client_id` of the subscription's tenant (or of
    `entra_tenant_id`), or with one of `settings.auth`. Each instance of the function keeps the rate limit.

    Every resource is an attribute, None when the settings do not ask for it. Everything made here is removed
    with the stack: it holds transient state only. What you bring stays yours:

    - `resource_group`: where everything is made.
    - `subnet_id`: a subnet, delegated to Microsoft.App/environments, that the function's calls leave by.
    - `key`: a key in a vault with purge protection, for the storage, the records and the model's account.
    - `workspace`: gets logs and traces; its retention is yours.
    - `container`: partition key `/pk`, TTL on; the function reads and writes records by key.
    - `secrets`: app setting -> value; they are kept in a vault, which is only made for them.
    - `gateway`: puts API Management (Consumption) in front; callers then send a subscription's key as well.
    - `model_capacity`: thousand tokens a minute of the subscription's quota; None: the registry's number.

    Raises ValueError for settings that Azure cannot have, and for a container where nothing is remembered.
    """

    settings: FunctionLlmSettings
    model: AzureModel
    resource_group: azure.resources.ResourceGroup
    identity: azure.managedidentity.UserAssignedIdentity
    workspace: azure.operationalinsights.Workspace
    insights: azure.applicationinsights.Component
    storage: azure.storage.StorageAccount
    account: azure.cognitiveservices.Account
    deployment: azure.cognitiveservices.Deployment
    project: azure.cognitiveservices.Project
    guardrail: azure.cognitiveservices.RaiPolicy | None
    container: azure.cosmosdb.SqlResourceSqlContainer | None
    queue: azure.storage.Queue | None
    dead_letters: azure.storage.Queue | None
    dead_letter_queue_url: pulumi.Output[str] | None
    destination: azure.storage.Queue | None
    destination_queue_url: pulumi.Output[str] | None
    vault: azure.keyvault.Vault | None
    plan: azure.web.AppServicePlan
    function: azure.web.WebApp
    package: Package
    authentication: azure.web.WebAppAuthSettingsV2
    topic: azure.eventgrid.Topic | None
    rule: Subscription | None
    schedule: str | None
    """NCRONTAB, UTC."""
    schedule_name: pulumi.Output[str] | None
    gateway: azure.apimanagement.ApiManagementService | None
    api: azure.apimanagement.Api | None
    subscription: azure.apimanagement.Subscription | None
    alarms: list[azure.monitor.MetricAlert | azure.monitor.ScheduledQueryRule]
    dashboard: azure.applicationinsights.Workbook
    endpoint: pulumi.Output[str]
    """URL without the path; callers POST to `{endpoint}/chat`."""

    def __init__(
        self,
        name: str,
        settings: FunctionLlmSettings = FunctionLlmSettings(),  # noqa: B008 - frozen
        *,
        entra_client_id: pulumi.Input[str] | None = None,
        entra_tenant_id: pulumi.Input[str] | None = None,
        resource_group: azure.resources.ResourceGroup | None = None,
        subnet_id: pulumi.Input[str] | None = None,
        key: azure.keyvault.Key | None = None,
        workspace: azure.operationalinsights.Workspace | None = None,
        container: StateContainer | None = None,
        secrets: Mapping[str, pulumi.Input[str]] | None = None,
        gateway: Gateway | None = None,
        model_capacity: int | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        if container is not None and not settings.needs_store:
            raise ValueError(f"{name}: a container was given, but these settings remember nothing")
        super().__init__("serverless-ai:azure:FunctionLlm", checked(name), None, opts)
        self.settings = settings
        self.model = model_for(self, settings.llm.model)
        self.schedule = ncrontab(settings.events.schedule) if settings.events.schedule else None
        self.schedule_name = pulumi.Output.from_input(TIMER) if self.schedule else None
        self._name = name
        self._child = pulumi.ResourceOptions(parent=self)
        self._granted: list[pulumi.Resource] = []

        self._make_place(resource_group)
        self._key = encryption(f"{name}-key", self._place, key, opts=self._child) if key else None
        self._make_logs(workspace)
        self.storage = storage_account(f"{name}-storage", self._place, encryption=self._key, opts=self._child)
        self._grant("host", roles.HOST_BLOBS, self.storage.id)
        self._make_model(model_capacity)
        self._make_store(container)
        self._make_queues()
        self._make_function(secrets or {}, subnet_id)
        self._make_ways_in(gateway, entra_client_id, entra_tenant_id)
        self._make_topic()
        self._make_observability()
        self.register_outputs(outputs(self))

    def _grant(self, use: str, role: Role, scope: pulumi.Input[str]) -> None:
        """Let the function's identity do what `role` says with one resource, before the function is made."""
        made = assign(
            f"{self._name}-may-{use}",
            role,
            scope=scope,
            principal_id=self.identity.principal_id,
            opts=self._child,
        )
        self._granted.append(made)

    def _make_place(self, group: azure.resources.ResourceGroup | None) -> None:
        name = self._name
        self.resource_group = group or azure.resources.ResourceGroup(f"{name}-group", opts=self._child)
        self.identity = azure.managedidentity.UserAssignedIdentity(
            f"{name}-identity", resource_group_name=self.resource_group.name, opts=self._child
        )
        self._place = Place.of(name, self.resource_group, self.identity)

    def _make_model(self, capacity: int | None) -> None:
        self.account, self.guardrail, self.deployment, self.project = foundry(
            f"{self._name}-model",
            self._place,
            self.model,
            capacity=capacity,
            guarded=self.settings.llm.guardrail,
            encryption=self._key,
            opts=self._child,
        )
        self._grant("call-model", roles.CALL_MODEL, self.account.id)

    def _make_logs(self, workspace: azure.operationalinsights.Workspace | None) -> None:
        self.workspace = workspace or make_workspace(
            f"{self._name}-logs",
            self._place,
            retention_days=flex.retention_days(self.settings.function),
            opts=self._child,
        )
        self.insights = insights(f"{self._name}-insights", self._place, self.workspace, opts=self._child)
        self._grant("write-telemetry", roles.WRITE_TELEMETRY, self.insights.id)

    def _make_store(self, given: StateContainer | None) -> None:
        self._state = given
        if given is None and self.settings.needs_store:
            self._state = state_container(
                f"{self._name}-state",
                self._place,
                self.resource_group.location,
                encryption=self._key,
                opts=self._child,
            )
        self.container = self._state.container if self._state else None
        if self._state:
            name, principal = f"{self._name}-may-use-records", self.identity.principal_id
            self._granted.append(use_records(name, self._state, principal, opts=self._child))

    def _make_queues(self) -> None:
        self.queue = self.dead_letters = self.destination = None
        self.dead_letter_queue_url = self.destination_queue_url = None
        if shared.takes_events(self.settings):
            self.queue = self._make_queue("events", events.EVENTS, roles.USE_QUEUE)
            self.dead_letters = self._make_queue("dead-letters", events.DEAD_LETTERS, roles.SEND_MESSAGES)
            self.dead_letter_queue_url = queue_url(self.storage, self.dead_letters)
        if self.settings.events.destination:
            self.destination = self._make_queue("results", events.RESULTS, roles.SEND_MESSAGES)
            self.destination_queue_url = queue_url(self.storage, self.destination)

    def _make_queue(self, use: str, queue_name: str, role: Role) -> azure.storage.Queue:
        made = queue(f"{self._name}-{use}", queue_name, self._place, self.storage, opts=self._child)
        self._grant(f"use-{use}", role, made.id)
        return made

    def _make_function(
        self, secrets: Mapping[str, pulumi.Input[str]], subnet_id: pulumi.Input[str] | None
    ) -> None:
        name, place = self._name, self._place
        self.vault = None
        references: Mapping[str, pulumi.Output[str]] = {}
        if secrets:
            self.vault, references, readable = vault(
                f"{name}-vault", secrets, place, self.identity, opts=self._child
            )
            self._granted += readable
        self.plan = plan(f"{name}-plan", place, opts=self._child)
        self.function = function_app(
            f"{name}-function",
            place,
            settings=self.settings.function,
            instances=shared.instances(self.settings),
            http_concurrency=shared.CONCURRENCY,
            plan=self.plan,
            identity=self.identity,
            account=self.storage,
            environment=pulumi.Output.all(
                host_settings(self.identity, self.storage, self.insights), self._environment(), references
            ).apply(merged),
            granted=self._granted,
            subnet_id=subnet_id,
            secrets=bool(secrets),
            opts=self._child,
        )

    def _environment(self) -> pulumi.Output[dict[str, str]]:
        return pulumi.Output.all(
            client_id=self.identity.client_id,
            deployment=self.deployment.name,
            model_endpoint=model_endpoint(self.account),
            queue_service=queue_service(self.storage),
            store_url=self._state.url if self._state else "",
            destination_url=self.destination_queue_url or "",
        ).apply(lambda made: shared.environment(self.settings, **made))

    def _make_ways_in(
        self,
        publisher: Gateway | None,
        client_id: pulumi.Input[str] | None,
        tenant_id: pulumi.Input[str] | None,
    ) -> None:
        name, auth, tenant = self._name, self.settings.auth, tenant_id or self.identity.tenant_id
        self.authentication = authentication(
            f"{name}-authentication",
            self._place,
            self.function,
            auth,
            client_id=client_id,
            tenant_id=tenant,
            opts=self._child,
        )
        # Nobody can call the code before callers are checked: until then there is none.
        self.package = publish(
            f"{name}-code", PATTERN, self.function, after=self.authentication, opts=self._child
        )
        self.gateway = self.api = self.subscription = None
        self.endpoint = self.function.default_host_name.apply(https)
        if publisher:
            self.gateway, self.api, self.subscription = gateway(
                f"{name}-gateway",
                self._place,
                self.function,
                publisher,
                method="POST",
                path="/chat",
                trust=trust_of(auth, client_id=client_id, tenant_id=tenant),
                throttle=self.settings.throttle,
                opts=self._child,
            )
            self.endpoint = self.gateway.gateway_url.apply(https)

    def _make_topic(self) -> None:
        self.topic = self.rule = None
        pattern = self.settings.events.bus_filter
        if pattern is None or self.queue is None:
            return
        name, place, account = f"{self._name}-topic", self._place, self.storage
        passes = events.event_filter(pattern)
        undelivered = container(f"{name}-undelivered", events.UNDELIVERED, place, account, opts=self._child)
        self.topic = custom_topic(name, place, opts=self._child)
        sink = Sink(queues=account, queue=self.queue, blobs=account, undelivered=undelivered)
        self.rule = to_queue(name, self.topic, passes, sink, opts=self._child)

    def _make_observability(self) -> None:
        name, place, settings = self._name, self._place, self.settings
        self.alarms = alarms(
            f"{name}-alarm",
            place,
            observability.log_alerts(
                timeout_s=settings.function.timeout_s, events=shared.takes_events(settings)
            ),
            observability.metric_alerts(
                tokens_per_hour=alarm_tokens_per_hour(settings.budget.total_tokens_per_day),
                topic=self.topic is not None,
            ),
            insights=self.insights,
            scopes={"model": self.account.id, "topic": self.topic.id if self.topic else ""},
            opts=self._child,
        )
        charts = observability.FUNCTION_LLM_CHARTS
        self.dashboard = dashboard(f"{name}-dashboard", place, self.insights, charts, opts=self._child)
