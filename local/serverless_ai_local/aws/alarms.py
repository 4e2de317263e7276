"""CloudWatch alarms that watch: moto keeps them, this evaluates them and tells their topics."""

from __future__ import annotations

import json
import logging
import operator
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.cloudwatch.models import Alarm, cloudwatch_backends
from werkzeug.wrappers import Response

from serverless_ai_local.aws import arns, statistics
from serverless_ai_local.aws.api import ApiError, Call, Handler, Operations
from serverless_ai_local.aws.calls import parameters
from serverless_ai_local.aws.delivery import Deliveries, Undeliverable
from serverless_ai_local.aws.metrics import Metrics
from serverless_ai_local.aws.moto_backends import ACCOUNT
from serverless_ai_local.aws.resource_policies import Service

PRINCIPAL: Final = "cloudwatch.amazonaws.com"
SERVICE: Final = "monitoring"
TICK_S: Final = 5.0
_COMPARE: Final[Mapping[str, tuple[Callable[[float, float], bool], str]]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
_MISSING: Final = ("missing", "notBreaching", "breaching", "ignore")
_ACTIONS: Final = {
    "ALARM": "alarm_actions",
    "OK": "ok_actions",
    "INSUFFICIENT_DATA": "insufficient_data_actions",
}
_log = logging.getLogger(__name__)


class Alarms:
    """Evaluates every alarm on a tick and when asked for. Periods end now, so that a breach shows at once."""

    def __init__(
        self,
        metrics: Metrics,
        deliveries: Deliveries,
        forward: Handler,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._metrics, self._deliveries, self._forward, self._now = metrics, deliveries, forward, now
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {
            (SERVICE, "PutMetricAlarm"): self._put,
            (SERVICE, "DescribeAlarms"): self._describe,
            (SERVICE, "DescribeAlarmsForMetric"): self._describe,
        }

    def start(self) -> None:
        """Begin to tick."""
        threading.Thread(target=self._run, daemon=True, name="alarms").start()

    def stop(self) -> None:
        """Evaluate nothing more."""
        self._stopped.set()

    def evaluate(self) -> None:
        """Bring every alarm into the state that its metric says."""
        self._metrics.sample_queues()
        with self._lock:
            for region, backend in list(cloudwatch_backends[ACCOUNT].items()):
                for alarm in list(backend.alarms.values()):
                    if alarm.rule is None and alarm.metric_name:
                        self._evaluate(region, alarm)

    def _evaluate(self, region: str, alarm: Alarm) -> None:
        points = self._points(region, alarm)
        state, reason = judge(alarm, points)
        if state == alarm.state_value:
            return
        old = alarm.state_value
        data = {
            "version": "1.0",
            "queryDate": _iso(self._now()),
            "statistic": _statistic(alarm),
            "period": int(alarm.period),
            "recentDatapoints": [point for point in points if point is not None],
            "threshold": float(alarm.threshold),
        }
        alarm.update_state(reason, json.dumps(data), state)
        if alarm.actions_enabled:
            self._act(region, alarm, old)

    def _points(self, region: str, alarm: Alarm) -> list[float | None]:
        """The statistic of each period that counts, the latest first."""
        now = self._now().astimezone(UTC).replace(tzinfo=None)
        period = timedelta(seconds=int(alarm.period))
        return [
            statistics.value(
                statistics.samples(
                    region,
                    namespace=alarm.namespace,
                    metric=alarm.metric_name,
                    dimensions={str(one.name): str(one.value) for one in alarm.dimensions},
                    since=now - (index + 1) * period,
                    until=now - index * period,
                ),
                _statistic(alarm),
            )
            for index in range(int(alarm.evaluation_periods))
        ]

    def _act(self, region: str, alarm: Alarm, old: str) -> None:
        actions: Sequence[str] = getattr(alarm, _ACTIONS[alarm.state_value])
        message = {
            "AlarmName": alarm.name,
            "AlarmDescription": alarm.description,
            "AWSAccountId": ACCOUNT,
            "NewStateValue": alarm.state_value,
            "NewStateReason": alarm.state_reason,
            "StateChangeTime": _iso(self._now()),
            "Region": region,
            "AlarmArn": alarm.alarm_arn,
            "OldStateValue": old,
            "Trigger": {
                "MetricName": alarm.metric_name,
                "Namespace": alarm.namespace,
                "Dimensions": [{"name": one.name, "value": one.value} for one in alarm.dimensions],
                "Period": int(alarm.period),
                "EvaluationPeriods": int(alarm.evaluation_periods),
                "ComparisonOperator": alarm.comparison_operator,
                "Threshold": float(alarm.threshold),
            },
        }
        service = Service(principal=PRINCIPAL, source_arn=alarm.alarm_arn)
        for action in actions:
            arn = arns.parse(action)
            subject = f'{alarm.state_value}: "{alarm.name}" in {region}'[:100]
            try:
                if arn.service == "lambda":
                    self._deliveries.function(arn, json.dumps(message).encode(), service)
                else:
                    self._deliveries.topic(arn, json.dumps(message), service, subject=subject)
            except Undeliverable as error:
                _log.warning("alarm %s could not tell %s: %s", alarm.name, action, error)

    def _put(self, call: Call) -> Response:
        given = parameters(call)
        _require(given)
        alarms, name = cloudwatch_backends[call.account][call.region].alarms, given["AlarmName"]
        old = alarms.get(name)
        response = self._forward(call)
        if response.status_code < 400:
            # A changed alarm keeps its state; moto would say OK, the cloud says that it does not know yet.
            reason, data = "Unchecked: Initial alarm creation", "{}"
            if old is not None:
                alarms[name].update_state(old.state_reason, old.state_reason_data, old.state_value)
            else:
                alarms[name].update_state(reason, data, "INSUFFICIENT_DATA")
        return response

    def _describe(self, call: Call) -> Response:
        self.evaluate()
        return self._forward(call)

    def _run(self) -> None:
        while not self._stopped.wait(TICK_S):
            try:
                self.evaluate()
            except Exception:
                _log.exception("the alarms of the local cloud missed a tick")


def judge(alarm: Alarm, points: Sequence[float | None]) -> tuple[str, str]:
    """The state that data points (the latest first) put an alarm in, and the reason in CloudWatch's words."""
    compare, words = _COMPARE[alarm.comparison_operator]
    threshold = float(alarm.threshold)
    needed = int(alarm.datapoints_to_alarm or alarm.evaluation_periods)
    present = [point for point in points if point is not None]
    breaching = [point for point in present if compare(point, threshold)]
    missing = len(points) - len(present)
    treatment = alarm.treat_missing_data or "missing"
    if not present and treatment in ("missing", "ignore"):
        if treatment == "ignore":
            return alarm.state_value, alarm.state_reason
        return "INSUFFICIENT_DATA", f"Insufficient Data: {missing} datapoints were unknown."
    count = len(breaching) + (missing if treatment == "breaching" else 0)
    if count >= needed:
        state, verb, shown = "ALARM", "was" if count == 1 else "were", breaching
    else:
        state, verb, shown = "OK", "was not" if len(points) == 1 else "were not", present
    found = f"{count if state == 'ALARM' else len(points)} datapoint{'s' if len(points) > 1 else ''} {shown}"
    return state, f"Threshold Crossed: {found} {verb} {words} the threshold ({threshold})."


def _require(given: Mapping[str, Any]) -> None:
    """Raise `ApiError` for an alarm that would never be evaluated."""
    if given.get("Metrics") or given.get("ThresholdMetricId"):
        raise ApiError("ValidationError", "alarms on metric math are not offered locally; MetricName is")
    statistic = given.get("Statistic") or given.get("ExtendedStatistic") or ""
    if not statistics.known(statistic):
        raise ApiError("ValidationError", f"the statistic {statistic!r} is not offered locally")
    if given.get("ComparisonOperator") not in _COMPARE:
        known = ", ".join(_COMPARE)
        raise ApiError(
            "ValidationError", f"ComparisonOperator {given.get('ComparisonOperator')!r} is not one of {known}"
        )
    if given.get("TreatMissingData", "missing") not in _MISSING:
        raise ApiError("ValidationError", f"TreatMissingData must be one of {', '.join(_MISSING)}")
    for name in ("AlarmActions", "OKActions", "InsufficientDataActions"):
        for action in given.get(name) or ():
            if action.split(":")[2:3] not in (["sns"], ["lambda"]):
                raise ApiError(
                    "ValidationError", f"the action {action} is not offered locally; sns and lambda are"
                )


def _statistic(alarm: Alarm) -> str:
    return str(alarm.extended_statistic or alarm.statistic)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
