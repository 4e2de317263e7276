"""Function + LLM on AWS: HTTP API -> Lambda -> Bedrock, with events, budgets, alarms."""

from __future__ import annotations

from typing import Any, cast

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.aws import function_llm as shared
from serverless_ai_patterns.aws import observability, policy
from serverless_ai_patterns.function_llm import FunctionLlmSettings
from serverless_ai_patterns.models import Model
from serverless_ai_pulumi.aws._events import bus_rule, schedule
from serverless_ai_pulumi.aws._function import (
    VpcPlacement,
    grant,
    handler_function,
    on_failure,
    service_role,
)
from serverless_ai_pulumi.aws._guardrail import guardrail
from serverless_ai_pulumi.aws._http_api import http_api
from serverless_ai_pulumi.aws._logs import log_group as make_log_group
from serverless_ai_pulumi.aws._model import model_for
from serverless_ai_pulumi.aws._observability import alarms, dashboard
from serverless_ai_pulumi.aws._place import Place
from serverless_ai_pulumi.aws._queue import dead_letter_queue, queue, queue_policy
from serverless_ai_pulumi.aws._table import state_table
from serverless_ai_pulumi.aws.outputs import outputs

PATTERN = "function_llm"


class FunctionLlm(pulumi.ComponentResource):
    """`POST /chat`, schedules and bus events, answered by a language model. Private and bounded by default.

    Every resource is an attribute, None when the settings do not ask for it. Everything made here is removed
    with the stack: it holds transient state only. What you bring stays yours:

    - `vpc`: subnets and security groups that the function runs in; they need a way out to Bedrock (NAT or
      endpoints), to DynamoDB and SQS.
    - `key_arn`: a KMS key for the log group, the table, the queues, the guardrail and the function's
      environment. Its policy must already let `logs.REGION.amazonaws.com` and `events.amazonaws.com` use it.
    - `log_group`: gets the function's logs and the API's access log; its retention is yours.
    - `table`: partition key `pk` (string) and TTL attribute `expires_at`; the function reads and writes
      records by key.

    Raises ValueError for a table where the settings remember nothing; a model that does not exist fails the
    program with ValueError.
    """

    settings: FunctionLlmSettings
    model: pulumi.Output[Model]
    function: aws.lambda_.Function
    role: aws.iam.Role
    log_group: aws.cloudwatch.LogGroup
    api: aws.apigatewayv2.Api
    stage: aws.apigatewayv2.Stage
    table: aws.dynamodb.Table | None
    dead_letters: aws.sqs.Queue
    destination: aws.sqs.Queue | None
    guardrail: aws.bedrock.Guardrail | None
    guardrail_version: aws.bedrock.GuardrailVersion | None
    schedule: aws.scheduler.Schedule | None
    rule: aws.cloudwatch.EventRule | None
    dashboard: aws.cloudwatch.Dashboard
    alarms: list[aws.cloudwatch.MetricAlarm]
    endpoint: pulumi.Output[str]
    """URL without the path; callers POST to `{endpoint}/chat`."""

    def __init__(
        self,
        name: str,
        settings: FunctionLlmSettings = FunctionLlmSettings(),  # noqa: B008 - frozen
        *,
        vpc: VpcPlacement | None = None,
        key_arn: pulumi.Input[str] | None = None,
        log_group: aws.cloudwatch.LogGroup | None = None,
        table: aws.dynamodb.Table | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        if table is not None and not settings.needs_store:
            raise ValueError(f"{name}: a table was given, but these settings remember nothing")
        super().__init__("serverless-ai:aws:FunctionLlm", name, None, opts)
        self.settings = settings
        self.model = model_for(self, settings.llm.model)
        self._name, self._key_arn = name, key_arn
        self._child = pulumi.ResourceOptions(parent=self)

        self.log_group = log_group or self._make_log_group()
        self.table = table or self._make_table()
        self.dead_letters = dead_letter_queue(f"{name}-dead-letters", key_arn=key_arn, opts=self._child)
        self.destination = self._make_destination()
        self.guardrail = self.guardrail_version = None
        if settings.llm.guardrail:
            parts = guardrail(f"{name}-guardrail", key_arn=key_arn, opts=self._child)
            self.guardrail, self.guardrail_version = parts

        self.role = service_role(f"{name}-role", "lambda.amazonaws.com", opts=self._child)
        self.function = self._make_function(vpc)
        self.api, self.stage = http_api(
            f"{name}-api",
            self.function,
            method="POST",
            paths=["/chat"],
            auth=settings.auth,
            throttle=settings.throttle,
            access_log=self.log_group,
            opts=self._child,
        )
        self.endpoint = self.api.api_endpoint
        self.rule = self._make_rule()
        queue_policy(
            f"{name}-dead-letters-policy",
            self.dead_letters,
            rules=[self.rule] if self.rule else [],
            opts=self._child,
        )
        self.schedule = self._make_schedule()
        self.alarms = self._make_alarms()
        self.dashboard = self._make_dashboard()
        self.register_outputs(outputs(self))

    def _make_log_group(self) -> aws.cloudwatch.LogGroup:
        return make_log_group(
            f"{self._name}-logs",
            retention_days=self.settings.function.log_retention_days,
            key_arn=self._key_arn,
            opts=self._child,
        )

    def _make_table(self) -> aws.dynamodb.Table | None:
        if not self.settings.needs_store:
            return None
        return state_table(f"{self._name}-table", key_arn=self._key_arn, opts=self._child)

    def _make_destination(self) -> aws.sqs.Queue | None:
        if not self.settings.events.destination:
            return None
        name = f"{self._name}-results"
        made = queue(name, key_arn=self._key_arn, dead_letters=self.dead_letters, opts=self._child)
        queue_policy(f"{name}-policy", made, opts=self._child)
        return made

    def _make_function(self, vpc: VpcPlacement | None) -> aws.lambda_.Function:
        statements = self._statements(in_vpc=vpc is not None)
        function = handler_function(
            f"{self._name}-function",
            pattern=PATTERN,
            settings=self.settings.function,
            role=self.role,
            granted=grant(f"{self._name}-policy", self.role, statements, opts=self._child),
            log_group=self.log_group,
            environment=self._environment(),
            vpc=vpc,
            key_arn=self._key_arn,
            opts=self._child,
        )
        on_failure(f"{self._name}-on-failure", function, self.dead_letters, opts=self._child)
        return function

    def _statements(self, *, in_vpc: bool) -> pulumi.Output[list[policy.Statement]]:
        def state(made: dict[str, Any]) -> list[policy.Statement]:
            place = Place.of(made["dead_letters_arn"])
            return shared.statements(**made, **place._asdict(), in_vpc=in_vpc)

        return pulumi.Output.all(
            model=self.model,
            log_group_arn=self.log_group.arn,
            dead_letters_arn=self.dead_letters.arn,
            table_arn=self.table.arn if self.table else "",
            destination_arn=self.destination.arn if self.destination else "",
            guardrail_arn=self.guardrail.guardrail_arn if self.guardrail else "",
            key_arn="" if self._key_arn is None else self._key_arn,
        ).apply(state)

    def _environment(self) -> pulumi.Output[dict[str, str]]:
        return pulumi.Output.all(
            model=self.model,
            table_name=self.table.name if self.table else "",
            destination_url=self.destination.url if self.destination else "",
            guardrail_id=self.guardrail.guardrail_id if self.guardrail else "",
            guardrail_version=self.guardrail_version.version if self.guardrail_version else "",
        ).apply(lambda made: shared.environment(self.settings, **made))

    def _make_rule(self) -> aws.cloudwatch.EventRule | None:
        pattern = self.settings.events.bus_filter
        if pattern is None:
            return None
        return bus_rule(f"{self._name}-rule", pattern, self.function, self.dead_letters, opts=self._child)

    def _make_schedule(self) -> aws.scheduler.Schedule | None:
        events = self.settings.events
        if events.schedule is None:
            return None
        return schedule(
            f"{self._name}-schedule",
            events.schedule,
            events.schedule_message,
            self.function,
            self.dead_letters,
            key_arn=self._key_arn,
            opts=self._child,
        )

    def _make_alarms(self) -> list[aws.cloudwatch.MetricAlarm]:
        specs = observability.function_llm_alarms(
            # Outputs where the specification asks for text: it only passes them on.
            function_name=cast("str", self.function.name),
            dead_letter_queue_name=cast("str", self.dead_letters.name),
            timeout_s=self.settings.function.timeout_s,
            tokens_per_hour=observability.alarm_tokens_per_hour(self.settings.budget.total_tokens_per_day),
        )
        return alarms(f"{self._name}-alarm", specs, opts=self._child)

    def _make_dashboard(self) -> aws.cloudwatch.Dashboard:
        body = pulumi.Output.all(
            region=self.dead_letters.arn.apply(lambda arn: Place.of(arn).region),
            function_name=self.function.name,
            api_id=self.api.id,
            stage=self.stage.name,
            dead_letter_queue_name=self.dead_letters.name,
        ).apply(lambda made: observability.function_llm_dashboard(**made))
        return dashboard(f"{self._name}-dashboard", self.function.name, body, opts=self._child)
