"""Function + LLM on AWS as a Pulumi component: a thin assembly of the blocks beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.aws import function_llm, observability
from serverless_ai_patterns.aws.policy import Statement
from serverless_ai_patterns.function_llm import FunctionLlmSettings
from serverless_ai_patterns.models import Model, resolve_aws
from serverless_ai_pulumi.aws._events import bus_rule, schedule
from serverless_ai_pulumi.aws._function import (
    Place,
    VpcPlacement,
    function,
    grant,
    on_failure,
    service_role,
)
from serverless_ai_pulumi.aws._function import log_group as make_log_group
from serverless_ai_pulumi.aws._guardrail import GuardrailParts, guardrail
from serverless_ai_pulumi.aws._http_api import http_api
from serverless_ai_pulumi.aws._observability import alarms, dashboard
from serverless_ai_pulumi.aws._queue import queue, queue_policy
from serverless_ai_pulumi.aws._table import table as make_table
from serverless_ai_pulumi.aws.outputs import outputs

PATTERN = "function_llm"


class FunctionLlm(pulumi.ComponentResource):
    """`POST /chat` answered by a language model; the same for a schedule and for events of the default bus.

    What exists already can be given; then none is made:
    - `vpc`: subnets and security groups to run in, with a way out to Bedrock, DynamoDB and SQS.
    - `key_arn`: a KMS key for logs, table, queues, variables and guardrail. Its own policy must let
      CloudWatch Logs use it, and EventBridge too where `events.bus_filter` is set.
    - `log_group`: where the function writes; its retention is then yours.
    - `table`: partition key `pk` (string), TTL attribute `expires_at`.

    Raises ValueError for a model that Bedrock cannot have, and for a `table` that nothing would be stored in.
    """

    function: aws.lambda_.Function
    role: aws.iam.Role
    log_group: aws.cloudwatch.LogGroup
    api: aws.apigatewayv2.Api
    stage: aws.apigatewayv2.Stage
    table: aws.dynamodb.Table | None
    dead_letters: aws.sqs.Queue
    destination: aws.sqs.Queue | None
    guardrail: aws.bedrock.Guardrail | None
    schedule: aws.scheduler.Schedule | None
    rule: aws.cloudwatch.EventRule | None
    dashboard: aws.cloudwatch.Dashboard
    alarms: list[aws.cloudwatch.MetricAlarm]
    endpoint: pulumi.Output[str]

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
        super().__init__("serverless-ai:aws:FunctionLlm", name, None, opts)
        if table is not None and not settings.needs_store:
            raise ValueError("table is given, but these settings store nothing: no history, budget or events")
        self._name, self._settings, self._key_arn = name, settings, key_arn
        self._child = pulumi.ResourceOptions(parent=self)
        self._make_stores(log_group, table)
        self._make_function(vpc)
        self._make_ways_in()
        self._make_observability()
        self.register_outputs(outputs(self))

    def _make_stores(
        self, log_group: aws.cloudwatch.LogGroup | None, table: aws.dynamodb.Table | None
    ) -> None:
        """Everything the function refers to."""
        name, settings, key, child = self._name, self._settings, self._key_arn, self._child
        self.log_group = log_group or make_log_group(
            f"{name}-logs", settings.function.log_retention_days, key_arn=key, opts=child
        )
        if settings.needs_store and table is None:
            table = make_table(f"{name}-table", key_arn=key, opts=child)
        self.table = table
        self.dead_letters = queue(f"{name}-dead-letters", key_arn=key, opts=child)
        self.destination = None
        if settings.events.destination:
            self.destination = queue(
                f"{name}-results", dead_letters=self.dead_letters, key_arn=key, opts=child
            )
            queue_policy(f"{name}-results-policy", self.destination, opts=child)

    def _make_function(self, vpc: VpcPlacement | None) -> None:
        name, settings, key, child = self._name, self._settings, self._key_arn, self._child
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self))
        model = region.region.apply(self._model)
        filtered = guardrail(f"{name}-guardrail", key_arn=key, opts=child) if settings.llm.guardrail else None
        self.guardrail = filtered.guardrail if filtered else None
        self.role = service_role(f"{name}-role", "lambda.amazonaws.com", opts=child)
        granted = grant(
            f"{name}-policy", self.role, self._statements(model, in_vpc=vpc is not None), opts=child
        )
        self.function = function(
            f"{name}-function",
            PATTERN,
            settings.function,
            role=self.role,
            granted=granted,
            log_group=self.log_group,
            variables=self._environment(model, filtered),
            vpc=vpc,
            key_arn=key,
            opts=child,
        )
        on_failure(f"{name}-on-failure", self.function, self.dead_letters, opts=child)

    def _model(self, region: str) -> Model:
        model = resolve_aws(self._settings.llm.model, region)
        if model.past_end_of_life(datetime.now(UTC).date()):
            pulumi.log.warn(
                f"model {model.id} reached its end of life on {model.end_of_life}: calls will fail", self
            )
        return model

    def _statements(self, model: pulumi.Output[Model], *, in_vpc: bool) -> pulumi.Output[list[Statement]]:
        return pulumi.Output.all(
            model=model,
            log_group_arn=self.log_group.arn,
            dead_letters_arn=self.dead_letters.arn,
            table_arn=self.table.arn if self.table else "",
            destination_arn=self.destination.arn if self.destination else "",
            guardrail_arn=self.guardrail.guardrail_arn if self.guardrail else "",
            key_arn="" if self._key_arn is None else self._key_arn,
        ).apply(
            lambda made: function_llm.statements(
                in_vpc=in_vpc, **Place.of(made["dead_letters_arn"])._asdict(), **made
            )
        )

    def _environment(
        self, model: pulumi.Output[Model], filtered: GuardrailParts | None
    ) -> pulumi.Output[dict[str, str]]:
        return pulumi.Output.all(
            model=model,
            table_name=self.table.name if self.table else "",
            destination_url=self.destination.url if self.destination else "",
            guardrail_id=filtered.guardrail.guardrail_id if filtered else "",
            guardrail_version=filtered.version.version if filtered else "",
        ).apply(lambda made: function_llm.environment(self._settings, **made))

    def _make_ways_in(self) -> None:
        name, settings, key, child = self._name, self._settings, self._key_arn, self._child
        access_log = make_log_group(
            f"{name}-access-log", settings.function.log_retention_days, key_arn=key, opts=child
        )
        http = http_api(
            f"{name}-api",
            self.function,
            method="POST",
            path="/chat",
            auth=settings.auth,
            throttle=settings.throttle,
            access_log=access_log,
            opts=child,
        )
        self.api, self.stage, self.endpoint = http.api, http.stage, http.api.api_endpoint
        events = settings.events
        self.rule = self.schedule = None
        if events.bus_filter is not None:
            self.rule = bus_rule(
                f"{name}-rule", events.bus_filter, self.function, self.dead_letters, opts=child
            )
        if events.schedule is not None:
            self.schedule = schedule(
                f"{name}-schedule",
                events.schedule,
                events.schedule_message,
                self.function,
                self.dead_letters,
                key_arn=key,
                opts=child,
            )
        rules = [self.rule] if self.rule else []
        queue_policy(f"{name}-dead-letters-policy", self.dead_letters, rules=rules, opts=child)

    def _make_observability(self) -> None:
        name, settings, child = self._name, self._settings, self._child
        specs = observability.function_llm_alarms(
            # Outputs where strings are asked for: a specification only passes them on, as CDK's tokens.
            function_name=cast("str", self.function.name),
            dead_letter_queue_name=cast("str", self.dead_letters.name),
            timeout_s=settings.function.timeout_s,
            tokens_per_hour=observability.alarm_tokens_per_hour(settings.budget.total_tokens_per_day),
        )
        self.alarms = alarms(f"{name}-alarm", specs, opts=child)
        body = pulumi.Output.all(
            region=self.dead_letters.arn.apply(lambda arn: Place.of(arn).region),
            function_name=self.function.name,
            api_id=self.api.id,
            stage=self.stage.name,
            dead_letter_queue_name=self.dead_letters.name,
        ).apply(lambda made: observability.function_llm_dashboard(**made))
        self.dashboard = dashboard(f"{name}-dashboard", self.function.name, body, opts=child)
