"""Events that are accepted are processed, dead-lettered, or said to be lost."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import pytest
from functions_cloud import ACCOUNT, REGION, LocalCloud, allow, eventually, start

from serverless_ai_local.functions.asynchronous import retry_seconds

# Fails as often as the event says, counting in a file that outlives the process.
FLAKY = """
    import json, os
    def handler(event, context):
        path = event["note"]
        with open(path, "a") as note:
            note.write(context.aws_request_id + "\\n")
        seen = len(open(path).read().splitlines())
        if seen <= event["failures"]:
            if event.get("how") == "exit": os._exit(9)
            raise RuntimeError("failure %d" % seen)
        return {"after": seen}
"""


def attempts(note: Any) -> list[str]:
    return note.read_text().splitlines() if note.exists() else []


def destinations(cloud: LocalCloud, **settings: Any) -> tuple[str, str, str]:
    """A flaky function whose role may send to its two destinations; returns name and the queues' URLs."""
    success, success_arn = cloud.queue()
    failure, failure_arn = cloud.queue()
    role = cloud.role(
        allow("logs:*"), allow("sqs:SendMessage", on=success_arn), allow("sqs:SendMessage", on=failure_arn)
    )
    name = cloud.function(FLAKY, role=role)
    cloud.client("lambda").put_function_event_invoke_config(
        FunctionName=name,
        DestinationConfig={
            "OnSuccess": {"Destination": success_arn},
            "OnFailure": {"Destination": failure_arn},
        },
        **settings,
    )
    return name, success, failure


def test_an_event_is_accepted_and_retried_under_one_request_id_until_it_succeeds(
    cloud: LocalCloud, tmp_path: Any
) -> None:
    name, success, failure = destinations(cloud)
    event = {"note": str(tmp_path / "note"), "failures": 2}
    answer = cloud.raw(name, event, InvocationType="Event")
    assert (answer["StatusCode"], answer["Payload"]) == (202, b"")
    [message] = eventually(lambda: cloud.received(success))
    record = json.loads(message["Body"])
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert attempts(tmp_path / "note") == [request_id] * 3
    assert record["requestContext"] == {
        "requestId": request_id,
        "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}:$LATEST",
        "condition": "Success",
        "approximateInvokeCount": 3,
    }
    assert record["requestPayload"] == event
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"] == {"after": 3}
    assert record["version"] == "1.0"
    assert record["timestamp"].endswith("Z")
    assert cloud.received(failure) == []


@pytest.mark.parametrize("how", ["raise", "exit"])
def test_an_event_that_keeps_failing_reaches_the_destination_with_its_reason(
    cloud: LocalCloud, tmp_path: Any, how: str
) -> None:
    name, success, failure = destinations(cloud)
    event = {"note": str(tmp_path / "note"), "failures": 99, "how": how}
    cloud.raw(name, event, InvocationType="Event")
    [message] = eventually(lambda: cloud.received(failure))
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == event
    assert record["responseContext"]["functionError"] == "Unhandled"
    expected = ("RuntimeError", "failure 3") if how == "raise" else ("Runtime.ExitError", "exit status 9")
    assert record["responsePayload"]["errorType"] == expected[0]
    assert record["responsePayload"]["errorMessage"].endswith(expected[1])
    assert len(attempts(tmp_path / "note")) == 3
    assert cloud.received(success) == []


def test_the_number_of_retries_is_the_deployed_one(cloud: LocalCloud, tmp_path: Any) -> None:
    name, _, failure = destinations(cloud, MaximumRetryAttempts=0)
    cloud.raw(name, {"note": str(tmp_path / "note"), "failures": 99}, InvocationType="Event")
    [message] = eventually(lambda: cloud.received(failure))
    assert json.loads(message["Body"])["requestContext"]["approximateInvokeCount"] == 1


def test_a_dead_letter_is_the_event_itself_with_the_error_in_its_attributes(
    cloud: LocalCloud, tmp_path: Any
) -> None:
    url, arn = cloud.queue()
    role = cloud.role(allow("logs:*"), allow("sqs:SendMessage", on=arn))
    name = cloud.function(FLAKY, role=role, DeadLetterConfig={"TargetArn": arn})
    event = {"note": str(tmp_path / "note"), "failures": 99}
    request_id = cloud.raw(name, event, InvocationType="Event")["ResponseMetadata"]["RequestId"]
    [message] = eventually(lambda: cloud.received(url))
    assert json.loads(message["Body"]) == event
    attributes = {
        key: (one["DataType"], one["StringValue"]) for key, one in message["MessageAttributes"].items()
    }
    assert attributes == {
        "RequestID": ("String", request_id),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "failure 3"),
    }


