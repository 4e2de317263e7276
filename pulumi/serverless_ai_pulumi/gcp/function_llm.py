"""Function + LLM on Google Cloud: Cloud Run function -> Vertex AI, with events, budgets, alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.function_llm import FunctionLlmSettings, Jwt
from serverless_ai_patterns.gcp import events, observability, secret_variables
from serverless_ai_patterns.gcp import function_llm as shared
from serverless_ai_patterns.models import Model
from serverless_ai_patterns.models_gcp import resolve_gcp
from serverless_ai_patterns.thresholds import alarm_tokens_per_hour
from serverless_ai_pulumi._model_life import warn_of_old_model
from serverless_ai_pulumi.gcp._build import build_of
from serverless_ai_pulumi.gcp._database import field_settings, state_database
from serverless_ai_pulumi.gcp._events import pushed, schedule
from serverless_ai_pulumi.gcp._function import VpcPlacement, handler_function, url_of
from serverless_ai_pulumi.gcp._gateway import gateway, https
from serverless_ai_pulumi.gcp._identity import account, invokers
from serverless_ai_pulumi.gcp._logs import log_bucket, routed
from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_pulumi.gcp._observability import alarms, dashboard, log_metrics, metric_names
from serverless_ai_pulumi.gcp._permissions import grants
from serverless_ai_pulumi.gcp._place import place_of
from serverless_ai_pulumi.gcp._pubsub import DeadLetters, dead_letters, subscription, topic
from serverless_ai_pulumi.gcp._secrets import Secrets, keep_secrets
from serverless_ai_pulumi.gcp._services import enabled
from serverless_ai_pulumi.gcp.outputs import outputs

PATTERN = "function_llm"


class FunctionLlm(pulumi.ComponentResource):
    """`POST /chat`, schedules and events, answered by a language model. Private and bounded by default.

    Every resource is an attribute, None when the settings do not ask for it. It costs nothing while nobody
    calls, but for alert policies and a schedule (`serverless_ai_patterns.gcp.prices`).

    - Callers: with `Iam` the `invokers` (members such as `group:chat@example.com`, never anyone) call the
      function's URL with a Google ID token; with `Jwt` bearer tokens of your issuer go to an API Gateway.
    - Rate limit: no service of Google limits the rate of a private function without a load balancer (about
      24 USD a month), and API Gateway's quotas count by API key and minute. The handler keeps a token bucket:
      an instance lets `throttle` through, and the number of instances is bounded, so that the endpoint lets
      through at most that many times as much. With `function.max_concurrency=1` it is exact.
    - Events: producers publish to `events` with the attributes `source` and `type`; `rule` is the filter.
    - Prompts are processed wherever Google has room unless `llm.model` names a location.

    What you bring stays yours: `vpc`; `key`, the name of a KMS key in the region, which the service agents of
    Artifact Registry, Cloud Functions, Cloud Run, Cloud Storage, Firestore, Logging, Pub/Sub and Secret
    Manager (for `secrets`) must be allowed to use; `log_group`, a log bucket; `database`, in Firestore's
    native mode, with a TTL policy on field `expires_at` of collection group `records`; `secrets`, variable ->
    its value, which is kept in Secret Manager, or a secret that exists already, read in its latest version.
    `gateway_region` is for regions without API Gateway, `jwks_uri` for an issuer without discovery document.
    `deletion_protection=False` lets the database go with the stack: it holds transient state only.

    Raises ValueError for settings that Google Cloud cannot have, an impossible model, a variable that is not
    yours to set, and a database where the settings remember nothing; a project or region that is not set
    fails the program with ValueError.
    """

    settings: FunctionLlmSettings
    model: Model
    function: gcp.cloudfunctionsv2.Function
    identity: gcp.serviceaccount.Account
    invokers: gcp.cloudrunv2.ServiceIamBinding | None
    log_group: gcp.logging.ProjectBucketConfig
    api: gcp.apigateway.Api | None
    gateway: gcp.apigateway.Gateway | None
    database: gcp.firestore.Database | None
    store: pulumi.Output[str] | None
    """The collection of the pattern's records, as Firestore's REST API names it."""
    events: gcp.pubsub.Topic | None
    rule: gcp.pubsub.Subscription | None
    schedule: gcp.cloudscheduler.Job | None
    secrets: dict[str, gcp.secretmanager.Secret]
    """By their variables."""
    dead_letters: gcp.pubsub.Subscription | None
    destination: gcp.pubsub.Topic | None
    results: gcp.pubsub.Subscription | None
    """Where results are fetched from; they are published to `destination`."""
    metrics: list[gcp.logging.Metric]
    dashboard: gcp.monitoring.Dashboard
    alarms: list[gcp.monitoring.AlertPolicy]
    endpoint: pulumi.Output[str]
    """URL without the path; callers POST to `{endpoint}/chat`."""

    def __init__(
        self,
        name: str,
        settings: FunctionLlmSettings = FunctionLlmSettings(),  # noqa: B008 - frozen
        *,
        invokers: Sequence[pulumi.Input[str]] = (),
        vpc: VpcPlacement | None = None,
        key: pulumi.Input[str] | None = None,
        log_group: gcp.logging.ProjectBucketConfig | None = None,
        database: gcp.firestore.Database | None = None,
        secrets: Secrets | None = None,
        deletion_protection: bool = True,
        gateway_region: pulumi.Input[str] | None = None,
        jwks_uri: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        if database is not None and not settings.needs_store:
            raise ValueError(f"{name}: a database was given, but these settings remember nothing")
        shared.check(settings)
        secret_variables.check_names(secrets or {})
        self.model = resolve_gcp(settings.llm.model)
        super().__init__("serverless-ai:gcp:FunctionLlm", name, None, opts)
        warn_of_old_model(self, self.model, datetime.now(UTC).date())
        self.settings = settings
        self._name, self._key, self._place = name, key, place_of(self)
        needed = shared.apis(settings, secrets=bool(secrets))
        apis = enabled(name, needed, opts=pulumi.ResourceOptions(parent=self))
        self._child = pulumi.ResourceOptions(parent=self, depends_on=apis)

        self.log_group = log_group or self._make_log_group()
        self.database = database or self._make_database(deletion_protection)
        self.store = self._find_store()
        dead = self._make_dead_letters()
        self.dead_letters = dead.subscription if dead else None
        # Where an event fails for good, the function says why; a result that nobody takes fails without it.
        self._dead_topic = dead.topic if dead and self._has_events else None
        self.destination = self.results = None
        if dead and settings.events.destination:
            self.destination = topic(name, "results", key=key, opts=self._child)
            self.results = subscription(name, "results", self.destination, dead, opts=self._child)

        self.identity = account(name, "function", "runs the function", opts=self._child)
        self._caller = self._make_account("gateway", "calls as the gateway", isinstance(settings.auth, Jwt))
        self._deliverer = self._make_account("deliverer", "pushes events", self._has_events)
        self.function = self._make_function(vpc, secrets or {})
        self.invokers = self._make_invokers(invokers)
        self.api = self.gateway = None
        self.endpoint = url_of(self.function)
        if isinstance(settings.auth, Jwt):
            self._make_gateway(settings.auth, jwks_uri, gateway_region)
        self.events = self.rule = self.schedule = None
        if dead:
            self._make_events(dead)
        self._route_logs()
        self._make_observability()
        self.register_outputs(outputs(self))

    @property
    def _has_events(self) -> bool:
        return bool(self.settings.events.schedule or self.settings.events.bus_filter)

    def _make_log_group(self) -> gcp.logging.ProjectBucketConfig:
        return log_bucket(
            self._name,
            retention_days=self.settings.function.log_retention_days,
            place=self._place,
            key=self._key,
            opts=self._child,
        )

    def _make_database(self, protected: bool) -> gcp.firestore.Database | None:
        if not self.settings.needs_store:
            return None
        made = state_database(
            self._name, region=self._place.region, protected=protected, key=self._key, opts=self._child
        )
        field_settings(self._name, made, opts=self._child)
        return made

    def _find_store(self) -> pulumi.Output[str] | None:
        if self.database is None:
            return None
        return pulumi.Output.all(self._place.project, self.database.name).apply(lambda at: shared.store(*at))

    def _make_dead_letters(self) -> DeadLetters | None:
        if not (self._has_events or self.settings.events.destination):
            return None
        return dead_letters(self._name, key=self._key, opts=self._child)

    def _make_account(self, use: str, purpose: str, wanted: bool) -> gcp.serviceaccount.Account | None:
        return account(self._name, use, purpose, opts=self._child) if wanted else None

    def _make_function(self, vpc: VpcPlacement | None, secrets: Secrets) -> gcp.cloudfunctionsv2.Function:
        build = build_of(self._name, PATTERN, place=self._place, key=self._key, opts=self._child)
        granted = grants(
            self._name,
            self.identity,
            project=self._place.project,
            database=self.database,
            topics={"results": self.destination, "dead-letters": self._dead_topic},
            opts=self._child,
        )
        self.secrets, references, readable = keep_secrets(
            self._name, secrets, self.identity, place=self._place, key=self._key, opts=self._child
        )
        return handler_function(
            self._name,
            pattern=PATTERN,
            settings=self.settings.function,
            most_instances=shared.instances(self.settings),
            identity=self.identity,
            build=build,
            environment=self._environment(),
            secrets=references,
            region=self._place.region,
            vpc=vpc,
            key=self._key,
            # Its first call is already allowed.
            opts=pulumi.ResourceOptions.merge(
                self._child, pulumi.ResourceOptions(depends_on=[*build.granted, *granted, *readable])
            ),
        )

    def _environment(self) -> pulumi.Output[dict[str, str]]:
        def state(made: dict[str, Any]) -> dict[str, str]:
            return shared.environment(self.settings, self.model, **made)

        return pulumi.Output.all(
            project=self._place.project,
            store=self.store or "",
            destination=self.destination.id if self.destination else "",
            dead_letters=self._dead_topic.id if self._dead_topic else "",
            gateway=self._caller.unique_id if self._caller else "",
            deliverer=self._deliverer.unique_id if self._deliverer else "",
        ).apply(state)

    def _make_invokers(self, members: Sequence[pulumi.Input[str]]) -> gcp.cloudrunv2.ServiceIamBinding | None:
        own = [each.member for each in (self._caller, self._deliverer) if each]
        return invokers(f"{self._name}-invokers", self.function, [*members, *own], opts=self._child)

    def _make_gateway(self, auth: Jwt, jwks_uri: str | None, region: pulumi.Input[str] | None) -> None:
        assert self._caller is not None
        self.api, self.gateway = gateway(
            self._name,
            self.function,
            self._caller,
            method="POST",
            paths=["/chat"],
            auth=auth,
            timeout_s=self.settings.function.timeout_s,
            jwks_uri=jwks_uri,
            region=region or self._place.region,
            opts=self._child,
        )
        self.endpoint = self.gateway.default_hostname.apply(https)

    def _make_events(self, dead: DeadLetters) -> None:
        wanted = self.settings.events
        if wanted.bus_filter is not None:
            self.events = topic(self._name, "events", key=self._key, opts=self._child)
            self.rule = self._pushed("rule", self.events, dead, wanted.bus_filter)
        if wanted.schedule is not None:
            target = topic(self._name, "scheduled", key=self._key, opts=self._child)
            self._pushed("scheduled-push", target, dead)
            self.schedule = schedule(
                self._name,
                wanted.schedule,
                wanted.schedule_message,
                target,
                region=self._place.region,
                opts=self._child,
            )

    def _pushed(
        self, use: str, source: gcp.pubsub.Topic, dead: DeadLetters, pattern: Any = None
    ) -> gcp.pubsub.Subscription:
        assert self._deliverer is not None
        return pushed(
            self._name,
            use,
            source,
            dead,
            function=self.function,
            deliverer=self._deliverer,
            matching=None if pattern is None else events.subscription_filter(pattern),
            ack_deadline_s=self.settings.function.timeout_s + events.REPLY_S,
            opts=self._child,
        )

    def _route_logs(self) -> None:
        filters = [observability.service_logs(unique(self._name))]
        if self.gateway is not None:
            filters.append(observability.gateway_logs(unique(self._name, "gateway")))
        routed(self._name, filters, self.log_group, opts=self._child)

    def _make_observability(self) -> None:
        service = unique(self._name)
        watched = observability.Watched(
            service=service,
            metrics=metric_names(self._name),
            dead_letters=unique(self._name, "dead-letters") if self.dead_letters else "",
        )
        self.metrics = log_metrics(self._name, service, opts=self._child)
        budget = self.settings.budget.total_tokens_per_day
        specs = observability.function_llm_alerts(
            watched,
            timeout_s=self.settings.function.timeout_s,
            tokens_per_hour=alarm_tokens_per_hour(budget),
        )
        self.alarms = alarms(self._name, specs, opts=self._child)
        body = observability.function_llm_dashboard(service, watched)
        self.dashboard = dashboard(self._name, body, opts=self._child)
