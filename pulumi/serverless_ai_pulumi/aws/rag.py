"""RAG on AWS: S3 -> EventBridge -> SQS -> Lambda -> vectors, and HTTP API -> Lambda -> vectors -> Bedrock."""

from __future__ import annotations

from typing import Any, cast

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.aws import observability_rag, policy
from serverless_ai_patterns.aws import rag as shared
from serverless_ai_patterns.models import Model, resolve_aws
from serverless_ai_patterns.rag import RagSettings
from serverless_ai_patterns.rag.handler import BATCH, IngestPlaces, ingest_config, query_config
from serverless_ai_patterns.thresholds import alarm_tokens_per_hour
from serverless_ai_pulumi.aws._bucket import bucket
from serverless_ai_pulumi.aws._events import rule_to_queue
from serverless_ai_pulumi.aws._function import VpcPlacement, grant, handler_function, service_role
from serverless_ai_pulumi.aws._http_api import http_api
from serverless_ai_pulumi.aws._logs import log_group as make_log_group
from serverless_ai_pulumi.aws._model import model_for
from serverless_ai_pulumi.aws._observability import alarms, dashboard
from serverless_ai_pulumi.aws._place import Place
from serverless_ai_pulumi.aws._queue import dead_letter_queue, queue_policy, work_queue
from serverless_ai_pulumi.aws._queue_source import queue_source
from serverless_ai_pulumi.aws._table import state_table
from serverless_ai_pulumi.aws._vectors import Vectors, vectors
from serverless_ai_pulumi.aws.outputs import outputs
from serverless_ai_runtime.config import to_env
from serverless_ai_runtime.config_rag import IndexConfig

PATTERN = "rag"
UNIQUE_CHARS = 7
"""Of the names that Pulumi makes: what it appends to be unique."""


