"""Event pipeline on Azure: Blob -> Event Grid -> Storage queue -> Functions; so does every other source."""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_azure_native as azure

from serverless_ai_patterns.azure import event_pipeline as shared
from serverless_ai_patterns.azure import events, flex, observability, roles
from serverless_ai_patterns.azure.events import EventFilter
from serverless_ai_patterns.azure.roles import Role
from serverless_ai_patterns.azure.schedule import ncrontab
from serverless_ai_patterns.event_pipeline import EventPipelineSettings
from serverless_ai_patterns.event_pipeline.handler import Places, own_files
from serverless_ai_patterns.models_azure import AzureModel
from serverless_ai_pulumi.azure._ai import ai_endpoint, ai_services
from serverless_ai_pulumi.azure._auth import nobody
from serverless_ai_pulumi.azure._devices import hub
from serverless_ai_pulumi.azure._documents import documents
from serverless_ai_pulumi.azure._events import (
    Sink,
    Subscription,
    Topic,
    custom_topic,
    system_topic,
    to_queue,
)
from serverless_ai_pulumi.azure._function import function_app, host_settings, merged, plan, publish
from serverless_ai_pulumi.azure._key import encryption
from serverless_ai_pulumi.azure._logs import insights
from serverless_ai_pulumi.azure._logs import workspace as make_workspace
from serverless_ai_pulumi.azure._model import ModelParts, foundry, model_endpoint, model_for
from serverless_ai_pulumi.azure._observability import alarms, dashboard
from serverless_ai_pulumi.azure._package import Package
from serverless_ai_pulumi.azure._place import Place, checked
from serverless_ai_pulumi.azure._roles import assign
from serverless_ai_pulumi.azure._storage import queue, queue_url, storage_account
from serverless_ai_pulumi.azure._store import state_container, use_records
from serverless_ai_pulumi.azure.outputs import outputs

PATTERN: Final = "event_pipeline"
TIMER: Final = "schedule"
"""The timer trigger's function, as `root/azure/event_pipeline/function_app.py` of the runtime names it."""


