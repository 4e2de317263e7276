"""Logs, metrics and traces of functions, written with the permissions of their roles."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import pytest
from functions_cloud import WAIT, LocalCloud, allow, eventually

PRINT = "def handler(e, c): print(e.get('say', 'hello')); return 1"
LOGGING = """
    import logging, sys
    log = logging.getLogger("shop")
    def handler(event, context):
        log.debug("quiet"); log.info("told %s", "once"); log.warning("careful", extra={"order": 7})
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("broken")
        if event.get("raise"):
            raise ValueError("no")
"""


def records(cloud: LocalCloud, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in cloud.logs(f"/aws/lambda/{name}")]


def statistic(cloud: LocalCloud, namespace: str, metric: str, name: str, kind: str = "Sum") -> list[float]:
    answer = cloud.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        StartTime=time.time() - 300,
        EndTime=time.time() + 60,
        Period=300,
        Statistics=[kind],
    )
    return [point[kind] for point in answer["Datapoints"]]


def test_text_logs_have_lambdas_lines_in_order(cloud: LocalCloud) -> None:
    name = cloud.function(PRINT)
    request_id = cloud.raw(name)["ResponseMetadata"]["RequestId"]
    lines = cloud.logs(f"/aws/lambda/{name}")
    assert lines[0].startswith("INIT_START Runtime Version: python3.13")
    assert lines[1:4] == [
        f"START RequestId: {request_id} Version: $LATEST",
        "hello",
        f"END RequestId: {request_id}",
    ]
    assert lines[4].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert "\tMemory Size: 128 MB\t" in lines[4]


def test_json_logs_have_platform_records(cloud: LocalCloud) -> None:
    name = cloud.function(PRINT, LoggingConfig={"LogFormat": "JSON"})
    request_id = cloud.raw(name)["ResponseMetadata"]["RequestId"]
    lines = cloud.logs(f"/aws/lambda/{name}")
    assert lines.pop(2) == "hello"
    init, start, report = (json.loads(line) for line in lines)
    assert [init["type"], start["type"], report["type"]] == [
        "platform.initStart",
        "platform.start",
        "platform.report",
    ]
    assert start["record"]["requestId"] == request_id
    assert report["record"]["status"] == "success"
    assert set(report["record"]["metrics"]) >= {
        "durationMs",
        "billedDurationMs",
        "memorySizeMB",
        "initDurationMs",
    }


def test_a_system_log_level_of_warn_keeps_only_the_failures(cloud: LocalCloud) -> None:
    code = "def handler(e, c): return 1 / e['by']"
    settings = {"LogFormat": "JSON", "SystemLogLevel": "WARN"}
    name = cloud.function(code, LoggingConfig=settings, Timeout=1)
    cloud.invoke(name, {"by": 1})
    assert records(cloud, name) == []
    cloud.error(name, {"by": 0})
    kinds = [record.get("type", record.get("level")) for record in records(cloud, name)]
    assert kinds == ["ERROR", "platform.report"]


def test_the_logging_module_writes_lambdas_json(cloud: LocalCloud) -> None:
    name = cloud.function(LOGGING, LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"})
    answer = cloud.raw(name, {"raise": True})
    request_id = answer["ResponseMetadata"]["RequestId"]
    told, careful, broken, error, _ = records(cloud, name)
    assert (told["level"], told["message"], told["logger"], told["requestId"]) == (
        "INFO", "told once", "shop", request_id,
    )  # fmt: skip
    assert (careful["level"], careful["order"]) == ("WARNING", 7)
    assert (broken["errorType"], broken["errorMessage"]) == ("ZeroDivisionError", "division by zero")
    assert "1 / 0" in "".join(broken["stackTrace"])
    assert (error["level"], error["errorType"], error["requestId"]) == ("ERROR", "ValueError", request_id)


def test_the_logging_module_writes_lambdas_text(cloud: LocalCloud) -> None:
    name = cloud.function(LOGGING)
    request_id = cloud.raw(name)["ResponseMetadata"]["RequestId"]
    lines = cloud.logs(f"/aws/lambda/{name}")
    [careful] = [line for line in lines if "careful" in line]
    assert careful.startswith("[WARNING]\t")
    assert careful.endswith(f"Z\t{request_id}\tcareful")
    assert not [line for line in lines if "told" in line]


def test_application_lines_below_the_level_are_dropped_and_others_kept(cloud: LocalCloud) -> None:
    code = """
        import json
        def handler(event, context):
            for level in ("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "odd"):
                print(json.dumps({"timestamp": "2026-01-01T00:00:00Z", "level": level}))
            print(json.dumps({"level": "DEBUG", "without": "time"}))
            print("plain")
    """
    settings = {"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "WARN"}
    name = cloud.function(code, LoggingConfig=settings)
    cloud.raw(name)
    lines = cloud.logs(f"/aws/lambda/{name}")
    levels = [json.loads(line)["level"] for line in lines if line != "plain"]
    assert levels == ["WARN", "WARNING", "ERROR", "odd", "DEBUG"]
    assert lines[-1] == "plain"


def test_a_shared_log_group_has_streams_with_the_functions_name(cloud: LocalCloud) -> None:
    cloud.client("logs").create_log_group(logGroupName="/shared")
    name = cloud.function(PRINT, LoggingConfig={"LogGroup": "/shared"})
    cloud.invoke(name)
    streams = cloud.client("logs").describe_log_streams(logGroupName="/shared")["logStreams"]
    assert f"/{name}[$LATEST]" in streams[0]["logStreamName"]
    assert "hello" in cloud.logs("/shared")


def test_long_invocations_are_logged_while_they_run(cloud: LocalCloud, tmp_path: Any) -> None:
    code = (
        WAIT
        + """
    def handler(event, context):
        print("working")
        wait(event)
"""
    )
    name, until = cloud.function(code, Timeout=30), tmp_path / "until"
    cloud.raw(name, {"until": str(until)}, InvocationType="Event")
    eventually(lambda: "working" in cloud.logs(f"/aws/lambda/{name}"))
    assert not [line for line in cloud.logs(f"/aws/lambda/{name}") if line.startswith("END")]
    until.touch()


def test_a_log_group_that_is_deleted_and_made_again_gets_the_next_lines(cloud: LocalCloud) -> None:
    name, logs = cloud.function(PRINT), cloud.client("logs")
    cloud.invoke(name, {"say": "first"})
    logs.delete_log_group(logGroupName=f"/aws/lambda/{name}")
    cloud.invoke(name, {"say": "second"})
    lines = cloud.logs(f"/aws/lambda/{name}")
    assert "second" in lines
    assert "first" not in lines


def test_a_line_longer_than_an_event_is_split_and_not_lost(cloud: LocalCloud) -> None:
    name = cloud.function(f"def handler(e, c): print('x' * {600 * 1024})")
    cloud.raw(name)
    parts = [line for line in cloud.logs(f"/aws/lambda/{name}") if set(line) == {"x"}]
    assert len(parts) > 1
    assert sum(map(len, parts)) == 600 * 1024


def test_bytes_that_are_not_utf_8_do_not_stop_the_log(cloud: LocalCloud) -> None:
    name = cloud.function("import os\ndef handler(e, c): os.write(1, b'\\xff\\xfe\\n'); print('after')")
    cloud.raw(name)
    assert "after" in cloud.logs(f"/aws/lambda/{name}")


@pytest.mark.parametrize("missing", ["logs:CreateLogStream", "logs:PutLogEvents"])
def test_a_role_that_may_not_log_runs_without_a_log_and_it_is_said_once(
    cloud: LocalCloud, missing: str, caplog: pytest.LogCaptureFixture
) -> None:
    actions = {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"} - {missing}
    name = cloud.function(PRINT, role=cloud.role(allow(*actions)))
    assert [cloud.invoke(name), cloud.invoke(name)] == [1, 1]
    assert cloud.logs(f"/aws/lambda/{name}") == []
    said = [record.message for record in caplog.records if name in record.message]
    assert len(said) == 1
    assert f"is not authorized to perform: {missing}" in said[0]


def test_the_exact_permissions_of_a_deployed_log_group_are_enough(cloud: LocalCloud) -> None:
    group = "/exact"
    cloud.client("logs").create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"
    role = cloud.role(allow("logs:CreateLogStream", "logs:PutLogEvents", on=arn))
    cloud.invoke(cloud.function(PRINT, role=role, LoggingConfig={"LogGroup": group}))
    assert "hello" in cloud.logs(group)
    used = {check["action"] for check in cloud.ledger.checks(role.rsplit("/", 1)[1])}
    assert used == {"logs:CreateLogStream", "logs:PutLogEvents"}


def test_metrics_of_invocations_errors_and_throttles(cloud: LocalCloud) -> None:
    name = cloud.function("def handler(e, c): return 1 / e['by']")
    cloud.invoke(name, {"by": 1})
    cloud.error(name, {"by": 0})
    cloud.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    cloud.events.functions.invoke(f"arn:aws:lambda:us-east-1:123456789012:function:{name}", b"{}")
    cloud.client("lambda").delete_function_concurrency(FunctionName=name)
    assert statistic(cloud, "AWS/Lambda", "Invocations", name) == [2.0]
    assert statistic(cloud, "AWS/Lambda", "Errors", name) == [1.0]
    assert statistic(cloud, "AWS/Lambda", "Throttles", name) == [1.0]
    assert statistic(cloud, "AWS/Lambda", "Duration", name, "SampleCount") == [2.0]
    assert statistic(cloud, "AWS/Lambda", "ConcurrentExecutions", name, "Maximum") == [1.0]


def test_metrics_in_log_lines_reach_cloudwatch_with_their_dimensions(
    cloud: LocalCloud, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
        import json, time
        def handler(event, context):
            print(json.dumps({
                "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [{
                    "Namespace": "Shop", "Dimensions": [["FunctionName"], []],
                    "Metrics": [{"Name": "Tokens", "Unit": "Count"}, {"Name": "Many"}]}]},
                "FunctionName": context.function_name, "Tokens": event["tokens"], "Many": [1, 2]}))
    """
    name = cloud.function(code)
    cloud.raw(name, {"tokens": 5})
    cloud.raw(name, {"tokens": 7})
    assert statistic(cloud, "Shop", "Tokens", name) == [12.0]
    assert statistic(cloud, "Shop", "Many", name, "SampleCount") == [4.0]
    cloud.raw(name, {"tokens": "many"})
    assert "logged metrics that CloudWatch does not take: metric 'Tokens' must be a number" in caplog.text


def test_an_active_trace_can_be_read_back(cloud: LocalCloud) -> None:
    role = cloud.role(allow("logs:*"), allow("xray:PutTraceSegments", "xray:PutTelemetryRecords"))
    code = """
        import os
        def handler(event, context):
            if event: raise ValueError("no")
            return os.environ["_X_AMZN_TRACE_ID"]
    """
    name = cloud.function(code, role=role, TracingConfig={"Mode": "Active"})
    header = cloud.invoke(name)
    assert header.endswith("Sampled=1")
    trace_id = header.split(";")[0].removeprefix("Root=")
    xray = cloud.client("xray")
    [trace] = xray.batch_get_traces(TraceIds=[trace_id])["Traces"]
    service, function = sorted(
        (json.loads(one["Document"]) for one in trace["Segments"]), key=lambda one: one["origin"]
    )
    assert (service["origin"], function["origin"]) == ("AWS::Lambda", "AWS::Lambda::Function")
    assert function["parent_id"] == service["id"]
    assert [part["name"] for part in function["subsegments"]] == ["Initialization", "Invocation"]
    cloud.error(name, {"fail": True})
    summaries = xray.get_trace_summaries(StartTime=int(time.time()) - 60, EndTime=int(time.time()) + 60)
    found = {one["Id"]: one["HasFault"] for one in summaries["TraceSummaries"]}
    assert found[trace_id] is False
    assert True in found.values()
    used = {check["action"] for check in cloud.ledger.checks(role.rsplit("/", 1)[1])}
    assert used >= {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def test_a_role_that_may_not_trace_runs_without_traces(
    cloud: LocalCloud, caplog: pytest.LogCaptureFixture
) -> None:
    role = cloud.role(allow("logs:*"), allow("xray:PutTelemetryRecords"))
    name = cloud.function(PRINT, role=role, TracingConfig={"Mode": "Active"})
    with caplog.at_level(logging.WARNING):
        assert cloud.invoke(name) == 1
    assert f"traces of function {name} are lost" in caplog.text


def test_the_callers_trace_is_continued(cloud: LocalCloud) -> None:
    name = cloud.function("import os\ndef handler(e, c): return os.environ['_X_AMZN_TRACE_ID']")
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    root = "Root=1-67890abc-0123456789abcdef01234567"
    for sampled in "01":
        answer = cloud.events.functions.invoke(
            arn, b"{}", trace_header=f"{root};Parent=0123456789abcdef;Sampled={sampled}"
        )
        seen = json.loads(answer.payload)
        assert seen.startswith(root)
        assert seen.endswith(f"Sampled={sampled}")
        assert "0123456789abcdef;" not in seen
