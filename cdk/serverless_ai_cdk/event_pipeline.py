"""Event pipeline on AWS: S3 -> EventBridge -> SQS -> Lambda, and every other source into the same queue."""

from __future__ import annotations

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
    aws_scheduler,
    aws_sns,
    aws_sqs,
)
from constructs import Construct

from serverless_ai_cdk._bucket import bucket
from serverless_ai_cdk._events import rule_to_queue, schedule_to_queue
from serverless_ai_cdk._function import handler_function, service_role
from serverless_ai_cdk._jobs import JobEnds, job_ends
from serverless_ai_cdk._key import let_logs_use
from serverless_ai_cdk._logs import log_group as make_log_group
from serverless_ai_cdk._logs import log_group_arn
from serverless_ai_cdk._model import model_for
from serverless_ai_cdk._observability import alarms, dashboard
from serverless_ai_cdk._queue import dead_letter_queue, work_queue
from serverless_ai_cdk._queue_source import queue_source
from serverless_ai_cdk._table import state_table
from serverless_ai_cdk._topic import subscription, topic
from serverless_ai_patterns.aws import event_pipeline as shared
from serverless_ai_patterns.aws import observability, policy
from serverless_ai_patterns.event_pipeline import EventPipelineSettings
from serverless_ai_patterns.event_pipeline.handler import Places, own_files

PATTERN = "event_pipeline"