class EventPipeline(pulumi.ComponentResource):
    """Files and messages in, one result each out, nothing lost. No endpoint: a container, a queue, topics.

    Every resource is an attribute, None when the settings do not ask for it. The storage account `documents`
    holds uploads and results: it is protected, so that a destroy fails, unless `force_destroy` says that they
    may be lost. Who uploads needs Storage Blob Data Contributor on the container `uploads`; who publishes,
    EventGrid Data Sender on the topic. Events on the shared `topic` are CloudEvents whose data is
    `{"message": ..., "attributes": {...}}`; those on `bus` may have any data. What you bring stays yours:

    - `resource_group`: where everything is made.
    - `topic`: of another pipeline, to share it, each with its own filter; it has an identity of its own.
    - `subnet_id`: a subnet, delegated to Microsoft.App/environments, that the function's calls leave by.
    - `key`: a key in a vault with purge protection, for the storage, the records and the model's account.
    - `workspace`: gets logs and traces; its retention is yours.
    - `model_capacity`: thousand tokens a minute of the subscription's quota; None: the registry's number.

    Raises ValueError for settings that Azure cannot have, and for a topic that they have no use for.
    """

    settings: EventPipelineSettings
    model: AzureModel | None
    resource_group: azure.resources.ResourceGroup
    identity: azure.managedidentity.UserAssignedIdentity
    workspace: azure.operationalinsights.Workspace
    insights: azure.applicationinsights.Component
    storage: azure.storage.StorageAccount
    documents: azure.storage.StorageAccount
    uploads: azure.storage.BlobContainer | None
    uploads_url: pulumi.Output[str] | None
    results: azure.storage.BlobContainer
    results_url: pulumi.Output[str]
    queue: azure.storage.Queue
    queue_url: pulumi.Output[str]
    dead_letters: azure.storage.Queue
    dead_letters_url: pulumi.Output[str]
    container: azure.cosmosdb.SqlResourceSqlContainer
    account: azure.cognitiveservices.Account | None
    """Of the model or of the AI service."""
    announcements: azure.eventgrid.Topic
    upload_events: azure.eventgrid.SystemTopic | None
    topic: azure.eventgrid.Topic | None
    bus: azure.eventgrid.Topic | None
    hub: azure.iothub.IotHubResource | None
    rules: dict[str, Subscription]
    """What goes into the queue, by source: uploads, topic, bus, devices."""
    plan: azure.web.AppServicePlan
    function: azure.web.WebApp
    package: Package
    schedule: str | None
    """NCRONTAB, UTC."""
    schedule_name: pulumi.Output[str] | None
    alarms: list[azure.monitor.MetricAlert | azure.monitor.ScheduledQueryRule]
    dashboard: azure.applicationinsights.Workbook

    def __init__(
        self,
        name: str,
        settings: EventPipelineSettings = EventPipelineSettings(),  # noqa: B008 - frozen
        *,
        resource_group: azure.resources.ResourceGroup | None = None,
        topic: azure.eventgrid.Topic | None = None,
        subnet_id: pulumi.Input[str] | None = None,
        key: azure.keyvault.Key | None = None,
        workspace: azure.operationalinsights.Workspace | None = None,
        model_capacity: int | None = None,
        force_destroy: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        shared.refuse_foreign(settings)
        if topic is not None and settings.sources.topic is None:
            raise ValueError(f"{name}: a topic was given, but these settings take nothing from it")
        super().__init__("serverless-ai:azure:EventPipeline", checked(name), None, opts)
        self.settings = settings
        self.model = model_for(self, settings.model.model) if settings.uses_model else None
        expression = settings.sources.schedule
        self.schedule = ncrontab(expression) if expression else None
        self.schedule_name = pulumi.Output.from_input(TIMER) if expression else None
        self._name = name
        self._child = pulumi.ResourceOptions(parent=self)
        self._granted: list[pulumi.Resource] = []

        self._make_place(resource_group)
        self._key = encryption(f"{name}-key", self._place, key, opts=self._child) if key else None
        self._make_logs(workspace)
        self._make_queues()
        self._make_documents(force_destroy=force_destroy)
        self._make_records()
        self._foundry = self._make_model(model_capacity)
        self.account = self._foundry.account if self._foundry else self._make_ai()
        self.announcements = custom_topic(f"{name}-announcements", self._place, opts=self._child)
        self._grant("announce", roles.SEND_EVENTS, self.announcements.id)
        self._make_function(subnet_id)
        self._make_sources(topic)
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

    def _make_logs(self, workspace: azure.operationalinsights.Workspace | None) -> None:
        self.workspace = workspace or make_workspace(
            f"{self._name}-logs",
            self._place,
            retention_days=flex.retention_days(self.settings.function),
            opts=self._child,
        )
        self.insights = insights(f"{self._name}-insights", self._place, self.workspace, opts=self._child)
        self._grant("write-telemetry", roles.WRITE_TELEMETRY, self.insights.id)

    def _make_queues(self) -> None:
        """The account of the host: its own state, the package, and the queues."""
        name = self._name
        self.storage = storage_account(f"{name}-storage", self._place, encryption=self._key, opts=self._child)
        self._grant("host", roles.HOST_BLOBS, self.storage.id)
        self.queue = self._make_queue("events", events.EVENTS, roles.USE_QUEUE)
        self.queue_url = queue_url(self.storage, self.queue)
        self.dead_letters = self._make_queue("dead-letters", events.DEAD_LETTERS, roles.SEND_MESSAGES)
        self.dead_letters_url = queue_url(self.storage, self.dead_letters)

    def _make_queue(self, use: str, queue_name: str, role: Role) -> azure.storage.Queue:
        made = queue(f"{self._name}-{use}", queue_name, self._place, self.storage, opts=self._child)
        self._grant(f"use-{use}", role, made.id)
        return made

    def _make_documents(self, *, force_destroy: bool) -> None:
        made = documents(
            f"{self._name}-documents",
            self._place,
            uploads=self.settings.sources.uploads is not None,
            results_prefix=self.settings.results.prefix,
            keep_days=self.settings.results.keep_days,
            force_destroy=force_destroy,
            encryption=self._key,
            opts=self._child,
        )
        self.documents, self.uploads, self.results = made.account, made.uploads, made.results
        self.uploads_url = made.url_of(made.uploads) if made.uploads else None
        self.results_url = made.url_of(made.results)
        self._objects_url = made.url
        self._sink = Sink(
            queues=self.storage,
            queue=self.queue,
            blobs=made.account,
            undelivered=made.undelivered,
            age_minutes=events.LONGEST_AGE_MINUTES,
            deliveries=events.MOST_DELIVERIES,
        )
        self._grant("write-results", roles.WRITE_BLOBS, made.results.id)
        if made.uploads:
            self._grant("read-uploads", roles.READ_BLOBS, made.uploads.id)

    def _make_records(self) -> None:
        name, principal = self._name, self.identity.principal_id
        self._state = state_container(
            f"{name}-state",
            self._place,
            self.resource_group.location,
            encryption=self._key,
            opts=self._child,
        )
        self.container = self._state.container
        self._granted.append(use_records(f"{name}-may-use-records", self._state, principal, opts=self._child))

    def _make_model(self, capacity: int | None) -> ModelParts | None:
        if self.model is None:
            return None
        made = foundry(
            f"{self._name}-model",
            self._place,
            self.model,
            capacity=capacity,
            guarded=False,
            encryption=self._key,
            opts=self._child,
        )
        self._grant("call-model", roles.CALL_MODEL, made.account.id)
        return made

    def _make_ai(self) -> azure.cognitiveservices.Account | None:
        if self.settings.processor_name not in shared.SERVICES:
            return None
        reads = self.uploads if self.settings.processor_name == "transcribe" else None
        made, granted = ai_services(
            f"{self._name}-ai", self._place, reads=reads, encryption=self._key, opts=self._child
        )
        self._granted += granted
        self._grant("use-ai", roles.USE_AI, made.id)
        return made

    def _make_function(self, subnet_id: pulumi.Input[str] | None) -> None:
        name, place = self._name, self._place
        self.plan = plan(f"{name}-plan", place, opts=self._child)
        self.function = function_app(
            f"{name}-function",
            place,
            settings=self.settings.function,
            instances=shared.instances(self.settings),
            http_concurrency=None,
            plan=self.plan,
            identity=self.identity,
            account=self.storage,
            environment=pulumi.Output.all(
                host_settings(self.identity, self.storage, self.insights), self._environment()
            ).apply(merged),
            granted=self._granted,
            subnet_id=subnet_id,
            secrets=False,
            opts=self._child,
        )
        closed = nobody(f"{name}-authentication", place, self.function, self.identity, opts=self._child)
        self.package = publish(
            f"{name}-code",
            PATTERN,
            self.function,
            extra=own_files(self.settings),
            after=closed,
            opts=self._child,
        )

    def _environment(self) -> pulumi.Output[dict[str, str]]:
        def write(made: dict[str, str]) -> dict[str, str]:
            client_id, deployment = made.pop("client_id"), made.pop("deployment")
            return shared.environment(
                self.settings, Places(**made), self.model, client_id=client_id, deployment=deployment
            )

        return pulumi.Output.all(
            client_id=self.identity.client_id,
            deployment=self._foundry.deployment.name if self._foundry else "",
            model_endpoint=model_endpoint(self._foundry.account) if self._foundry else "",
            ai_endpoint=ai_endpoint(self.account) if self.account and not self._foundry else "",
            objects=self._objects_url,
            inputs=self.uploads.name if self.uploads else "",
            results=self.results.name,
            store=self._state.url,
            announcements=self.announcements.endpoint,
            queue=self.queue_url,
            dead_letters=self.dead_letters_url,
        ).apply(write)

    def _make_sources(self, given: azure.eventgrid.Topic | None) -> None:
        name, place, sources = self._name, self._place, self.settings.sources
        self.rules = {}
        self.upload_events = self.topic = self.bus = self.hub = None
        if sources.uploads is not None:
            kind = "Microsoft.Storage.StorageAccounts"
            self.upload_events = system_topic(
                f"{name}-uploads", place, self.documents.id, kind, opts=self._child
            )
            self._take("uploads", self.upload_events, shared.uploads_filter(sources.uploads))
        if sources.topic is not None:
            passes = shared.topic_filter(sources.topic)
            self.topic = given or custom_topic(f"{name}-topic", place, opts=self._child)
            self._take("topic", self.topic, passes)
        if sources.bus_filter is not None:
            passes = shared.bus_filter(sources.bus_filter)
            self.bus = custom_topic(f"{name}-bus", place, opts=self._child)
            self._take("bus", self.bus, passes)
        if sources.devices:
            self.hub = hub(f"{name}-hub", place, opts=self._child)
            kind = "Microsoft.Devices.IoTHubs"
            telling = system_topic(f"{name}-devices", place, self.hub.id, kind, opts=self._child)
            self._take("devices", telling, shared.devices_filter())

    def _take(self, source: str, topic: Topic, passes: EventFilter) -> None:
        """Put what passes into the queue."""
        name = f"{self._name}-take-{source}"
        self.rules[source] = to_queue(name, topic, passes, self._sink, opts=self._child)

    def _make_observability(self) -> None:
        name, place = self._name, self._place
        self.alarms = alarms(
            f"{name}-alarm",
            place,
            observability.pipeline_log_alerts(),
            observability.pipeline_metric_alerts(
                model=self._foundry is not None, uploads=self.upload_events is not None
            ),
            insights=self.insights,
            scopes={
                "model": self.account.id if self.account else "",
                "uploads": self.upload_events.id if self.upload_events else "",
            },
            opts=self._child,
        )
        charts = observability.EVENT_PIPELINE_CHARTS
        self.dashboard = dashboard(f"{name}-dashboard", place, self.insights, charts, opts=self._child)
