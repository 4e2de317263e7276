"""The clock behind schedules and scheduled rules."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from moto.events.models import events_backends
from moto.scheduler.models import Schedule, scheduler_backends

from serverless_ai_local.aws.event_targets import EventTargets
from serverless_ai_local.aws.moto_backends import ACCOUNT
from serverless_ai_local.aws.schedule_expressions import ScheduleError, parse
from serverless_ai_local.aws.scheduler import Scheduler

TICK_S: Final = 1.0
"""New and changed schedules are seen this soon."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """Something that is due by an expression."""

    key: str
    expression: str
    timezone: str
    since: datetime
    until: datetime | None
    run: Callable[[datetime], None]
    last: Callable[[], None]
    """Called after the last run."""


class Clock:
    """Runs what is due, in the background. Flexible time windows are ignored: all is due at its time."""

    def __init__(
        self,
        scheduler: Scheduler,
        targets: EventTargets,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._scheduler, self._targets, self._now = scheduler, targets, now
        self._stopped = threading.Event()
        self._next: dict[str, tuple[tuple[Any, ...], datetime | None]] = {}

    def start(self) -> None:
        """Begin to tick."""
        threading.Thread(target=self._run, daemon=True, name="clock").start()

    def stop(self) -> None:
        """Run nothing more."""
        self._stopped.set()

    def tick(self) -> None:
        """Run everything that has become due since the last tick."""
        now = self._now()
        entries = {entry.key: entry for entry in (*self._schedules(), *self._rules())}
        for key in set(self._next) - set(entries):
            del self._next[key]
        for entry in entries.values():
            self._step(entry, now)

    def _step(self, entry: _Entry, now: datetime) -> None:
        signature = (entry.expression, entry.timezone, entry.since, entry.until)
        known, due = self._next.get(entry.key, (None, None))
        if known != signature:
            # Seen for the first time, or changed: what was due before does not count.
            due = self._due_after(entry, max(now, entry.since - timedelta(microseconds=1)))
        elif due is not None and due <= now:
            entry.run(due)
            due = self._due_after(entry, now)
            if due is None:
                entry.last()
        self._next[entry.key] = signature, due

    def _due_after(self, entry: _Entry, moment: datetime) -> datetime | None:
        try:
            due = parse(entry.expression, entry.timezone).next_after(moment, entry.since)
        except ScheduleError as error:
            _log.warning("%s does not run: %s", entry.key, error)
            return None
        return None if due is not None and entry.until is not None and due > entry.until else due

    def _schedules(self) -> Iterator[_Entry]:
        for backend in list(scheduler_backends[ACCOUNT].values()):
            groups: list[Any] = list(backend.schedule_groups.values())
            for group in groups:
                schedules: list[Schedule] = list(group.schedules.values())
                for schedule in schedules:
                    if schedule.state == "ENABLED":
                        yield self._entry(schedule, partial(group.delete_schedule, schedule.name))

    def _entry(self, schedule: Schedule, delete: Callable[[], None]) -> _Entry:
        done = delete if schedule.action_after_completion == "DELETE" else _nothing
        return _Entry(
            key=schedule.arn,
            expression=schedule.schedule_expression,
            timezone=schedule.schedule_expression_timezone,
            since=_moment(schedule.start_date) or _created(schedule.creation_date),
            until=_moment(schedule.end_date),
            run=lambda moment: self._scheduler.due(schedule, moment),
            last=done,
        )

    def _rules(self) -> Iterator[_Entry]:
        for backend in list(events_backends[ACCOUNT].values()):
            for rule in list(backend.event_buses["default"].rules.values()):
                if rule.state != "ENABLED" or not rule.scheduled_expression:
                    continue
                known = self._next.get(rule.arn)
                yield _Entry(
                    key=rule.arn,
                    expression=rule.scheduled_expression,
                    timezone="UTC",
                    since=known[0][2] if known is not None else self._now(),
                    until=None,
                    run=lambda moment, rule=rule: self._targets.deliver(
                        rule, _scheduled_event(rule.arn, moment)
                    ),
                    last=_nothing,
                )

    def _run(self) -> None:
        while not self._stopped.wait(TICK_S):
            try:
                self.tick()
            except Exception:
                _log.exception("the clock of the local cloud missed a tick")


def _nothing() -> None:
    """Most schedules stay after their last run."""


def _created(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _moment(value: Any) -> datetime | None:
    """moto keeps start and end as they came: a number, or text of one."""
    return None if value in (None, "") else datetime.fromtimestamp(float(value), UTC)


def _scheduled_event(rule_arn: str, moment: datetime) -> dict[str, Any]:
    _, _, _, region, account, _ = rule_arn.split(":", 5)
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [rule_arn],
        "detail": {},
    }