class EventPipeline(Construct):
    """Files and messages in, one result each out, nothing lost. No endpoint: there are a bucket and a queue.

    Every resource is an attribute, None when the settings do not ask for it. The buckets hold documents: they
    stay when the stack goes, unless `removal_policy` says otherwise. What you bring stays yours:

    - `uploads`: a bucket that sends its events to EventBridge.
    - `topic`: a topic that several pipelines share, each with its own filter.
    - `vpc`: the function runs in its private subnets; they need a way out to every service it calls.
    - `key`: encrypts buckets, table, queues, topic, log group and the function's environment.

    Raises ValueError for a model that does not exist, a source of another cloud, or something brought that
    the settings have no use for.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: EventPipelineSettings = EventPipelineSettings(),  # noqa: B008 - frozen
        *,
        uploads: aws_s3.IBucket | None = None,
        topic: aws_sns.ITopic | None = None,
        vpc: aws_ec2.IVpc | None = None,
        key: aws_kms.IKey | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, id)
        shared.refuse_foreign(settings)
        self._refuse_unused(settings, uploads, topic)
        self.settings = settings
        self.model = model_for(self, settings.model.model) if settings.uses_model else None
        self._key, self._removal_policy = key, removal_policy

        self.log_group: aws_logs.LogGroup = self._make_log_group()
        self.table: aws_dynamodb.Table = state_table(self, "Table", key=key)
        self.dead_letters: aws_sqs.Queue = dead_letter_queue(self, "DeadLetters", key=key)
        self.queue: aws_sqs.Queue = self._make_queue()
        self.uploads: aws_s3.IBucket | None = uploads or self._make_uploads()
        self.results: aws_s3.Bucket = bucket(
            self, "Results", key=key, removal_policy=removal_policy, keep_days=settings.results.keep_days
        )
        self.job_ends: JobEnds = job_ends(
            self,
            "Jobs",
            self.queue,
            self.dead_letters,
            processor=settings.processor_name,
            results=self.results.bucket_name,
            key=key,
        )
        self.role: aws_iam.Role = service_role(
            self, "Role", "lambda.amazonaws.com", self._statements(in_vpc=vpc is not None)
        )
        self.function: aws_lambda.Function = self._make_function(vpc)
        self.source: aws_lambda.CfnEventSourceMapping = self._make_source()
        self.upload_rule: aws_events.CfnRule | None = self._make_upload_rule()
        self.bus_rule: aws_events.CfnRule | None = self._make_bus_rule()
        self.topic: aws_sns.ITopic | None = self._make_topic(topic)
        self.schedule: aws_scheduler.CfnSchedule | None = self._make_schedule()
        self.alarms: list[aws_cloudwatch.Alarm] = self._make_alarms()
        self.dashboard: aws_cloudwatch.CfnDashboard = self._make_dashboard()

    def _make_queue(self) -> aws_sqs.Queue:
        return work_queue(
            self,
            "Queue",
            key=self._key,
            dead_letters=self.dead_letters,
            visibility_s=shared.visibility_s(self.settings),
            max_receives=shared.max_receives(self.settings),
        )

    def _make_source(self) -> aws_lambda.CfnEventSourceMapping:
        return queue_source(
            self,
            "Source",
            self.function,
            self.queue,
            batch_size=shared.batch_size(self.settings),
            window_s=self.settings.batching.wait_s,
            max_concurrency=self.settings.function.max_concurrency,
        )

    def _refuse_unused(
        self, settings: EventPipelineSettings, uploads: aws_s3.IBucket | None, topic: aws_sns.ITopic | None
    ) -> None:
        for name, given, wanted in (
            ("bucket of uploads", uploads, settings.sources.uploads),
            ("topic", topic, settings.sources.topic),
        ):
            if given is not None and wanted is None:
                raise ValueError(
                    f"{self.node.path}: a {name} was given, but these settings take nothing from it"
                )

    def _make_log_group(self) -> aws_logs.LogGroup:
        if self._key:
            let_logs_use(self, self._key)
        days = self.settings.function.log_retention_days
        return make_log_group(self, "Logs", retention_days=days, key=self._key)

    def _make_uploads(self) -> aws_s3.Bucket | None:
        if self.settings.sources.uploads is None:
            return None
        return bucket(self, "Uploads", key=self._key, removal_policy=self._removal_policy, events=True)

    def _statements(self, *, in_vpc: bool) -> list[policy.Statement]:
        stack = Stack.of(self)
        return shared.statements(
            self.settings,
            self.model,
            partition=stack.partition,
            region=stack.region,
            account=stack.account,
            log_group_arn=log_group_arn(self.log_group),
            queue_arn=self.queue.queue_arn,
            dead_letters_arn=self.dead_letters.queue_arn,
            table_arn=self.table.table_arn,
            results_arn=self.results.bucket_arn,
            uploads_arn=self.uploads.bucket_arn if self.uploads else "",
            job_role_arn=self.job_ends.role.role_arn if self.job_ends.role else "",
            key_arn=self._key.key_arn if self._key else "",
            in_vpc=in_vpc,
        )

    def _make_function(self, vpc: aws_ec2.IVpc | None) -> aws_lambda.Function:
        places = Places(
            inputs=self.uploads.bucket_name if self.uploads else "",
            results=self.results.bucket_name,
            store=self.table.table_name,
            announcements=shared.BUS,
            queue=self.queue.queue_url,
            dead_letters=self.dead_letters.queue_url,
            job_topic=self.job_ends.topic.topic_arn if self.job_ends.topic else "",
            job_role=self.job_ends.role.role_arn if self.job_ends.role else "",
        )
        return handler_function(
            self,
            "Function",
            pattern=PATTERN,
            settings=self.settings.function,
            role=self.role,
            log_group=self.log_group,
            environment=shared.environment(self.settings, places, self.model),
            extra=own_files(self.settings),
            key=self._key,
            vpc=vpc,
        )

    def _make_upload_rule(self) -> aws_events.CfnRule | None:
        wanted = self.settings.sources.uploads
        if self.uploads is None or wanted is None:
            return None
        pattern = shared.uploads_pattern(wanted, self.uploads.bucket_name)
        return rule_to_queue(
            self, "UploadRule", self.queue, self.dead_letters, pattern=pattern, key=self._key
        )

    def _make_bus_rule(self) -> aws_events.CfnRule | None:
        pattern = self.settings.sources.bus_filter
        if pattern is None:
            return None
        return rule_to_queue(self, "BusRule", self.queue, self.dead_letters, pattern=pattern, key=self._key)

    def _make_topic(self, given: aws_sns.ITopic | None) -> aws_sns.ITopic | None:
        attributes = self.settings.sources.topic
        if attributes is None:
            return None
        made = given or topic(self, "Topic", key=self._key)
        subscription(
            self, "Subscription", made, self.queue, self.dead_letters, attributes=attributes, key=self._key
        )
        return made

    def _make_schedule(self) -> aws_scheduler.CfnSchedule | None:
        sources = self.settings.sources
        if sources.schedule is None:
            return None
        return schedule_to_queue(
            self,
            "Schedule",
            self.queue,
            self.dead_letters,
            expression=sources.schedule,
            message=sources.schedule_message,
            key=self._key,
        )

    def _make_alarms(self) -> list[aws_cloudwatch.Alarm]:
        specs = observability.event_pipeline_alarms(
            function_name=self.function.function_name,
            queue_name=self.queue.queue_name,
            dead_letter_queue_name=self.dead_letters.queue_name,
        )
        return alarms(self, specs)

    def _make_dashboard(self) -> aws_cloudwatch.CfnDashboard:
        body = observability.event_pipeline_dashboard(
            region=Stack.of(self).region,
            function_name=self.function.function_name,
            queue_name=self.queue.queue_name,
            dead_letter_queue_name=self.dead_letters.queue_name,
        )
        return dashboard(self, "Dashboard", body)
