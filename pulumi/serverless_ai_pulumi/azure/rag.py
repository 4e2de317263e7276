"""RAG on Azure: Blob -> Event Grid -> queue -> Functions -> vectors, and Functions -> vectors -> Foundry."""

from __future__ import annotations

from typing import Any, Final

import pulumi
import pulumi_azure_native as azure

from serverless_ai_patterns.azure import events, flex, observability, roles
from serverless_ai_patterns.azure import function_llm as http
from serverless_ai_patterns.azure import rag as shared
from serverless_ai_patterns.models_azure import AzureModel
from serverless_ai_patterns.rag import RagSettings
from serverless_ai_patterns.rag.handler import IngestPlaces
from serverless_ai_patterns.thresholds import alarm_tokens_per_hour
from serverless_ai_pulumi.azure._app import App, Scale
from serverless_ai_pulumi.azure._auth import authentication, nobody
from serverless_ai_pulumi.azure._documents import documents_account
from serverless_ai_pulumi.azure._events import Sink, Subscription, system_topic, to_queue
from serverless_ai_pulumi.azure._function import publish
from serverless_ai_pulumi.azure._key import encryption
from serverless_ai_pulumi.azure._logs import insights
from serverless_ai_pulumi.azure._logs import workspace as make_workspace
from serverless_ai_pulumi.azure._model import foundry, further, model_endpoint, model_for
from serverless_ai_pulumi.azure._observability import alarms, dashboard
from serverless_ai_pulumi.azure._package import Package
from serverless_ai_pulumi.azure._place import Place, checked, https
from serverless_ai_pulumi.azure._storage import blob_service, container, queue, queue_url
from serverless_ai_pulumi.azure._store import state_container, use_records
from serverless_ai_pulumi.azure._vectors import Vectors, capabilities, vectors
from serverless_ai_pulumi.azure.outputs import outputs
from serverless_ai_runtime.config_rag import IndexConfig

PATTERN: Final = "rag"
STORAGE: Final = "Microsoft.Storage.StorageAccounts"
"""Type of what tells of its blobs."""