def test_destinations_can_be_topics_functions_and_buses(cloud: LocalCloud, tmp_path: Any) -> None:
    url, queue_arn = cloud.queue({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"})
    sns, events = cloud.client("sns"), cloud.client("events")
    topic = sns.create_topic(Name="results")["TopicArn"]
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue_arn, Attributes={"RawMessageDelivery": "true"}
    )
    note = tmp_path / "second"
    second = cloud.function(
        f"def handler(e, c): open({str(note)!r}, 'w').write(e['requestContext']['condition'])"
    )
    second_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{second}"
    bus = events.create_event_bus(Name="results")["EventBusArn"]
    events.put_rule(Name="all", EventBusName="results", EventPattern='{"source": ["lambda"]}')
    events.put_targets(Rule="all", EventBusName="results", Targets=[{"Id": "q", "Arn": queue_arn}])
    role = cloud.role(allow("sns:Publish", on=topic), allow("lambda:InvokeFunction", on=second_arn),
                      allow("events:PutEvents", on=bus))  # fmt: skip
    for target in (topic, second_arn, bus):
        name = cloud.function("def handler(e, c): return 1", role=role)
        cloud.client("lambda").put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": target}}
        )
        cloud.raw(name, {}, InvocationType="Event")
    eventually(note.exists)
    found: list[dict[str, Any]] = []
    eventually(lambda: found.extend(cloud.received(url)) or len(found) == 2)
    bodies = [json.loads(message["Body"]) for message in found]
    kinds = {body.get("detail-type", "plain") for body in bodies}
    assert kinds == {"plain", "Lambda Function Invocation Result - Success"}
    assert note.read_text() == "Success"


def test_a_destination_without_permission_is_said_to_lose_the_event(
    cloud: LocalCloud, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    name, _, failure = destinations(cloud, MaximumRetryAttempts=0)
    role = cloud.client("lambda").get_function_configuration(FunctionName=name)["Role"]
    cloud.permit(role, allow("logs:*"))
    with caplog.at_level(logging.WARNING):
        request_id = cloud.raw(
            name, {"note": str(tmp_path / "note"), "failures": 99}, InvocationType="Event"
        )["ResponseMetadata"]["RequestId"]
        eventually(lambda: f"lost: event {request_id}" in caplog.text)
    assert "is not authorized to perform: sqs:SendMessage" in caplog.text
    assert cloud.received(failure) == []
    statistics = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda", MetricName="DestinationDeliveryFailures", Period=60, Statistics=["Sum"],
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        StartTime=time.time() - 60, EndTime=time.time() + 60,
    )  # fmt: skip
    assert [point["Sum"] for point in statistics["Datapoints"]] == [1.0]


def test_a_throttled_event_waits_and_is_processed(cloud: LocalCloud, tmp_path: Any) -> None:
    code = """
        import time
        def handler(event, context):
            time.sleep(0.2)
            open(event["note"], "a").write("done\\n")
    """
    name = cloud.function(code)
    cloud.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    for _ in range(3):
        cloud.raw(name, {"note": str(tmp_path / "note")}, InvocationType="Event")
    eventually(lambda: len(attempts(tmp_path / "note")) == 3)
    cloud.client("lambda").delete_function_concurrency(FunctionName=name)


def test_with_a_reservation_of_zero_events_go_to_the_destination_at_once(
    cloud: LocalCloud, tmp_path: Any
) -> None:
    name, _, failure = destinations(cloud)
    cloud.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    cloud.raw(name, {"note": str(tmp_path / "note"), "failures": 0}, InvocationType="Event")
    [message] = eventually(lambda: cloud.received(failure))
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert "responsePayload" not in record
    assert attempts(tmp_path / "note") == []


def test_an_event_that_grows_too_old_between_retries_is_given_up(tmp_path: Any) -> None:
    running, stop = start(retry_s=30)
    try:
        name, _, failure = destinations(running, MaximumEventAgeInSeconds=60)
        from moto.awslambda.models import lambda_backends

        # boto3 refuses an age below a minute; the deployed record takes it.
        config = lambda_backends[ACCOUNT][REGION].get_function(name).event_invoke_config[0].config
        config["MaximumEventAgeInSeconds"] = 1
        running.events.functions.enqueue(
            f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
            json.dumps({"note": str(tmp_path / "note"), "failures": 99}).encode(),
        )
        [message] = eventually(lambda: running.received(failure))
    finally:
        stop()
    found = json.loads(message["Body"])
    assert found["requestContext"]["condition"] == "EventAgeExceeded"
    assert found["requestContext"]["approximateInvokeCount"] == 1
    assert found["responsePayload"]["errorMessage"] == "failure 1"


def test_events_of_a_function_that_is_deleted_are_said_to_be_lost(
    cloud: LocalCloud, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    name = cloud.function(FLAKY)
    request_id = cloud.raw(name, {"note": str(tmp_path / "note"), "failures": 99}, InvocationType="Event")[
        "ResponseMetadata"
    ]["RequestId"]
    cloud.client("lambda").delete_function(FunctionName=name)
    eventually(lambda: f"lost: event {request_id}" in caplog.text)


def test_what_waits_when_the_cloud_stops_is_said_to_be_lost(
    tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    running, stop = start(retry_s=60)
    name = running.function(FLAKY)
    request_id = running.raw(name, {"note": str(tmp_path / "note"), "failures": 99}, InvocationType="Event")[
        "ResponseMetadata"
    ]["RequestId"]
    eventually(lambda: [line for line in running.logs(f"/aws/lambda/{name}") if line.startswith("REPORT")])
    stop()
    eventually(lambda: f"lost: event {request_id}" in caplog.text)


@pytest.mark.parametrize("text", ["soon", "-1", "", "nan"])
def test_the_retry_time_must_be_a_number_of_seconds(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_ASYNC_RETRY_SECONDS", text)
    with pytest.raises(
        ValueError, match="LOCAL_ASYNC_RETRY_SECONDS must be a number of seconds from 0 to 3600"
    ):
        retry_seconds()
    monkeypatch.setenv("LOCAL_ASYNC_RETRY_SECONDS", "0.2")
    assert retry_seconds() == 0.2
