"""Event pipeline on AWS: S3 -> EventBridge -> SQS -> Lambda, and every other source into the same queue."""

from __future__ import annotations

from typing import Any, cast

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.aws import event_pipeline as shared
from serverless_ai_patterns.aws import observability, policy
from serverless_ai_patterns.event_pipeline import EventPipelineSettings
from serverless_ai_patterns.event_pipeline.handler import Places, own_files
from serverless_ai_patterns.models import Model
from serverless_ai_pulumi.aws._bucket import bucket
from serverless_ai_pulumi.aws._events import rule_to_queue, schedule_to_queue
from serverless_ai_pulumi.aws._function import VpcPlacement, grant, handler_function, service_role
from serverless_ai_pulumi.aws._jobs import JobEnds, job_ends
from serverless_ai_pulumi.aws._logs import log_group as make_log_group
from serverless_ai_pulumi.aws._model import model_for
from serverless_ai_pulumi.aws._observability import alarms, dashboard
from serverless_ai_pulumi.aws._place import Place
from serverless_ai_pulumi.aws._queue import dead_letter_queue, queue_policy, work_queue
from serverless_ai_pulumi.aws._queue_source import queue_source
from serverless_ai_pulumi.aws._table import state_table
from serverless_ai_pulumi.aws._topic import subscription, topic
from serverless_ai_pulumi.aws.outputs import outputs

PATTERN = "event_pipeline"


