"""RAG on Google Cloud: Storage -> Eventarc -> Pub/Sub -> function -> vectors; an endpoint asks Vertex AI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns import bundle
from serverless_ai_patterns.function_llm import Jwt
from serverless_ai_patterns.gcp import events, observability, policy
from serverless_ai_patterns.gcp import rag as shared
from serverless_ai_patterns.gcp.function_llm import store
from serverless_ai_patterns.models import Model
from serverless_ai_patterns.models_gcp import resolve_gcp
from serverless_ai_patterns.rag import RagSettings
from serverless_ai_patterns.rag.handler import IngestPlaces
from serverless_ai_patterns.thresholds import alarm_tokens_per_hour
from serverless_ai_pulumi._model_life import warn_of_old_model
from serverless_ai_pulumi.gcp._bucket import documents_bucket, used_by
from serverless_ai_pulumi.gcp._build import build_of
from serverless_ai_pulumi.gcp._database import field_settings, state_database
from serverless_ai_pulumi.gcp._events import pushed
from serverless_ai_pulumi.gcp._function import VpcPlacement, handler_function, url_of
from serverless_ai_pulumi.gcp._gateway import gateway, https
from serverless_ai_pulumi.gcp._identity import account, custom_role, invokers
from serverless_ai_pulumi.gcp._logs import log_bucket, routed
from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_pulumi.gcp._observability import alarms, dashboard, log_metrics, metric_names
from serverless_ai_pulumi.gcp._permissions import grants
from serverless_ai_pulumi.gcp._place import place_of
from serverless_ai_pulumi.gcp._pubsub import dead_letters, topic
from serverless_ai_pulumi.gcp._services import enabled
from serverless_ai_pulumi.gcp._triggers import Wanted, storage_publishes, triggers
from serverless_ai_pulumi.gcp._vectors import Vectors, vectors
from serverless_ai_pulumi.gcp.outputs import outputs
from serverless_ai_runtime.config_rag import IndexConfig

PATTERN = "rag"


class Rag(pulumi.ComponentResource):
    """Documents in a bucket, answers with citations out of `POST /ask`, passages out of `POST /search`.

    Every resource is an attribute. A destroy fails while the bucket holds documents, unless `force_destroy`
    says that they may be lost. Callers need to be `invokers`, or with `Jwt` tokens of its issuer. What you
    bring stays yours:

    - `vpc`: a subnetwork that the functions' calls leave by.
    - `key`: the name of a KMS key in the region, which the service agents of the services that encrypt with
      it must be allowed to use.
    - `deletion_protection=False` lets the database go with the stack: it holds records, and vectors in
      Firestore, which a `resync` can make again.
    - `gateway_region` is for regions without API Gateway, `jwks_uri` for an issuer that has no discovery
      document.

    Raises ValueError for settings that Google Cloud cannot have.
    """

    settings: RagSettings
    model: Model
    indexes: list[shared.GcpIndex]
    function: gcp.cloudfunctionsv2.Function
    identity: gcp.serviceaccount.Account
    ingest_function: gcp.cloudfunctionsv2.Function
    ingest_identity: gcp.serviceaccount.Account
    invokers: gcp.cloudrunv2.ServiceIamBinding | None
    log_group: gcp.logging.ProjectBucketConfig
    api: gcp.apigateway.Api | None
    gateway: gcp.apigateway.Gateway | None
    database: gcp.firestore.Database
    store: pulumi.Output[str]
    """The collection of the pattern's records, as Firestore's REST API names it."""
    documents: gcp.storage.Bucket
    vectors: Vectors
    queue: gcp.pubsub.Topic
    """Messages of ingestion: publish a `resync` here."""
    work: gcp.pubsub.Subscription
    """Of `queue`: what ingestion works on."""
    dead_letters: gcp.pubsub.Subscription
    triggers: dict[str, gcp.eventarc.Trigger]
    """By source: upload, deleted."""
    metrics: list[gcp.logging.Metric]
    dashboard: gcp.monitoring.Dashboard
    alarms: list[gcp.monitoring.AlertPolicy]
    endpoint: pulumi.Output[str]
    """URL without the path; callers POST to `{endpoint}/ask` and `{endpoint}/search`."""

    def __init__(
        self,
        name: str,
        settings: RagSettings = RagSettings(),  # noqa: B008 - frozen
        *,
        invokers: Sequence[pulumi.Input[str]] = (),
        vpc: VpcPlacement | None = None,
        key: pulumi.Input[str] | None = None,
        force_destroy: bool = False,
        deletion_protection: bool = True,
        gateway_region: pulumi.Input[str] | None = None,
        jwks_uri: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        shared.check(settings)
        self.model = resolve_gcp(settings.answers.model)
        embeddings = [one for one in (settings.embedding, settings.previous_embedding) if one]
        self.indexes = [shared.index(one, resolve_gcp(one.model)) for one in embeddings]
        super().__init__("serverless-ai:gcp:Rag", name, None, opts)
        for model in (self.model, *(one.model for one in self.indexes)):
            warn_of_old_model(self, model, datetime.now(UTC).date())
        self.settings = settings
        self._name, self._key, self._place = name, key, place_of(self)
        apis = enabled(name, shared.apis(settings), opts=pulumi.ResourceOptions(parent=self))
        self._child = pulumi.ResourceOptions(parent=self, depends_on=apis)

        self.log_group = log_bucket(
            name,
            retention_days=settings.endpoint.function.log_retention_days,
            place=self._place,
            key=key,
            opts=self._child,
        )
        self._make_records(deletion_protection)
        self.documents = documents_bucket(
            name, "documents", place=self._place, key=key, force_destroy=force_destroy, opts=self._child
        )
        self._dead = dead_letters(name, key=key, opts=self._child)
        self.dead_letters = self._dead.subscription
        self.queue = topic(name, "queue", key=key, opts=self._child)
        self.identity = account(name, "function", "answers questions", opts=self._child)
        self.ingest_identity = account(name, "ingest", "takes documents in", opts=self._child)
        self._deliverer = account(name, "deliverer", "delivers events", opts=self._child)
        self.vectors = vectors(
            name,
            {one.name: one.dimension for one in self.indexes},
            settings.store_on(shared.CLOUD),
            place=self._place,
            database=self.database,
            key=key,
            protect=not force_destroy,
            opts=self._child,
        )
        self._vpc = vpc or self.vectors.placement
        admitted = self.vectors.let_in(
            name, reader=self.identity, writer=self.ingest_identity, opts=self._child
        )
        self.ingest_function = self._make_ingest_function(admitted)
        self._make_ways_in()
        self._caller = self._make_caller()
        self.function = self._make_function(admitted)
        self.api = self.gateway = None
        self.endpoint = url_of(self.function)
        self._make_callers(invokers, jwks_uri, gateway_region)
        self._make_observability()
        self.register_outputs(outputs(self))

    def _make_records(self, protected: bool) -> None:
        self.database = state_database(
            self._name, region=self._place.region, protected=protected, key=self._key, opts=self._child
        )
        field_settings(self._name, self.database, opts=self._child)
        self.store = pulumi.Output.all(self._place.project, self.database.name).apply(lambda at: store(*at))

    def _make_ingest_function(self, admitted: Sequence[pulumi.Resource]) -> gcp.cloudfunctionsv2.Function:
        name = f"{self._name}-ingest"
        granted = grants(
            name,
            self.ingest_identity,
            project=self._place.project,
            database=self.database,
            scans=True,
            topics={"queue": self.queue, "dead-letters": self._dead.topic},
            opts=self._child,
        )
        read = custom_role(name, "read-objects", policy.READ_OBJECTS, opts=self._child)
        granted.append(
            used_by(name, "documents", self.documents, read, self.ingest_identity, opts=self._child)
        )

        def state(made: dict[str, Any]) -> dict[str, str]:
            edge = {word: made.pop(word) for word in ("project", "deliverer")}
            indexes = self._index_configs(made.pop("vectors"), edge["project"])
            return shared.ingest_environment(self.settings, IngestPlaces(**made), indexes, **edge)

        environment = pulumi.Output.all(
            project=self._place.project,
            deliverer=self._deliverer.unique_id,
            vectors=self.vectors.places,
            inputs=self.documents.name,
            store=self.store,
            queue=self.queue.id,
            dead_letters=self._dead.topic.id,
        ).apply(state)
        return self._function(
            name,
            "ingest",
            self.ingest_identity,
            environment,
            [*granted, *admitted],
            most_instances=self.settings.ingestion.function.max_concurrency,
        )

    def _make_ways_in(self) -> None:
        name = self._name
        invokers(f"{name}-ingest-invokers", self.ingest_function, [self._deliverer.member], opts=self._child)
        self.work = pushed(
            name,
            "work",
            self.queue,
            self._dead,
            function=self.ingest_function,
            deliverer=self._deliverer,
            matching=None,
            path=events.PATH,
            ack_deadline_s=shared.ack_deadline_s(self.settings),
            attempts=shared.max_deliveries(self.settings),
            opts=self._child,
        )
        tells = storage_publishes(name, self._place, opts=self._child)
        found = self.documents.name.apply(shared.criteria)
        wanted = {
            source: Wanted(found.apply(lambda all_, source=source: all_[source]), after=tells)
            for source in ("upload", "deleted")
        }
        self.triggers = triggers(
            name,
            wanted,
            function=self.ingest_function,
            deliverer=self._deliverer,
            place=self._place,
            opts=self._child,
        )

    def _make_caller(self) -> gcp.serviceaccount.Account | None:
        if not isinstance(self.settings.endpoint.auth, Jwt):
            return None
        return account(self._name, "gateway", "calls as the gateway", opts=self._child)

    def _make_function(self, admitted: Sequence[pulumi.Resource]) -> gcp.cloudfunctionsv2.Function:
        granted = grants(
            self._name,
            self.identity,
            project=self._place.project,
            database=self.database,
            topics={},
            opts=self._child,
        )

        def state(made: dict[str, Any]) -> dict[str, str]:
            indexes = self._index_configs(made.pop("vectors"), made["project"])
            return shared.query_environment(self.settings, self.model, indexes, **made)

        environment = pulumi.Output.all(
            project=self._place.project,
            vectors=self.vectors.places,
            store=self.store,
            gateway=self._caller.unique_id if self._caller else "",
        ).apply(state)
        return self._function(
            self._name,
            "query",
            self.identity,
            environment,
            [*granted, *admitted],
            most_instances=shared.instances(self.settings),
        )

    def _function(
        self,
        name: str,
        part: str,
        identity: gcp.serviceaccount.Account,
        environment: pulumi.Output[dict[str, str]],
        granted: Sequence[pulumi.Resource],
        *,
        most_instances: int,
    ) -> gcp.cloudfunctionsv2.Function:
        """Its first call is already allowed."""
        pattern, ingests = f"{PATTERN}_{part}", part == "ingest"
        libraries = bundle.store_files(type(self.settings.store_on(shared.CLOUD)).__name__)
        build = build_of(name, pattern, place=self._place, key=self._key, extra=libraries, opts=self._child)
        ready = pulumi.ResourceOptions(depends_on=[*build.granted, *granted])
        size = {"concurrency": shared.INGEST_CONCURRENCY} if ingests else {}
        settings = self.settings.ingestion if ingests else self.settings.endpoint
        return handler_function(
            name,
            pattern=pattern,
            settings=settings.function,
            most_instances=most_instances,
            identity=identity,
            build=build,
            environment=environment,
            secrets=(),
            region=self._place.region,
            vpc=self._vpc,
            key=self._key,
            opts=pulumi.ResourceOptions.merge(self._child, ready),
            **size,
        )

    def _index_configs(self, places: Mapping[str, str], project: str) -> list[IndexConfig]:
        return [one.config(self.settings, places[one.name], project) for one in self.indexes]

    def _make_callers(
        self,
        members: Sequence[pulumi.Input[str]],
        jwks_uri: str | None,
        region: pulumi.Input[str] | None,
    ) -> None:
        own = [self._caller.member] if self._caller else []
        self.invokers = invokers(f"{self._name}-invokers", self.function, [*members, *own], opts=self._child)
        auth = self.settings.endpoint.auth
        if isinstance(auth, Jwt) and self._caller:
            self.api, self.gateway = gateway(
                self._name,
                self.function,
                self._caller,
                method="POST",
                paths=["/ask", "/search"],
                auth=auth,
                timeout_s=self.settings.endpoint.function.timeout_s,
                jwks_uri=jwks_uri,
                region=region or self._place.region,
                opts=self._child,
            )
            self.endpoint = self.gateway.default_hostname.apply(https)

    def _make_observability(self) -> None:
        name, service, ingest = self._name, unique(self._name), unique(f"{self._name}-ingest")
        filters = [observability.service_logs(service), observability.service_logs(ingest)]
        if self.gateway is not None:
            filters.append(observability.gateway_logs(unique(name, "gateway")))
        routed(name, filters, self.log_group, opts=self._child)
        query = observability.Watched(service=service, metrics=metric_names(name), dead_letters="")
        work = observability.Watched(
            service=ingest,
            metrics=metric_names(name),
            dead_letters=unique(name, "dead-letters"),
            work=unique(name, "work"),
        )
        self.metrics = log_metrics(name, service, opts=self._child)
        specs = observability.function_llm_alerts(
            query,
            timeout_s=self.settings.endpoint.function.timeout_s,
            tokens_per_hour=alarm_tokens_per_hour(self.settings.budget.total_tokens_per_day),
        )
        self.alarms = alarms(name, [*specs, *observability.event_pipeline_alerts(work)], opts=self._child)
        self.dashboard = dashboard(name, observability.rag_dashboard(service, query, work), opts=self._child)
