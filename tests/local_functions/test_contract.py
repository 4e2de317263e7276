"""A function's contract with Lambda, under our bootstrap and under AWS's own runtime interface client."""

from __future__ import annotations

import base64
import json
import re

import pytest
from functions_cloud import LocalCloud

CODE = """
    import json, os, sys, time
    from decimal import Decimal
    calls = 0

    def handler(event, context):
        global calls
        calls += 1
        return globals()["do_" + event.get("do", "count")](event, context)

    def do_count(event, context):
        print("counting", calls)
        return {"calls": calls, "pid": os.getpid(), "event": event}

    def do_context(event, context):
        left = context.get_remaining_time_in_millis()
        client, identity = context.client_context, context.identity
        return {
            "id": context.aws_request_id, "arn": context.invoked_function_arn, "left": left,
            "name": context.function_name, "version": context.function_version,
            "memory": context.memory_limit_in_mb, "group": context.log_group_name,
            "stream": context.log_stream_name, "trace": os.environ["_X_AMZN_TRACE_ID"],
            "custom": client and client.custom, "app": client and client.client and client.client.app_title,
            "identity": [identity.cognito_identity_id, identity.cognito_identity_pool_id],
        }

    def do_raise(event, context):
        raise KeyError("gone")

    def do_sleep(event, context):
        print("sleeping")
        time.sleep(event["s"])

    def do_exit(event, context):
        print("no line end", end="")
        os._exit(event["code"])

    def do_sys_exit(event, context):
        sys.exit(0)

    def do_value(event, context):
        values = {"set": {1}, "bytes": b"raw", "text": "Grüße \\u2603", "none": None, "nan": float("nan"),
                  "decimal": [Decimal("3"), Decimal("1.5")], "surrogate": "\\ud800", "date": time.localtime}
        return values[event["value"]]

    def do_big(event, context):
        return "x" * event["bytes"]

    def do_stderr(event, context):
        print("to stderr", file=sys.stderr)
        sys.stdout.write("two\\nlines\\n")
"""


@pytest.fixture(scope="module")
def name(either: LocalCloud) -> str:
    return either.function(CODE, Timeout=1)


def test_a_cold_start_is_followed_by_warm_invocations_in_the_same_process(
    either: LocalCloud, name: str
) -> None:
    first = either.raw(name, {"n": 1}, LogType="Tail")
    second = either.raw(name, {"n": 2}, LogType="Tail")
    a, b = json.loads(first["Payload"]), json.loads(second["Payload"])
    assert (a["calls"], b["calls"], a["pid"] == b["pid"], b["event"]) == (1, 2, True, {"n": 2})
    cold, warm = (base64.b64decode(one["LogResult"]).decode() for one in (first, second))
    assert "Init Duration" in cold
    assert "Init Duration" not in warm
    assert re.search(r"START RequestId: \S+ Version: \$LATEST\ncounting 2\nEND RequestId: \S+\nREPORT ", warm)
    assert first["ExecutedVersion"] == "$LATEST"
    assert first["StatusCode"] == 200


def test_the_context_is_complete(either: LocalCloud, name: str) -> None:
    client_context = {"custom": {"a": "b"}, "client": {"app_title": "shop"}, "env": {}}
    encoded = base64.b64encode(json.dumps(client_context).encode()).decode()
    answer = either.raw(name, {"do": "context"}, ClientContext=encoded)
    seen = json.loads(answer["Payload"])
    assert seen["id"] == answer["ResponseMetadata"]["RequestId"]
    assert seen["arn"] == f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    assert 0 < seen["left"] <= 1000
    assert (seen["name"], seen["version"], seen["memory"]) == (name, "$LATEST", "128")
    assert seen["group"] == f"/aws/lambda/{name}"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", seen["stream"])
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0", seen["trace"])
    assert (seen["custom"], seen["app"]) == ({"a": "b"}, "shop")
    assert seen["identity"] == [None, None]