class Rag(pulumi.ComponentResource):
    """Documents in a container, answers with citations out of `POST /ask`, passages out of `POST /search`.

    Who uploads needs Storage Blob Data Contributor on the container `documents`. Callers come with a token
    for the app registration `entra_client_id` of the subscription's tenant (or of `entra_tenant_id`), or with
    one of `settings.endpoint.auth`. Each instance of the function keeps the rate limit.

    Every resource is an attribute. The storage account of the documents is protected, so that a destroy
    fails, unless `force_destroy` says that they may be lost. What you bring stays yours:

    - `resource_group`: where everything is made.
    - `subnet_id`: a subnet, delegated to Microsoft.App/environments, that both functions' calls leave by.
    - `key`: a key in a vault with purge protection, for documents, host storage, records, vectors and models.
    - `workspace`: gets logs and traces; its retention is yours.
    - `model_capacity`: thousand tokens a minute of the subscription's quota for the model that answers; None:
      the registry's number.

    Raises ValueError for a model that does not exist, or a store of another cloud.
    """

    settings: RagSettings
    model: AzureModel
    indexes: list[shared.AzureIndex]
    resource_group: azure.resources.ResourceGroup
    identity: azure.managedidentity.UserAssignedIdentity
    ingest_identity: azure.managedidentity.UserAssignedIdentity
    workspace: azure.operationalinsights.Workspace
    insights: azure.applicationinsights.Component
    storage: azure.storage.StorageAccount
    """Of the host of the function that answers."""
    ingest_storage: azure.storage.StorageAccount
    """Of the host of the function that takes documents in, and of the queues."""
    account: azure.cognitiveservices.Account
    deployment: azure.cognitiveservices.Deployment
    embeddings: dict[str, azure.cognitiveservices.Deployment]
    """Deployments of the models that make vectors, by their names."""
    project: azure.cognitiveservices.Project
    container: azure.cosmosdb.SqlResourceSqlContainer
    """Of records: manifests, sessions, budgets, cached answers."""
    documents_account: azure.storage.StorageAccount
    documents: azure.storage.BlobContainer
    documents_url: pulumi.Output[str]
    vectors: Vectors
    queue: azure.storage.Queue
    queue_url: pulumi.Output[str]
    dead_letters: azure.storage.Queue
    dead_letters_url: pulumi.Output[str]
    document_events: azure.eventgrid.SystemTopic
    rule: Subscription
    plan: azure.web.AppServicePlan
    function: azure.web.WebApp
    package: Package
    authentication: azure.web.WebAppAuthSettingsV2
    ingest_plan: azure.web.AppServicePlan
    ingest_function: azure.web.WebApp
    ingest_package: Package
    endpoint: pulumi.Output[str]
    """URL without the path; callers POST to `{endpoint}/ask` and `{endpoint}/search`."""
    alarms: list[azure.monitor.MetricAlert | azure.monitor.ScheduledQueryRule]
    dashboard: azure.applicationinsights.Workbook

    def __init__(
        self,
        name: str,
        settings: RagSettings = RagSettings(),  # noqa: B008 - frozen
        *,
        entra_client_id: pulumi.Input[str] | None = None,
        entra_tenant_id: pulumi.Input[str] | None = None,
        resource_group: azure.resources.ResourceGroup | None = None,
        subnet_id: pulumi.Input[str] | None = None,
        key: azure.keyvault.Key | None = None,
        workspace: azure.operationalinsights.Workspace | None = None,
        model_capacity: int | None = None,
        force_destroy: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        self._store = settings.store_on(shared.CLOUD)
        self._words = settings.answers.search != "vector"
        super().__init__("serverless-ai:azure:Rag", checked(name), None, opts)
        self.settings = settings
        self.model = model_for(self, settings.answers.model)
        embeddings = [one for one in (settings.embedding, settings.previous_embedding) if one]
        self.indexes = [shared.index(one, model_for(self, one.model)) for one in embeddings]
        self._name = name
        self._child = pulumi.ResourceOptions(parent=self)

        self.resource_group = resource_group or azure.resources.ResourceGroup(
            f"{name}-group", opts=self._child
        )
        self.identity, self.ingest_identity = (
            azure.managedidentity.UserAssignedIdentity(
                f"{one}-identity", resource_group_name=self.resource_group.name, opts=self._child
            )
            for one in (name, f"{name}-ingest")
        )
        self._place = Place.of(name, self.resource_group, self.identity)
        self._key = encryption(f"{name}-key", self._place, key, opts=self._child) if key else None
        self._make_logs(workspace)
        self._query, self._ingest = (
            App(
                one,
                self._place,
                identity,
                self.insights,
                use=use,
                encryption=self._key,
                opts=self._child,
            )
            for one, identity, use in (
                (name, self.identity, ""),
                (f"{name}-ingest", self.ingest_identity, "in"),
            )
        )
        self.storage, self.ingest_storage = self._query.storage, self._ingest.storage
        self._make_models(model_capacity)
        self._make_stores()
        self._make_queues()
        self._make_documents(force_destroy=force_destroy)
        self._make_ingest_function(subnet_id)
        self._make_function(subnet_id, entra_client_id, entra_tenant_id)
        self._make_observability()
        self.register_outputs(outputs(self))

    def _make_logs(self, workspace: azure.operationalinsights.Workspace | None) -> None:
        self.workspace = workspace or make_workspace(
            f"{self._name}-logs",
            self._place,
            retention_days=flex.retention_days(self.settings.endpoint.function),
            opts=self._child,
        )
        self.insights = insights(f"{self._name}-insights", self._place, self.workspace, opts=self._child)

    def _make_models(self, capacity: int | None) -> None:
        name = f"{self._name}-model"
        made = foundry(
            name,
            self._place,
            self.model,
            capacity=capacity,
            guarded=False,
            encryption=self._key,
            opts=self._child,
        )
        self.account, self.deployment, self.project = made.account, made.deployment, made.project
        models = {one.deployment: one.model for one in self.indexes}
        self.embeddings = further(name, self._place, made, models, opts=self._child)
        self._query.grant("call-models", roles.CALL_MODEL, self.account.id)
        # A role of one deployment's there is not: who embeds could ask the other model too.
        self._ingest.grant("call-models", roles.CALL_MODEL, self.account.id)

    def _make_stores(self) -> None:
        name = self._name
        self._state = state_container(
            f"{name}-state",
            self._place,
            self.resource_group.location,
            capabilities=capabilities(self._store, words=self._words),
            encryption=self._key,
            opts=self._child,
        )
        self.container = self._state.container
        indexes = {one.name: one.dimension for one in self.indexes}
        self.vectors = vectors(
            f"{name}-vectors",
            self._place,
            self._state,
            indexes,
            self._store,
            words=self._words,
            opts=self._child,
        )
        for app, writes in ((self._query, False), (self._ingest, True)):
            may, principal = f"{app.name}-may-use", app.identity.principal_id
            app.granted.append(use_records(f"{may}-records", self._state, principal, opts=self._child))
            app.granted += self.vectors.let_in(f"{may}-vectors", principal, writes=writes, opts=self._child)

    def _make_queues(self) -> None:
        name, place, account = self._name, self._place, self.ingest_storage
        self.queue = queue(f"{name}-events", events.EVENTS, place, account, opts=self._child)
        self.dead_letters = queue(
            f"{name}-dead-letters", events.DEAD_LETTERS, place, account, opts=self._child
        )
        self.queue_url = queue_url(account, self.queue)
        self.dead_letters_url = queue_url(account, self.dead_letters)
        self._ingest.grant("use-events", roles.USE_QUEUE, self.queue.id)
        self._ingest.grant("use-dead-letters", roles.SEND_MESSAGES, self.dead_letters.id)

    def _make_documents(self, *, force_destroy: bool) -> None:
        name, place = f"{self._name}-documents", self._place
        account = documents_account(
            name, place, force_destroy=force_destroy, encryption=self._key, opts=self._child
        )
        self.documents_account = account
        self.documents = container(f"{name}-container", shared.DOCUMENTS, place, account, opts=self._child)
        self.documents_url = pulumi.Output.concat(blob_service(account), "/", self.documents.name)
        self._ingest.grant("read-documents", roles.READ_BLOBS, self.documents.id)
        undelivered = container(f"{name}-undelivered", events.UNDELIVERED, place, account, opts=self._child)
        sink = Sink(
            queues=self.ingest_storage,
            queue=self.queue,
            blobs=account,
            undelivered=undelivered,
            age_minutes=events.LONGEST_AGE_MINUTES,
            deliveries=events.MOST_DELIVERIES,
        )
        self.document_events = system_topic(f"{name}-events", place, account.id, STORAGE, opts=self._child)
        passes = shared.documents_filter()
        self.rule = to_queue(
            f"{self._name}-take-documents", self.document_events, passes, sink, opts=self._child
        )

    def _make_ingest_function(self, subnet_id: pulumi.Input[str] | None) -> None:
        def write(made: dict[str, Any]) -> dict[str, str]:
            indexes = self._index_configs(made.pop("vectors"), made.pop("model_endpoint"))
            client_id = made.pop("client_id")
            return shared.ingest_environment(
                self.settings, IngestPlaces(**made), indexes, client_id=client_id
            )

        environment = pulumi.Output.all(
            client_id=self.ingest_identity.client_id,
            vectors=self.vectors.places,
            model_endpoint=model_endpoint(self.account),
            objects=blob_service(self.documents_account),
            inputs=self.documents.name,
            store=self._state.url,
            queue=self.queue_url,
            dead_letters=self.dead_letters_url,
        ).apply(write)
        self.ingest_plan, self.ingest_function = self._ingest.make(
            self.settings.ingestion.function,
            environment,
            Scale(shared.ingest_instances(self.settings)),
            subnet_id=subnet_id,
        )
        name = self._ingest.name
        closed = nobody(
            f"{name}-authentication",
            self._place,
            self.ingest_function,
            self.ingest_identity,
            opts=self._child,
        )
        self.ingest_package = publish(
            f"{name}-code", f"{PATTERN}_ingest", self.ingest_function, after=closed, opts=self._child
        )

    def _make_function(
        self,
        subnet_id: pulumi.Input[str] | None,
        client_id: pulumi.Input[str] | None,
        tenant_id: pulumi.Input[str] | None,
    ) -> None:
        def write(made: dict[str, Any]) -> dict[str, str]:
            indexes = self._index_configs(made.pop("vectors"), made["model_endpoint"])
            return shared.query_environment(self.settings, indexes, **made)

        environment = pulumi.Output.all(
            client_id=self.identity.client_id,
            vectors=self.vectors.places,
            deployment=self.deployment.name,
            model_endpoint=model_endpoint(self.account),
            store=self._state.url,
        ).apply(write)
        self.plan, self.function = self._query.make(
            self.settings.endpoint.function,
            environment,
            Scale(shared.query_instances(self.settings), http.CONCURRENCY),
            subnet_id=subnet_id,
        )
        self.authentication = authentication(
            f"{self._name}-authentication",
            self._place,
            self.function,
            self.settings.endpoint.auth,
            client_id=client_id,
            tenant_id=tenant_id or self.identity.tenant_id,
            opts=self._child,
        )
        # Nobody can call the code before callers are checked: until then there is none.
        self.package = publish(
            f"{self._name}-code",
            f"{PATTERN}_query",
            self.function,
            after=self.authentication,
            opts=self._child,
        )
        self.endpoint = self.function.default_host_name.apply(https)

    def _index_configs(self, places: dict[str, str], endpoint: str) -> list[IndexConfig]:
        return [one.config(self.settings, places[one.name], endpoint) for one in self.indexes]

    def _make_observability(self) -> None:
        name, place, settings = self._name, self._place, self.settings
        self.alarms = alarms(
            f"{name}-alarm",
            place,
            observability.rag_log_alerts(timeout_s=settings.endpoint.function.timeout_s),
            observability.rag_metric_alerts(
                tokens_per_hour=alarm_tokens_per_hour(settings.budget.total_tokens_per_day)
            ),
            insights=self.insights,
            scopes={"model": self.account.id, "uploads": self.document_events.id},
            opts=self._child,
        )
        charts = observability.RAG_CHARTS
        self.dashboard = dashboard(f"{name}-dashboard", place, self.insights, charts, opts=self._child)
