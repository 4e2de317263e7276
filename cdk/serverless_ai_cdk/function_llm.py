"""Function + LLM on AWS: HTTP API -> Lambda -> Bedrock, with events, budgets, alarms."""

from __future__ import annotations

from aws_cdk import (
    Stack,
    aws_bedrock,
    aws_cloudwatch,
    aws_dynamodb,
    aws_ec2,
    aws_events,
    aws_iam,
    aws_kms,
    aws_lambda,
    aws_logs,
    aws_scheduler,
    aws_sqs,
)
from constructs import Construct

from serverless_ai_cdk._events import bus_rule, schedule
from serverless_ai_cdk._function import handler_function, on_failure, service_role
from serverless_ai_cdk._guardrail import guardrail
from serverless_ai_cdk._http_api import http_api
from serverless_ai_cdk._key import let_logs_use
from serverless_ai_cdk._logs import log_group as make_log_group
from serverless_ai_cdk._logs import log_group_arn
from serverless_ai_cdk._model import model_for
from serverless_ai_cdk._observability import alarms, dashboard
from serverless_ai_cdk._queue import dead_letter_queue, queue
from serverless_ai_cdk._table import state_table
from serverless_ai_patterns.aws import function_llm as shared
from serverless_ai_patterns.aws import observability, policy
from serverless_ai_patterns.function_llm import FunctionLlmSettings

PATTERN = "function_llm"


