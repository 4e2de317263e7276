"""RAG on AWS: S3 -> EventBridge -> SQS -> Lambda -> vectors, and HTTP API -> Lambda -> vectors -> Bedrock."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import (
    RemovalPolicy,
    Stack,
    aws_cloudwatch,
    aws_dynamodb,
    aws_ec2,
    aws_events,
    aws_iam,
    aws_kms,
    aws_lambda,
    aws_logs,
    aws_s3,
    aws_sqs,
)
from constructs import Construct

from serverless_ai_cdk._acknowledge import acknowledge
from serverless_ai_cdk._bucket import bucket
from serverless_ai_cdk._events import rule_to_queue
from serverless_ai_cdk._function import handler_function, service_role
from serverless_ai_cdk._http_api import http_api
from serverless_ai_cdk._key import let_logs_use
from serverless_ai_cdk._logs import log_group as make_log_group
from serverless_ai_cdk._logs import log_group_arn
from serverless_ai_cdk._model import model_for
from serverless_ai_cdk._observability import alarms, dashboard
from serverless_ai_cdk._queue import dead_letter_queue, work_queue
from serverless_ai_cdk._queue_source import queue_source
from serverless_ai_cdk._table import state_table
from serverless_ai_cdk._vectors import Vectors, vectors
from serverless_ai_patterns.aws import observability_rag, policy
from serverless_ai_patterns.aws import rag as shared
from serverless_ai_patterns.rag import RagSettings
from serverless_ai_patterns.rag.handler import BATCH, IngestPlaces, ingest_config, query_config
from serverless_ai_patterns.thresholds import alarm_tokens_per_hour
from serverless_ai_runtime.config import to_env
from serverless_ai_runtime.config_rag import IndexConfig

PATTERN = "rag"


class Rag(Construct):
    """Documents in a bucket, answers with citations out of `POST /ask`, passages out of `POST /search`.

    Every resource is an attribute. The bucket and the vectors stay when the stack goes, unless
    `removal_policy` says otherwise. What you bring stays yours:

    - `documents`: a bucket that sends its events to EventBridge.
    - `vpc`: both functions run in its private subnets; they need a way out to every service they call.
    - `key`: encrypts bucket, vectors, table, queues, log group and the functions' environment.

    Raises ValueError for a model that does not exist, or a store of another cloud.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: RagSettings = RagSettings(),  # noqa: B008 - frozen
        *,
        documents: aws_s3.IBucket | None = None,
        vpc: aws_ec2.IVpc | None = None,
        key: aws_kms.IKey | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, id)
        self.settings = settings
        self.model = model_for(self, settings.answers.model)
        self.indexes: list[shared.AwsIndex] = [
            shared.index(one, model_for(self, one.model))
            for one in (settings.embedding, settings.previous_embedding)
            if one
        ]
        self._key, self._removal_policy, self._vpc = key, removal_policy, vpc

        self.log_group: aws_logs.LogGroup = self._make_log_group()
        self.table: aws_dynamodb.Table = state_table(self, "Table", key=key)
        self.documents: aws_s3.IBucket = documents or bucket(
            self, "Documents", key=key, removal_policy=removal_policy, events=True
        )
        self.vectors: Vectors = vectors(
            self,
            "Vectors",
            {one.name: one.dimension for one in self.indexes},
            settings.store_on(shared.CLOUD),
            key=key,
            removal_policy=removal_policy,
        )
        self.dead_letters: aws_sqs.Queue = dead_letter_queue(self, "DeadLetters", key=key)
        self.queue: aws_sqs.Queue = self._make_queue()
        self.ingest_role: aws_iam.Role = service_role(
            self, "IngestRole", "lambda.amazonaws.com", self._ingest_statements()
        )
        self.role: aws_iam.Role = service_role(self, "Role", "lambda.amazonaws.com", self._query_statements())
        self.vectors.let_in(readers=[self.role.role_arn], writers=[self.ingest_role.role_arn])
        self.ingest_function: aws_lambda.Function = self._make_ingest_function()
        self.source: aws_lambda.CfnEventSourceMapping = self._make_source()
        self.rule: aws_events.CfnRule = self._make_rule()
        self.function: aws_lambda.Function = self._make_function()
        self.api, self.stage = http_api(
            self,
            "Api",
            self.function,
            method="POST",
            paths=["/ask", "/search"],
            auth=settings.endpoint.auth,
            throttle=settings.endpoint.throttle,
            access_log=self.log_group,
        )
        self.endpoint: str = self.api.api_endpoint
        """URL without the path; callers POST to `{endpoint}/ask` and `{endpoint}/search`."""
        self.alarms: list[aws_cloudwatch.Alarm] = self._make_alarms()
        self.dashboard: aws_cloudwatch.CfnDashboard = self._make_dashboard()

    def _make_log_group(self) -> aws_logs.LogGroup:
        if self._key:
            let_logs_use(self, self._key)
        days = self.settings.endpoint.function.log_retention_days
        return make_log_group(self, "Logs", retention_days=days, key=self._key)

    def _make_queue(self) -> aws_sqs.Queue:
        return work_queue(
            self,
            "Queue",
            key=self._key,
            dead_letters=self.dead_letters,
            visibility_s=shared.visibility_s(self.settings),
            max_receives=shared.max_receives(self.settings),
        )

    def _where(self) -> shared.Where:
        stack = Stack.of(self)
        return shared.Where(partition=stack.partition, region=stack.region, account=stack.account)

    def _ingest_statements(self) -> Sequence[policy.Statement]:
        return shared.ingest_statements(
            [one.model for one in self.indexes],
            self._where(),
            self.vectors.write,
            log_group_arn=log_group_arn(self.log_group),
            queue_arn=self.queue.queue_arn,
            dead_letters_arn=self.dead_letters.queue_arn,
            table_arn=self.table.table_arn,
            documents_arn=self.documents.bucket_arn,
            key_arn=self._key.key_arn if self._key else "",
            key_services=shared.key_services(self.settings),
            in_vpc=self._vpc is not None,
        )

    def _query_statements(self) -> Sequence[policy.Statement]:
        return shared.query_statements(
            [one.model for one in self.indexes],
            self.model,
            self._where(),
            self.vectors.read,
            log_group_arn=log_group_arn(self.log_group),
            table_arn=self.table.table_arn,
            key_arn=self._key.key_arn if self._key else "",
            key_services=shared.key_services(self.settings),
            in_vpc=self._vpc is not None,
        )

    def _index_configs(self) -> list[IndexConfig]:
        return [one.config(self.settings, self.vectors.places[one.name]) for one in self.indexes]

    def _make_ingest_function(self) -> aws_lambda.Function:
        places = IngestPlaces(
            inputs=self.documents.bucket_name,
            store=self.table.table_name,
            queue=self.queue.queue_url,
            dead_letters=self.dead_letters.queue_url,
        )
        return handler_function(
            self,
            "IngestFunction",
            pattern=f"{PATTERN}_ingest",
            settings=self.settings.ingestion.function,
            role=self.ingest_role,
            log_group=self.log_group,
            environment=to_env(ingest_config(self.settings, places, self._index_configs())),
            key=self._key,
            vpc=self._vpc,
        )

    def _make_source(self) -> aws_lambda.CfnEventSourceMapping:
        return queue_source(
            self,
            "Source",
            self.ingest_function,
            self.queue,
            batch_size=BATCH,
            window_s=0,
            max_concurrency=self.settings.ingestion.function.max_concurrency,
        )

    def _make_rule(self) -> aws_events.CfnRule:
        pattern = shared.documents_pattern(self.documents.bucket_name)
        return rule_to_queue(self, "Rule", self.queue, self.dead_letters, pattern=pattern, key=self._key)

    def _make_function(self) -> aws_lambda.Function:
        config = query_config(
            self.settings, self._index_configs(), model=self.model.id, store=self.table.table_name
        )
        function = handler_function(
            self,
            "Function",
            pattern=f"{PATTERN}_query",
            settings=self.settings.endpoint.function,
            role=self.role,
            log_group=self.log_group,
            environment=to_env(config),
            key=self._key,
            vpc=self._vpc,
        )
        acknowledge(
            function,
            "Serverless-LambdaDLQ",
            "Nothing invokes the function but the API, which waits for every answer",
        )
        return function

    def _make_alarms(self) -> list[aws_cloudwatch.Alarm]:
        specs = observability_rag.rag_alarms(
            ingest_name=self.ingest_function.function_name,
            query_name=self.function.function_name,
            queue_name=self.queue.queue_name,
            dead_letter_queue_name=self.dead_letters.queue_name,
            timeout_s=self.settings.endpoint.function.timeout_s,
            tokens_per_hour=alarm_tokens_per_hour(self.settings.budget.total_tokens_per_day),
        )
        return alarms(self, specs)

    def _make_dashboard(self) -> aws_cloudwatch.CfnDashboard:
        body = observability_rag.rag_dashboard(
            region=Stack.of(self).region,
            ingest_name=self.ingest_function.function_name,
            query_name=self.function.function_name,
            api_id=self.api.api_id,
            stage=self.stage.stage_name,
            queue_name=self.queue.queue_name,
            dead_letter_queue_name=self.dead_letters.queue_name,
        )
        return dashboard(self, "Dashboard", body)