class Rag(pulumi.ComponentResource):
    """Documents in a bucket, answers with citations out of `POST /ask`, passages out of `POST /search`.

    Every resource is an attribute. A destroy fails while the bucket holds documents, unless `force_destroy`
    says that they may be lost. What you bring stays yours:

    - `documents`: a bucket that sends its events to EventBridge.
    - `vpc`: subnets and security groups that both functions run in.
    - `key_arn`: a KMS key for bucket, vectors, table, queues, log group and the functions' environment.

    Raises ValueError for a model that does not exist, or a store of another cloud.
    """

    settings: RagSettings
    indexes: list[shared.AwsIndex]
    function: aws.lambda_.Function
    role: aws.iam.Role
    ingest_function: aws.lambda_.Function
    ingest_role: aws.iam.Role
    api: aws.apigatewayv2.Api
    stage: aws.apigatewayv2.Stage
    endpoint: pulumi.Output[str]
    """URL without the path; callers POST to `{endpoint}/ask` and `{endpoint}/search`."""
    log_group: aws.cloudwatch.LogGroup
    table: aws.dynamodb.Table
    documents: aws.s3.Bucket
    vectors: Vectors
    queue: aws.sqs.Queue
    dead_letters: aws.sqs.Queue
    source: aws.lambda_.EventSourceMapping
    rule: aws.cloudwatch.EventRule
    dashboard: aws.cloudwatch.Dashboard
    alarms: list[aws.cloudwatch.MetricAlarm]

    def __init__(
        self,
        name: str,
        settings: RagSettings = RagSettings(),  # noqa: B008 - frozen
        *,
        documents: aws.s3.Bucket | None = None,
        vpc: VpcPlacement | None = None,
        key_arn: pulumi.Input[str] | None = None,
        force_destroy: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        store = settings.store_on(shared.CLOUD)
        super().__init__("serverless-ai:aws:Rag", name, None, opts)
        self.settings = settings
        self.model: pulumi.Output[Model] = model_for(self, settings.answers.model)
        embeddings = [one for one in (settings.embedding, settings.previous_embedding) if one]
        self.indexes = [shared.index(one, resolve_aws(one.model)) for one in embeddings]
        self._name, self._key_arn, self._vpc = name, key_arn, vpc
        self._key_services = shared.key_services(settings)
        self._child = pulumi.ResourceOptions(parent=self)

        self.log_group = make_log_group(
            f"{name}-logs",
            retention_days=settings.endpoint.function.log_retention_days,
            key_arn=key_arn,
            opts=self._child,
        )
        self.table = state_table(f"{name}-table", key_arn=key_arn, opts=self._child)
        self.documents = documents or bucket(
            f"{name}-documents", key_arn=key_arn, force_destroy=force_destroy, events=True, opts=self._child
        )
        self.vectors = vectors(
            f"{name}-vectors",
            {one.name: one.dimension for one in self.indexes},
            store,
            unique=self.table.name.apply(lambda made: made[-UNIQUE_CHARS:]),
            key_arn=key_arn,
            force_destroy=force_destroy,
            opts=self._child,
        )
        self.dead_letters = dead_letter_queue(f"{name}-dead-letters", key_arn=key_arn, opts=self._child)
        self.queue = self._make_queue()
        self.ingest_role = service_role(f"{name}-ingest-role", "lambda.amazonaws.com", opts=self._child)
        self.role = service_role(f"{name}-role", "lambda.amazonaws.com", opts=self._child)
        self.vectors.let_in(readers=[self.role.arn], writers=[self.ingest_role.arn])
        self.ingest_function = self._make_ingest_function()
        self.source = queue_source(
            f"{name}-source",
            self.ingest_function,
            self.queue,
            batch_size=BATCH,
            window_s=0,
            max_concurrency=settings.ingestion.function.max_concurrency,
            opts=self._child,
        )
        self.rule = self._make_rule()
        self.function = self._make_function()
        self.api, self.stage = http_api(
            f"{name}-api",
            self.function,
            method="POST",
            paths=["/ask", "/search"],
            auth=settings.endpoint.auth,
            throttle=settings.endpoint.throttle,
            access_log=self.log_group,
            opts=self._child,
        )
        self.endpoint = self.api.api_endpoint
        self.alarms = self._make_alarms()
        self.dashboard = self._make_dashboard()
        self.register_outputs(outputs(self))

    def _make_queue(self) -> aws.sqs.Queue:
        return work_queue(
            f"{self._name}-queue",
            key_arn=self._key_arn,
            dead_letters=self.dead_letters,
            visibility_s=shared.visibility_s(self.settings),
            max_receives=shared.max_receives(self.settings),
            opts=self._child,
        )

    def _make_ingest_function(self) -> aws.lambda_.Function:
        def state(made: dict[str, Any]) -> list[policy.Statement]:
            where = shared.Where(**Place.of(made["dead_letters_arn"])._asdict())
            models = [one.model for one in self.indexes]
            return shared.ingest_statements(
                models, where, **made, key_services=self._key_services, in_vpc=self._vpc is not None
            )

        statements = pulumi.Output.all(
            vectors=self.vectors.write,
            log_group_arn=self.log_group.arn,
            queue_arn=self.queue.arn,
            dead_letters_arn=self.dead_letters.arn,
            table_arn=self.table.arn,
            documents_arn=self.documents.arn,
            key_arn="" if self._key_arn is None else self._key_arn,
        ).apply(state)

        def write(made: dict[str, Any]) -> dict[str, str]:
            indexes = self._index_configs(made.pop("vectors"))
            return to_env(ingest_config(self.settings, IngestPlaces(**made), indexes))

        environment = pulumi.Output.all(
            vectors=self.vectors.places,
            inputs=self.documents.bucket,
            store=self.table.name,
            queue=self.queue.url,
            dead_letters=self.dead_letters.url,
        ).apply(write)
        return handler_function(
            f"{self._name}-ingest-function",
            pattern=f"{PATTERN}_ingest",
            settings=self.settings.ingestion.function,
            role=self.ingest_role,
            granted=grant(f"{self._name}-ingest-policy", self.ingest_role, statements, opts=self._child),
            log_group=self.log_group,
            environment=environment,
            vpc=self._vpc,
            key_arn=self._key_arn,
            opts=self._child,
        )

    def _make_function(self) -> aws.lambda_.Function:
        def state(made: dict[str, Any]) -> list[policy.Statement]:
            where = shared.Where(**Place.of(made.pop("place_arn"))._asdict())
            models = [one.model for one in self.indexes]
            return shared.query_statements(
                models,
                where=where,
                **made,
                key_services=self._key_services,
                in_vpc=self._vpc is not None,
            )

        statements = pulumi.Output.all(
            model=self.model,
            vectors=self.vectors.read,
            place_arn=self.dead_letters.arn,
            log_group_arn=self.log_group.arn,
            table_arn=self.table.arn,
            key_arn="" if self._key_arn is None else self._key_arn,
        ).apply(state)

        def write(made: dict[str, Any]) -> dict[str, str]:
            model: Model = made["model"]
            indexes = self._index_configs(made["vectors"])
            return to_env(query_config(self.settings, indexes, model=model.id, store=made["store"]))

        environment = pulumi.Output.all(
            model=self.model, vectors=self.vectors.places, store=self.table.name
        ).apply(write)
        return handler_function(
            f"{self._name}-function",
            pattern=f"{PATTERN}_query",
            settings=self.settings.endpoint.function,
            role=self.role,
            granted=grant(f"{self._name}-policy", self.role, statements, opts=self._child),
            log_group=self.log_group,
            environment=environment,
            vpc=self._vpc,
            key_arn=self._key_arn,
            opts=self._child,
        )

    def _index_configs(self, places: dict[str, str]) -> list[IndexConfig]:
        return [one.config(self.settings, places[one.name]) for one in self.indexes]

    def _make_rule(self) -> aws.cloudwatch.EventRule:
        pattern = self.documents.bucket.apply(shared.documents_pattern)
        rule = rule_to_queue(f"{self._name}-rule", pattern, self.queue, self.dead_letters, opts=self._child)
        for name, queue in (("queue", self.queue), ("dead-letters", self.dead_letters)):
            queue_policy(f"{self._name}-{name}-policy", queue, rules=[rule], opts=self._child)
        return rule

    def _make_alarms(self) -> list[aws.cloudwatch.MetricAlarm]:
        specs = observability_rag.rag_alarms(
            # Outputs where the specification asks for text: it only passes them on.
            ingest_name=cast("str", self.ingest_function.name),
            query_name=cast("str", self.function.name),
            queue_name=cast("str", self.queue.name),
            dead_letter_queue_name=cast("str", self.dead_letters.name),
            timeout_s=self.settings.endpoint.function.timeout_s,
            tokens_per_hour=alarm_tokens_per_hour(self.settings.budget.total_tokens_per_day),
        )
        return alarms(f"{self._name}-alarm", specs, opts=self._child)

    def _make_dashboard(self) -> aws.cloudwatch.Dashboard:
        body = pulumi.Output.all(
            region=self.dead_letters.arn.apply(lambda arn: Place.of(arn).region),
            ingest_name=self.ingest_function.name,
            query_name=self.function.name,
            api_id=self.api.id,
            stage=self.stage.name,
            queue_name=self.queue.name,
            dead_letter_queue_name=self.dead_letters.name,
        ).apply(lambda made: observability_rag.rag_dashboard(**made))
        return dashboard(f"{self._name}-dashboard", self.function.name, body, opts=self._child)