class FunctionLlm(Construct):
    """`POST /chat`, schedules and bus events, answered by a language model. Private and bounded by default.

    Every resource is an attribute, None when the settings do not ask for it. Everything made here is removed
    with the stack: it holds transient state only. What you bring stays yours:

    - `vpc`: the function runs in its private subnets; they need a way out to Bedrock (NAT or endpoints), to
      DynamoDB and SQS.
    - `key`: encrypts the log group, the table, the queues, the guardrail and the function's environment. A
      key made in the same app gets what its policy needs; the policy of an imported one must already let
      `logs.REGION.amazonaws.com` and `events.amazonaws.com` use it.
    - `log_group`: gets the function's logs and the API's access log; its retention is yours.
    - `table`: partition key `pk` (string) and TTL attribute `expires_at`; the function reads and writes
      records by key.

    Raises ValueError for a model that does not exist, or a table where the settings remember nothing.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: FunctionLlmSettings = FunctionLlmSettings(),  # noqa: B008 - frozen
        *,
        vpc: aws_ec2.IVpc | None = None,
        key: aws_kms.IKey | None = None,
        log_group: aws_logs.ILogGroup | None = None,
        table: aws_dynamodb.ITable | None = None,
    ) -> None:
        super().__init__(scope, id)
        if table is not None and not settings.needs_store:
            raise ValueError(f"{self.node.path}: a table was given, but these settings remember nothing")
        self.settings = settings
        self.model = model_for(self, settings.llm.model)
        self._key = key

        self.log_group: aws_logs.ILogGroup = log_group or self._make_log_group()
        self.table: aws_dynamodb.ITable | None = table or self._make_table()
        self.dead_letters: aws_sqs.Queue = dead_letter_queue(self, "DeadLetters", key=key)
        self.destination: aws_sqs.Queue | None = self._make_destination()
        self.guardrail: aws_bedrock.CfnGuardrail | None = None
        self.guardrail_version: aws_bedrock.CfnGuardrailVersion | None = None
        if settings.llm.guardrail:
            self.guardrail, self.guardrail_version = guardrail(self, "Guardrail", key=key)

        self.role: aws_iam.Role = service_role(
            self, "Role", "lambda.amazonaws.com", self._statements(in_vpc=vpc is not None)
        )
        self.function: aws_lambda.Function = self._make_function(vpc)
        self.api, self.stage = http_api(
            self,
            "Api",
            self.function,
            method="POST",
            paths=["/chat"],
            auth=settings.auth,
            throttle=settings.throttle,
            access_log=self.log_group,
        )
        self.endpoint: str = self.api.api_endpoint
        """URL without the path; callers POST to `{endpoint}/chat`."""
        self.rule: aws_events.CfnRule | None = self._make_rule()
        self.schedule: aws_scheduler.CfnSchedule | None = self._make_schedule()
        self.alarms: list[aws_cloudwatch.Alarm] = self._make_alarms()
        self.dashboard: aws_cloudwatch.CfnDashboard = self._make_dashboard()

    def _make_log_group(self) -> aws_logs.LogGroup:
        if self._key:
            let_logs_use(self, self._key)
        return make_log_group(
            self, "Logs", retention_days=self.settings.function.log_retention_days, key=self._key
        )

    def _make_table(self) -> aws_dynamodb.Table | None:
        return state_table(self, "Table", key=self._key) if self.settings.needs_store else None

    def _make_destination(self) -> aws_sqs.Queue | None:
        if not self.settings.events.destination:
            return None
        return queue(self, "Results", key=self._key, dead_letters=self.dead_letters)

    def _statements(self, *, in_vpc: bool) -> list[policy.Statement]:
        stack = Stack.of(self)
        return shared.statements(
            self.model,
            partition=stack.partition,
            region=stack.region,
            account=stack.account,
            log_group_arn=log_group_arn(self.log_group),
            dead_letters_arn=self.dead_letters.queue_arn,
            table_arn=self.table.table_arn if self.table else "",
            destination_arn=self.destination.queue_arn if self.destination else "",
            guardrail_arn=self.guardrail.attr_guardrail_arn if self.guardrail else "",
            key_arn=self._key.key_arn if self._key else "",
            in_vpc=in_vpc,
        )

    def _make_function(self, vpc: aws_ec2.IVpc | None) -> aws_lambda.Function:
        version = self.guardrail_version
        function = handler_function(
            self,
            "Function",
            pattern=PATTERN,
            settings=self.settings.function,
            role=self.role,
            log_group=self.log_group,
            environment=shared.environment(
                self.settings,
                self.model,
                table_name=self.table.table_name if self.table else "",
                destination_url=self.destination.queue_url if self.destination else "",
                guardrail_id=self.guardrail.attr_guardrail_id if self.guardrail else "",
                guardrail_version=version.attr_version if version else "",
            ),
            key=self._key,
            vpc=vpc,
        )
        on_failure(self, "OnFailure", function, self.dead_letters)
        return function

    def _make_rule(self) -> aws_events.CfnRule | None:
        pattern = self.settings.events.bus_filter
        if pattern is None:
            return None
        return bus_rule(self, "Rule", self.function, self.dead_letters, pattern=pattern, key=self._key)

    def _make_schedule(self) -> aws_scheduler.CfnSchedule | None:
        events = self.settings.events
        if events.schedule is None:
            return None
        return schedule(
            self,
            "Schedule",
            self.function,
            self.dead_letters,
            expression=events.schedule,
            message=events.schedule_message,
            key=self._key,
        )

    def _make_alarms(self) -> list[aws_cloudwatch.Alarm]:
        specs = observability.function_llm_alarms(
            function_name=self.function.function_name,
            dead_letter_queue_name=self.dead_letters.queue_name,
            timeout_s=self.settings.function.timeout_s,
            tokens_per_hour=observability.alarm_tokens_per_hour(self.settings.budget.total_tokens_per_day),
        )
        return alarms(self, specs)

    def _make_dashboard(self) -> aws_cloudwatch.CfnDashboard:
        body = observability.function_llm_dashboard(
            region=Stack.of(self).region,
            function_name=self.function.function_name,
            api_id=self.api.api_id,
            stage=self.stage.stage_name,
            dead_letter_queue_name=self.dead_letters.queue_name,
        )
        return dashboard(self, "Dashboard", body)
