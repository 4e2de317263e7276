"""Event pipeline on Google Cloud: Storage -> Eventarc -> Pub/Sub -> function; so does every other source."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.event_pipeline import EventPipelineSettings
from serverless_ai_patterns.event_pipeline.handler import Places, own_files
from serverless_ai_patterns.gcp import event_pipeline as shared
from serverless_ai_patterns.gcp import events, observability, policy
from serverless_ai_patterns.gcp.function_llm import store
from serverless_ai_patterns.models import Model
from serverless_ai_patterns.models_gcp import resolve_gcp
from serverless_ai_pulumi._model_life import warn_of_old_model
from serverless_ai_pulumi.gcp._ai import ai_parts
from serverless_ai_pulumi.gcp._bucket import documents_bucket, used_by
from serverless_ai_pulumi.gcp._build import build_of
from serverless_ai_pulumi.gcp._database import field_settings, state_database
from serverless_ai_pulumi.gcp._events import pushed, schedule
from serverless_ai_pulumi.gcp._function import VpcPlacement, handler_function
from serverless_ai_pulumi.gcp._identity import account, custom_role, invokers
from serverless_ai_pulumi.gcp._logs import log_bucket, routed
from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_pulumi.gcp._observability import alarms, dashboard, log_metrics, metric_names
from serverless_ai_pulumi.gcp._permissions import grants
from serverless_ai_pulumi.gcp._place import place_of
from serverless_ai_pulumi.gcp._pubsub import dead_letters, subscription, topic
from serverless_ai_pulumi.gcp._services import enabled
from serverless_ai_pulumi.gcp._triggers import Wanted, storage_publishes, triggers
from serverless_ai_pulumi.gcp.outputs import outputs

PATTERN = "event_pipeline"


class EventPipeline(pulumi.ComponentResource):
    """Files and messages in, one result each out, nothing lost. No endpoint: a bucket and topics.

    Every resource is an attribute, None when the settings do not ask for it. The buckets hold documents: a
    destroy fails while they hold any, unless `force_destroy` says that they may be lost. What you bring stays
    yours:

    - `topic`: of another pipeline, to share it, each with its own filter.
    - `vpc`: a subnetwork that the function's calls leave by.
    - `key`: the name of a KMS key in the region, which the service agents of the services that encrypt with
      it must be allowed to use.
    - `firestore_database`: where the documents of `Sources.firestore` are written, in the same region.
    - `deletion_protection=False` lets the database go with the stack: it holds records only.

    Raises ValueError for settings that Google Cloud cannot have, and for a topic that they have no use for.
    """

    settings: EventPipelineSettings
    model: Model | None
    function: gcp.cloudfunctionsv2.Function
    identity: gcp.serviceaccount.Account
    log_group: gcp.logging.ProjectBucketConfig
    database: gcp.firestore.Database
    store: pulumi.Output[str]
    """The collection of the pattern's records, as Firestore's REST API names it."""
    uploads: gcp.storage.Bucket | None
    results: gcp.storage.Bucket
    queue: gcp.pubsub.Topic
    """The pipeline's own messages: publish here what is to be processed."""
    work: gcp.pubsub.Subscription
    """Of `queue`: what the function works on."""
    dead_letters: gcp.pubsub.Subscription
    announcements: gcp.pubsub.Topic
    processor: gcp.essentialcontacts.DocumentAiProcessor | None
    """Of Document AI, for OCR."""
    topic: gcp.pubsub.Topic | None
    bus: gcp.pubsub.Topic | None
    triggers: dict[str, gcp.eventarc.Trigger]
    """By source: upload, firestore, audit."""
    rules: dict[str, gcp.pubsub.Subscription]
    """By source: topic, bus, schedule."""
    schedule: gcp.cloudscheduler.Job | None
    metrics: list[gcp.logging.Metric]
    dashboard: gcp.monitoring.Dashboard
    alarms: list[gcp.monitoring.AlertPolicy]

    def __init__(
        self,
        name: str,
        settings: EventPipelineSettings = EventPipelineSettings(),  # noqa: B008 - frozen
        *,
        topic: gcp.pubsub.Topic | None = None,
        vpc: VpcPlacement | None = None,
        key: pulumi.Input[str] | None = None,
        firestore_database: pulumi.Input[str] = "(default)",
        force_destroy: bool = False,
        deletion_protection: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        shared.check(settings)
        if topic is not None and settings.sources.topic is None:
            raise ValueError(f"{name}: a topic was given, but these settings take nothing from it")
        self.model = resolve_gcp(settings.model.model) if settings.uses_model else None
        super().__init__("serverless-ai:gcp:EventPipeline", name, None, opts)
        if self.model:
            warn_of_old_model(self, self.model, datetime.now(UTC).date())
        self.settings = settings
        self._name, self._key, self._place = name, key, place_of(self)
        self._documents_in = firestore_database
        apis = enabled(name, shared.apis(settings), opts=pulumi.ResourceOptions(parent=self))
        self._child = pulumi.ResourceOptions(parent=self, depends_on=apis)

        self.log_group = log_bucket(
            name,
            retention_days=settings.function.log_retention_days,
            place=self._place,
            key=key,
            opts=self._child,
        )
        self._make_records(deletion_protection)
        self._make_buckets(force_destroy)
        self._make_topics()
        self.identity = account(name, "function", "runs the function", opts=self._child)
        self._deliverer = account(name, "deliverer", "delivers events", opts=self._child)
        self._ai = ai_parts(name, settings.processor_name, self.identity, self._place, opts=self._child)
        self.processor = self._ai.processor
        self.function = self._make_function(vpc)
        invokers(f"{name}-invokers", self.function, [self._deliverer.member], opts=self._child)
        self._make_work()
        self._make_sources(topic)
        routed(name, [observability.service_logs(unique(name))], self.log_group, opts=self._child)
        self._make_observability()
        self.register_outputs(outputs(self))

    def _make_records(self, protected: bool) -> None:
        self.database = state_database(
            self._name, region=self._place.region, protected=protected, key=self._key, opts=self._child
        )
        field_settings(self._name, self.database, opts=self._child)
        self.store = pulumi.Output.all(self._place.project, self.database.name).apply(lambda at: store(*at))

    def _make_buckets(self, force_destroy: bool) -> None:
        def make(use: str, keep_days: int = 0) -> gcp.storage.Bucket:
            return documents_bucket(
                self._name,
                use,
                place=self._place,
                key=self._key,
                keep_days=keep_days,
                force_destroy=force_destroy,
                opts=self._child,
            )

        self.uploads = make(shared.UPLOADS) if self.settings.sources.uploads else None
        self.results = make("results", self.settings.results.keep_days)

    def _make_topics(self) -> None:
        name, key = self._name, self._key
        self._dead = dead_letters(name, key=key, opts=self._child)
        self.dead_letters = self._dead.subscription
        self.queue = topic(name, "queue", key=key, opts=self._child)
        self.announcements = topic(name, "announcements", key=key, opts=self._child)
        self._waiting: gcp.pubsub.Subscription | None = None
        if self.settings.batching.size > 1:
            self._waiting = subscription(
                name,
                "waiting",
                self.queue,
                self._dead,
                ack_deadline_s=shared.ack_deadline_s(self.settings),
                attempts=shared.max_deliveries(self.settings),
                opts=self._child,
            )

    def _make_function(self, vpc: VpcPlacement | None) -> gcp.cloudfunctionsv2.Function:
        name = self._name
        build = build_of(
            name,
            PATTERN,
            place=self._place,
            key=self._key,
            extra=own_files(self.settings),
            opts=self._child,
        )
        granted = self._grants()
        return handler_function(
            name,
            pattern=PATTERN,
            settings=self.settings.function,
            most_instances=shared.instances(self.settings),
            concurrency=shared.CONCURRENCY,
            identity=self.identity,
            build=build,
            environment=self._environment(),
            secrets=(),
            region=self._place.region,
            vpc=vpc,
            key=self._key,
            # Its first call is already allowed.
            opts=pulumi.ResourceOptions.merge(
                self._child, pulumi.ResourceOptions(depends_on=[*build.granted, *granted, *self._ai.granted])
            ),
        )

    def _grants(self) -> list[pulumi.Resource]:
        name = self._name
        granted = grants(
            name,
            self.identity,
            project=self._place.project,
            model=self.model is not None,
            database=self.database,
            topics={
                "queue": self.queue,
                "announcements": self.announcements,
                "dead-letters": self._dead.topic,
            },
            opts=self._child,
        )
        write = custom_role(name, "write-objects", policy.WRITE_OBJECTS, opts=self._child)
        granted.append(used_by(name, "results", self.results, write, self.identity, opts=self._child))
        if self.uploads:
            read = custom_role(name, "read-objects", policy.READ_OBJECTS, opts=self._child)
            granted.append(used_by(name, "uploads", self.uploads, read, self.identity, opts=self._child))
        if self._waiting:
            granted.append(
                gcp.pubsub.SubscriptionIAMMember(
                    f"{name}-function-waiting",
                    subscription=self._waiting.name,
                    role="roles/pubsub.subscriber",
                    member=self.identity.member,
                    opts=self._child,
                )
            )
        return granted

    def _environment(self) -> pulumi.Output[dict[str, str]]:
        def state(made: dict[str, Any]) -> dict[str, str]:
            project, deliverer, waiting = (made.pop(word) for word in ("project", "deliverer", "waiting"))
            model = self.model
            endpoint = f"projects/{project}/locations/{model.regions[0]}" if model else ""
            return shared.environment(
                self.settings,
                Places(**made, model_endpoint=endpoint),
                model,
                project=project,
                deliverer=deliverer,
                waiting=waiting,
            )

        return pulumi.Output.all(
            project=self._place.project,
            deliverer=self._deliverer.unique_id,
            waiting=self._waiting.id if self._waiting else "",
            inputs=self.uploads.name if self.uploads else "",
            results=self.results.name,
            store=self.store,
            ai_endpoint=self._ai.endpoint or "",
            announcements=self.announcements.id,
            queue=self.queue.id,
            dead_letters=self._dead.topic.id,
        ).apply(state)

    def _pushed(
        self, use: str, source: gcp.pubsub.Topic, path: str, *, matching: str | None = None
    ) -> gcp.pubsub.Subscription:
        return pushed(
            self._name,
            use,
            source,
            self._dead,
            function=self.function,
            deliverer=self._deliverer,
            matching=matching,
            path=path,
            ack_deadline_s=shared.ack_deadline_s(self.settings),
            attempts=shared.max_deliveries(self.settings),
            opts=self._child,
        )

    def _make_work(self) -> None:
        ring = self._pushed("bell" if self._waiting else "work", self.queue, events.PATH)
        self.work = self._waiting or ring

    def _wanted(self) -> dict[str, Wanted]:
        """What Eventarc delivers, by source."""
        sources, wanted = self.settings.sources, dict[str, Wanted]()
        if self.uploads is not None:
            tells = storage_publishes(self._name, self._place, opts=self._child)
            wanted["upload"] = Wanted(self.uploads.name.apply(shared.upload_criteria), after=tells)
        collection = sources.firestore
        if collection is not None:
            database = pulumi.Output.from_input(self._documents_in)
            criteria = database.apply(lambda name: shared.document_criteria(collection, name))
            wanted["firestore"] = Wanted(criteria, content_type="application/protobuf")
        if sources.audit_log is not None:
            log = sources.audit_log
            wanted["audit"] = Wanted(shared.audit_criteria(log.service, log.method))
        return wanted

    def _make_sources(self, given: gcp.pubsub.Topic | None) -> None:
        name, sources = self._name, self.settings.sources
        self.triggers = triggers(
            name,
            self._wanted(),
            function=self.function,
            deliverer=self._deliverer,
            place=self._place,
            opts=self._child,
        )
        self.rules = {}
        self.topic = self.bus = self.schedule = None
        if sources.topic is not None:
            self.topic = given or topic(name, "topic", key=self._key, opts=self._child)
            passes = shared.attributes_filter(sources.topic)
            self.rules["topic"] = self._pushed(
                "topic-rule", self.topic, shared.ingress("topic"), matching=passes
            )
        if sources.bus_filter is not None:
            self.bus = topic(name, "bus", key=self._key, opts=self._child)
            passes = events.subscription_filter(sources.bus_filter)
            self.rules["bus"] = self._pushed("bus-rule", self.bus, shared.ingress("bus"), matching=passes)
        if sources.schedule is not None:
            target = topic(name, "scheduled", key=self._key, opts=self._child)
            self.rules["schedule"] = self._pushed("schedule-rule", target, shared.ingress("schedule"))
            self.schedule = schedule(
                name,
                sources.schedule,
                sources.schedule_message,
                target,
                region=self._place.region,
                opts=self._child,
            )

    def _make_observability(self) -> None:
        name, service = self._name, unique(self._name)
        watched = observability.Watched(
            service=service,
            metrics=metric_names(name),
            dead_letters=unique(name, "dead-letters"),
            work=unique(name, "waiting" if self._waiting else "work"),
        )
        self.metrics = log_metrics(name, service, opts=self._child)
        self.alarms = alarms(name, observability.event_pipeline_alerts(watched), opts=self._child)
        body = observability.event_pipeline_dashboard(service, watched)
        self.dashboard = dashboard(name, body, opts=self._child)