class EventPipeline(pulumi.ComponentResource):
    """Files and messages in, one result each out, nothing lost. No endpoint: there are a bucket and a queue.

    Every resource is an attribute, None when the settings do not ask for it. The buckets hold documents: a
    destroy fails while they hold any, unless `force_destroy` says that they may be lost. What you bring stays
    yours:

    - `uploads`: a bucket that sends its events to EventBridge.
    - `topic`: a topic that several pipelines share, each with its own filter.
    - `vpc`: subnets and security groups that the function runs in.
    - `key_arn`: a KMS key for buckets, table, queues, topic, log group and the function's environment.

    Raises ValueError for a source of another cloud, or something brought that the settings have no use for.
    """

    settings: EventPipelineSettings
    function: aws.lambda_.Function
    role: aws.iam.Role
    log_group: aws.cloudwatch.LogGroup
    table: aws.dynamodb.Table
    queue: aws.sqs.Queue
    dead_letters: aws.sqs.Queue
    uploads: aws.s3.Bucket | None
    results: aws.s3.Bucket
    job_ends: JobEnds
    source: aws.lambda_.EventSourceMapping
    upload_rule: aws.cloudwatch.EventRule | None
    bus_rule: aws.cloudwatch.EventRule | None
    topic: aws.sns.Topic | None
    schedule: aws.scheduler.Schedule | None
    dashboard: aws.cloudwatch.Dashboard
    alarms: list[aws.cloudwatch.MetricAlarm]

    def __init__(
        self,
        name: str,
        settings: EventPipelineSettings = EventPipelineSettings(),  # noqa: B008 - frozen
        *,
        uploads: aws.s3.Bucket | None = None,
        topic: aws.sns.Topic | None = None,
        vpc: VpcPlacement | None = None,
        key_arn: pulumi.Input[str] | None = None,
        force_destroy: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        shared.refuse_foreign(settings)
        _refuse_unused(name, settings, uploads, topic)
        super().__init__("serverless-ai:aws:EventPipeline", name, None, opts)
        self.settings = settings
        self.model: pulumi.Output[Model | None] = (
            model_for(self, settings.model.model) if settings.uses_model else pulumi.Output.from_input(None)
        )
        self._name, self._key_arn, self._force_destroy = name, key_arn, force_destroy
        self._child = pulumi.ResourceOptions(parent=self)

        days = settings.function.log_retention_days
        self.log_group = make_log_group(
            f"{name}-logs", retention_days=days, key_arn=key_arn, opts=self._child
        )
        self.table = state_table(f"{name}-table", key_arn=key_arn, opts=self._child)
        self.dead_letters = dead_letter_queue(f"{name}-dead-letters", key_arn=key_arn, opts=self._child)
        self.queue = self._make_queue()
        self.uploads = uploads or self._make_uploads()
        self.results = bucket(
            f"{name}-results",
            key_arn=key_arn,
            force_destroy=force_destroy,
            keep_days=settings.results.keep_days,
            opts=self._child,
        )
        self.job_ends = job_ends(
            f"{name}-jobs",
            self.queue,
            self.dead_letters,
            processor=settings.processor_name,
            results=self.results.bucket,
            key_arn=key_arn,
            opts=self._child,
        )
        self.role = service_role(f"{name}-role", "lambda.amazonaws.com", opts=self._child)
        self.function = self._make_function(vpc)
        self.source = self._make_source()
        self.upload_rule, self.bus_rule = self._make_upload_rule(), self._make_bus_rule()
        self.topic = self._make_topic(topic)
        self._let_in()
        self.schedule = self._make_schedule()
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

    def _make_uploads(self) -> aws.s3.Bucket | None:
        if self.settings.sources.uploads is None:
            return None
        return bucket(
            f"{self._name}-uploads",
            key_arn=self._key_arn,
            force_destroy=self._force_destroy,
            events=True,
            opts=self._child,
        )

    def _make_function(self, vpc: VpcPlacement | None) -> aws.lambda_.Function:
        granted = grant(
            f"{self._name}-policy", self.role, self._statements(in_vpc=vpc is not None), opts=self._child
        )
        return handler_function(
            f"{self._name}-function",
            pattern=PATTERN,
            settings=self.settings.function,
            role=self.role,
            granted=granted,
            log_group=self.log_group,
            environment=self._environment(),
            vpc=vpc,
            key_arn=self._key_arn,
            extra=own_files(self.settings),
            opts=self._child,
        )

    def _statements(self, *, in_vpc: bool) -> pulumi.Output[list[policy.Statement]]:
        def state(made: dict[str, Any]) -> list[policy.Statement]:
            place = Place.of(made["dead_letters_arn"])
            return shared.statements(self.settings, **made, **place._asdict(), in_vpc=in_vpc)

        return pulumi.Output.all(
            model=self.model,
            log_group_arn=self.log_group.arn,
            queue_arn=self.queue.arn,
            dead_letters_arn=self.dead_letters.arn,
            table_arn=self.table.arn,
            results_arn=self.results.arn,
            uploads_arn=self.uploads.arn if self.uploads else "",
            job_role_arn=self.job_ends.role.arn if self.job_ends.role else "",
            key_arn="" if self._key_arn is None else self._key_arn,
        ).apply(state)

    def _environment(self) -> pulumi.Output[dict[str, str]]:
        def write(made: dict[str, Any]) -> dict[str, str]:
            model: Model | None = made.pop("model")
            return shared.environment(self.settings, Places(announcements=shared.BUS, **made), model)

        return pulumi.Output.all(
            model=self.model,
            inputs=self.uploads.bucket if self.uploads else "",
            results=self.results.bucket,
            store=self.table.name,
            queue=self.queue.url,
            dead_letters=self.dead_letters.url,
            job_topic=self.job_ends.topic.arn if self.job_ends.topic else "",
            job_role=self.job_ends.role.arn if self.job_ends.role else "",
        ).apply(write)

    def _make_source(self) -> aws.lambda_.EventSourceMapping:
        return queue_source(
            f"{self._name}-source",
            self.function,
            self.queue,
            batch_size=shared.batch_size(self.settings),
            window_s=self.settings.batching.wait_s,
            max_concurrency=self.settings.function.max_concurrency,
            opts=self._child,
        )

    def _make_upload_rule(self) -> aws.cloudwatch.EventRule | None:
        wanted = self.settings.sources.uploads
        if self.uploads is None or wanted is None:
            return None
        pattern = self.uploads.bucket.apply(lambda name: shared.uploads_pattern(wanted, name))
        name = f"{self._name}-upload-rule"
        return rule_to_queue(name, pattern, self.queue, self.dead_letters, opts=self._child)

    def _make_bus_rule(self) -> aws.cloudwatch.EventRule | None:
        if self.settings.sources.bus_filter is None:
            return None
        pattern = pulumi.Output.from_input(self.settings.sources.bus_filter)
        name = f"{self._name}-bus-rule"
        return rule_to_queue(name, pattern, self.queue, self.dead_letters, opts=self._child)

    def _make_topic(self, given: aws.sns.Topic | None) -> aws.sns.Topic | None:
        attributes = self.settings.sources.topic
        if attributes is None:
            return None
        made = given or topic(f"{self._name}-topic", key_arn=self._key_arn, opts=self._child)
        subscription(
            f"{self._name}-subscription",
            made,
            self.queue,
            self.dead_letters,
            attributes=attributes,
            opts=self._child,
        )
        return made

    def _let_in(self) -> None:
        """The policies of both queues: one each, for everything that sends to them."""
        rules = [rule for rule in (self.upload_rule, self.bus_rule, self.job_ends.rule) if rule]
        topics = [one for one in (self.topic, self.job_ends.topic) if one]
        for name, queue in (("queue", self.queue), ("dead-letters", self.dead_letters)):
            queue_policy(f"{self._name}-{name}-policy", queue, rules=rules, topics=topics, opts=self._child)

    def _make_schedule(self) -> aws.scheduler.Schedule | None:
        sources = self.settings.sources
        if sources.schedule is None:
            return None
        return schedule_to_queue(
            f"{self._name}-schedule",
            sources.schedule,
            sources.schedule_message,
            self.queue,
            self.dead_letters,
            key_arn=self._key_arn,
            opts=self._child,
        )

    def _make_alarms(self) -> list[aws.cloudwatch.MetricAlarm]:
        specs = observability.event_pipeline_alarms(
            # Outputs where the specification asks for text: it only passes them on.
            function_name=cast("str", self.function.name),
            queue_name=cast("str", self.queue.name),
            dead_letter_queue_name=cast("str", self.dead_letters.name),
        )
        return alarms(f"{self._name}-alarm", specs, opts=self._child)

    def _make_dashboard(self) -> aws.cloudwatch.Dashboard:
        body = pulumi.Output.all(
            region=self.dead_letters.arn.apply(lambda arn: Place.of(arn).region),
            function_name=self.function.name,
            queue_name=self.queue.name,
            dead_letter_queue_name=self.dead_letters.name,
        ).apply(lambda made: observability.event_pipeline_dashboard(**made))
        return dashboard(f"{self._name}-dashboard", self.function.name, body, opts=self._child)


def _refuse_unused(
    name: str, settings: EventPipelineSettings, uploads: aws.s3.Bucket | None, topic: aws.sns.Topic | None
) -> None:
    for what, given, wanted in (
        ("bucket of uploads", uploads, settings.sources.uploads),
        ("topic", topic, settings.sources.topic),
    ):
        if given is not None and wanted is None:
            raise ValueError(f"{name}: a {what} was given, but these settings take nothing from it")
