"""Cloud Scheduler: which minutes match, what is sent, and what cannot be deployed."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime
from typing import Any
from unittest.mock import ANY

import pytest
from google_local import HERE, Local
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.services.cron import CronError, parse
from serverless_ai_patterns.unix_cron import unix_cron

TOPIC, WAITING = f"{HERE}/topics/things", f"{HERE}/subscriptions/waiting"
DATA = base64.b64encode(b"work").decode()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "hits", "misses"),
    [
        ("* * * * *", "2026-11-24T10:11", None),
        ("0 0 * * *", "2026-11-24T00:00", "2026-11-24T00:01"),
        ("*/15 * * * *", "2026-11-24T10:45", "2026-11-24T10:46"),
        ("5-10/5 3,4 * * *", "2026-11-24T04:10", "2026-11-24T04:06"),
        ("0 9 * * 1-5", "2026-11-24T09:00", "2026-11-22T09:00"),
        ("0 9 * * 7", "2026-11-22T09:00", "2026-11-24T09:00"),
        ("0 9 13 * 5", "2026-11-27T09:00", "2026-11-26T09:00"),
        ("0 9 13 * 5", "2026-12-13T09:00", "2026-12-14T09:00"),
        ("30 2 29 2 *", "2028-02-29T02:30", "2027-03-01T02:30"),
    ],
)
def test_minutes_match(expression: str, hits: str, misses: str | None) -> None:
    matches = parse(expression, "Etc/UTC")
    assert matches(at(hits))
    assert misses is None or not matches(at(misses))


def test_the_time_zone_counts() -> None:
    matches = parse("0 9 * * *", "Europe/Berlin")
    assert matches(at("2026-11-24T08:00"))
    assert matches(at("2026-07-24T07:00"))


@pytest.mark.parametrize(
    "expression",
    ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
     "5-1 * * * *", "*/0 * * * *", "a * * * *", "1,,2 * * * *", "-1 * * * *"],
)  # fmt: skip
def test_what_is_no_cron_is_refused_when_deployed(local: Local, expression: str) -> None:
    with pytest.raises(CronError):
        parse(expression, "Etc/UTC")
    local.make(types.TOPIC, name="things")
    target = {"topicName": TOPIC, "data": DATA}
    assert "schedule" in local.refused(types.JOB, name="job", schedule=expression, pubsubTarget=target)


@given(st.integers(1, 1440), st.sampled_from(["minute", "hour", "day"]))
def test_every_rate_that_the_patterns_write_is_one(number: int, unit: str) -> None:
    try:
        expression = unix_cron(f"rate({number} {unit}{'s' if number > 1 else ''})", cloud="Google Cloud")
    except ValueError:
        return  # a rate that cron cannot say
    parse(expression, "Etc/UTC")


def received(local: Local) -> list[dict[str, Any]]:
    answer = local.send("POST", f"/v1/{WAITING}:pull", {"maxMessages": 10})
    return [one["message"] for one in answer.body.get("receivedMessages", [])]


def test_a_job_publishes_what_it_was_deployed_with(local: Local) -> None:
    local.make(types.TOPIC, name="things")
    local.make(types.SUBSCRIPTION, name="waiting", topic=TOPIC)
    target = {"topicName": TOPIC, "data": DATA, "attributes": {"source": "schedule"}}
    local.make(types.JOB, name="job", schedule="0 0 1 1 *", pubsubTarget=target)
    fired = local.admin("POST", "schedules/us-central1/job/fire")
    assert fired == {"delivered": True, "execution_id": ANY}
    (message,) = received(local)
    assert (message["data"], message["attributes"]) == (DATA, {"source": "schedule"})
    assert message["messageId"] == fired["execution_id"]
    for path in ("schedules/europe-west1/job/fire", "schedules/us-central1/other/fire"):
        assert local.send("POST", f"/_local/{path}").status == 404


def test_a_job_calls_a_function_as_its_account(local: Local) -> None:
    fn = local.function("def go(request):\n    print(request.get_data().decode())\n    return ''\n")
    email = local.account("caller")
    http = {
        "uri": fn["url"],
        "body": DATA,
        "oidcToken": {"serviceAccountEmail": email, "audience": fn["url"]},
    }
    local.make(types.JOB, name="job", schedule="0 0 1 1 *", httpTarget=http)
    assert local.admin("POST", "schedules/us-central1/job/fire") == {"delivered": False, "status": 403}
    member = f"serviceAccount:{email}"
    local.make(
        types.SERVICE_MEMBER, name="fn", location="us-central1", role="roles/run.invoker", member=member
    )
    assert local.admin("POST", "schedules/us-central1/job/fire") == {"delivered": True, "status": 200}
    end = time.monotonic() + 5
    while "work" not in str(local.admin("GET", "gcp/functions/fn/logs")):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_jobs_run_by_the_clock_unless_they_are_paused(local: Local) -> None:
    from serverless_ai_local.aws.iam.ledger import Ledger
    from serverless_ai_local.gcp.google import Google
    from serverless_ai_local.gcp.registry import Deployed
    from serverless_ai_local.gcp.services.scheduler import Scheduler

    google = Google(local.url, local.models, Ledger())
    try:
        published = list[str]()

        class Topics:
            def publish(self, topic: str, data: str, attributes: Any) -> str:
                published.append(data)
                return "1"

        place = {"project": "p", "region": "r"}
        google._registry.put(Deployed(token=types.TOPIC, id=TOPIC, uid="t", inputs={}, **place))
        for name, paused in (("a", False), ("b", True)):
            inputs = {"name": name, "schedule": "30 9 * * *", "paused": paused}
            inputs["pubsubTarget"] = {"topicName": TOPIC, "data": name}
            google._registry.put(Deployed(token=types.JOB, id=name, uid=name, inputs=inputs, **place))
        scheduler = Scheduler(google._registry, Topics(), google._tokens)
        scheduler.tick(at("2026-11-24T09:29"))
        assert published == []
        scheduler.tick(at("2026-11-24T09:30"))
        assert published == ["a"]
    finally:
        google.stop()