def test_an_exception_has_lambdas_shape_and_the_handlers_own_frames(either: LocalCloud, name: str) -> None:
    answer = either.raw(name, {"do": "raise"}, LogType="Tail")
    failure = json.loads(answer["Payload"])
    assert answer["FunctionError"] == "Unhandled"
    assert (failure["errorType"], failure["errorMessage"]) == ("KeyError", "'gone'")
    assert failure["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert "in handler" in failure["stackTrace"][0]
    assert "in do_raise" in failure["stackTrace"][-1]
    assert not any("bootstrap" in line for line in failure["stackTrace"])
    assert "[ERROR] KeyError: 'gone'" in base64.b64decode(answer["LogResult"]).decode()


def test_a_handler_over_its_time_is_killed_and_the_next_call_gets_a_fresh_process(
    either: LocalCloud, name: str
) -> None:
    before = either.invoke(name)["pid"]
    answer = either.raw(name, {"do": "sleep", "s": 30}, LogType="Tail")
    failure = json.loads(answer["Payload"])
    assert failure["errorType"] == "Sandbox.Timedout"
    assert failure["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "sleeping\n" in log
    assert "Task timed out after 1.00 seconds\n" in log
    assert "Status: timeout" in log
    after = either.invoke(name)
    assert (after["calls"], after["pid"] == before) == (1, False)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"do": "exit", "code": 3}, "Runtime exited with error: exit status 3"),
        ({"do": "sys_exit"}, "Runtime exited without providing a reason"),
    ],
)
def test_a_process_that_ends_is_an_exit_error_and_the_next_call_works(
    either: LocalCloud, name: str, event: dict[str, object], reason: str
) -> None:
    failure = either.error(name, event)
    assert failure["errorType"] == "Runtime.ExitError"
    assert failure["errorMessage"].endswith(f"Error: {reason}")
    assert either.invoke(name)["calls"] == 1


def test_a_killed_process_names_its_signal(either: LocalCloud) -> None:
    name = either.function("import os\ndef handler(e, c): os.kill(os.getpid(), 9)")
    assert either.error(name)["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")


@pytest.mark.parametrize(
    ("code", "handler", "kind", "message"),
    [
        (
            "import nothing_there",
            "app.handler",
            "Runtime.ImportModuleError",
            "No module named 'nothing_there'",
        ),
        ("", "missing.handler", "Runtime.ImportModuleError", "Unable to import module 'missing'"),
        ("x = 1", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("def x(: pass", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("", "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
        ("", "sys.exit", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys"),
        ("1 / 0", "app.handler", "ZeroDivisionError", "division by zero"),
    ],
)
def test_a_handler_that_cannot_be_loaded_says_why(
    either: LocalCloud, code: str, handler: str, kind: str, message: str
) -> None:
    failure = either.error(either.function(code, handler=handler))
    assert failure["errorType"] == kind
    assert message in failure["errorMessage"]


def test_a_module_that_exits_while_it_is_imported_is_an_exit_error(either: LocalCloud) -> None:
    failure = either.error(either.function("import os; os._exit(7)"))
    assert failure["errorMessage"].endswith("exit status 7")


@pytest.mark.parametrize("value", ["set", "date"])
def test_a_result_that_is_not_json_is_a_marshal_error(either: LocalCloud, name: str, value: str) -> None:
    failure = either.error(name, {"do": "value", "value": value})
    assert failure["errorType"] == "Runtime.MarshalError"
    assert "Unable to marshal response: Object of type" in failure["errorMessage"]


def test_results_arrive_as_they_are(either: LocalCloud, name: str) -> None:
    def payload(value: str) -> bytes:
        return either.raw(name, {"do": "value", "value": value})["Payload"]

    assert payload("bytes") == b"raw"
    assert payload("text") == '"Grüße ☃"'.encode()
    assert payload("none") == b"null"
    assert json.loads(payload("decimal")) == [3, 1.5]
    assert payload("nan") == b"NaN"


def test_a_result_over_6_mb_is_refused_and_one_below_is_not(either: LocalCloud, name: str) -> None:
    limit = 6 * 1024 * 1024 + 100
    assert len(either.raw(name, {"do": "big", "bytes": limit - 2})["Payload"]) == limit
    failure = either.error(name, {"do": "big", "bytes": limit - 1})
    assert failure["errorType"] == "Function.ResponseSizeTooLarge"
    assert failure["errorMessage"].startswith(f"Response payload size ({limit + 1} bytes) exceeded maximum")
    assert either.invoke(name)["calls"] >= 1


def test_an_empty_payload_is_an_empty_event(either: LocalCloud, name: str) -> None:
    assert either.invoke(name)["event"] == {}


def test_stdout_and_stderr_are_logged_line_by_line(either: LocalCloud, name: str) -> None:
    either.invoke(name, {"do": "stderr"})
    lines = either.logs(f"/aws/lambda/{name}")
    start = lines.index("to stderr")
    assert lines[start : start + 3] == ["to stderr", "two", "lines"]


def test_what_was_printed_before_a_crash_is_logged(either: LocalCloud, name: str) -> None:
    either.error(name, {"do": "exit", "code": 1})
    assert "no line end" in either.logs(f"/aws/lambda/{name}")
