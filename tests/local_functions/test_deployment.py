"""What is deployed counts at the next invocation, and what cannot run is refused by name."""

from __future__ import annotations

import io
import json
import stat
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from functions_cloud import WAIT, LocalCloud, allow, eventually, zipped

HERE = "us-east-1:123456789012"
FILES = "arn:aws:elasticfilesystem:us-east-1:1:access-point/fsap-01234567890123456"
PID = "import os\ndef handler(e, c): return [os.getpid(), os.environ.get('V'), c.memory_limit_in_mb, {tag!r}]"


def test_new_code_takes_effect_at_the_next_call(cloud: LocalCloud) -> None:
    name = cloud.function(PID.format(tag="old"))
    assert cloud.invoke(name)[3] == "old"
    cloud.client("lambda").update_function_code(FunctionName=name, ZipFile=zipped(app=PID.format(tag="new")))
    assert cloud.invoke(name)[3] == "new"


@pytest.mark.parametrize(
    "change",
    [
        {"Environment": {"Variables": {"V": "2"}}},
        {"MemorySize": 256},
        {"Timeout": 9},
        {"Handler": "app.other"},
        {"LoggingConfig": {"LogFormat": "JSON"}},
        {"TracingConfig": {"Mode": "Active"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_new_configuration_retires_warm_environments(cloud: LocalCloud, change: dict[str, Any]) -> None:
    name = cloud.function(PID.format(tag="") + "\nother = handler")
    before = cloud.invoke(name)[0]
    assert cloud.invoke(name)[0] == before
    cloud.client("lambda").update_function_configuration(FunctionName=name, **change)
    assert cloud.invoke(name)[0] != before


def test_what_does_not_concern_the_process_keeps_it_warm(cloud: LocalCloud) -> None:
    name = cloud.function(PID.format(tag=""))
    before = cloud.invoke(name)[0]
    cloud.client("lambda").update_function_configuration(FunctionName=name, Description="other")
    assert cloud.invoke(name)[0] == before


def test_an_invocation_that_runs_is_finished_by_the_old_code(cloud: LocalCloud, tmp_path: Any) -> None:
    def code(tag: str) -> str:
        return (
            WAIT
            + f"""
    def handler(event, context):
        open({str(tmp_path / "begun")!r}, "w").close()
        wait(event)
        return {tag!r}
"""
        )

    name, until = cloud.function(code("old"), Timeout=30), tmp_path / "until"
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    with ThreadPoolExecutor(1) as pool:
        event = json.dumps({"until": str(until)}).encode()
        running = pool.submit(cloud.events.functions.invoke, arn, event)
        eventually((tmp_path / "begun").exists)
        cloud.client("lambda").update_function_code(FunctionName=name, ZipFile=zipped(app=code("new")))
        assert cloud.invoke(name) == "new"
        until.touch()
        assert running.result().payload == b'"old"'


def test_versions_and_aliases_run_their_own_code(cloud: LocalCloud) -> None:
    client = cloud.client("lambda")
    code = "def handler(e, c): return [{tag!r}, c.function_version, c.invoked_function_arn.split(':')[-1]]"
    name = cloud.function(code.format(tag="one"))
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_function_code(FunctionName=name, ZipFile=zipped(app=code.format(tag="two")))
    client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    assert cloud.invoke(name) == ["two", "$LATEST", name]
    assert cloud.invoke(name, Qualifier=version) == ["one", version, version]
    assert cloud.invoke(f"{name}:live") == ["one", version, "live"]
    assert cloud.raw(name, Qualifier="live")["ExecutedVersion"] == version
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="Function not found"):
        cloud.raw(name, Qualifier="other")


def test_a_deleted_function_is_unknown_and_its_processes_end(cloud: LocalCloud) -> None:
    name = cloud.function(PID.format(tag=""))
    cloud.invoke(name)
    cloud.client("lambda").delete_function(FunctionName=name)
    with pytest.raises(cloud.client("lambda").exceptions.ResourceNotFoundException):
        cloud.raw(name)
    eventually(lambda: name not in [one.deployed.name for one in cloud.events.functions.environments()])


def test_the_host_says_key_error_for_an_unknown_function(cloud: LocalCloud) -> None:
    for arn in ("arn:aws:lambda:us-east-1:123456789012:function:nothing", "nothing", "arn:aws:sqs:a:b:c"):
        with pytest.raises(KeyError):
            cloud.events.functions.invoke(arn, b"{}")
        with pytest.raises(KeyError):
            cloud.events.functions.enqueue(arn, b"{}")


def test_settings_that_moto_drops_come_back(cloud: LocalCloud) -> None:
    client = cloud.client("lambda")
    _, queue = cloud.queue()
    role = cloud.role(allow("sqs:SendMessage", on=queue))
    logging = {"LogFormat": "JSON", "SystemLogLevel": "WARN", "LogGroup": "/mine"}
    name = cloud.function(PID, role=role, LoggingConfig=logging, DeadLetterConfig={"TargetArn": queue})
    found = client.get_function_configuration(FunctionName=name)
    assert found["LoggingConfig"] == logging
    assert found["DeadLetterConfig"] == {"TargetArn": queue}
    assert client.get_function(FunctionName=name)["Configuration"]["LoggingConfig"] == logging
    client.update_function_configuration(FunctionName=name, Description="x")
    listed = {one["FunctionName"]: one for one in client.list_functions()["Functions"]}
    assert listed[name]["LoggingConfig"] == logging
    assert client.publish_version(FunctionName=name)["LoggingConfig"] == logging
    plain = client.get_function_configuration(FunctionName=cloud.function(PID))
    assert plain["LoggingConfig"]["LogFormat"] == "Text"
    assert "DeadLetterConfig" not in plain


def test_tracing_and_storage_can_be_updated(cloud: LocalCloud) -> None:
    name = cloud.function(PID)
    found = cloud.client("lambda").update_function_configuration(
        FunctionName=name, TracingConfig={"Mode": "Active"}, EphemeralStorage={"Size": 1024}
    )
    assert (found["TracingConfig"], found["EphemeralStorage"]) == ({"Mode": "Active"}, {"Size": 1024})


def test_an_event_invoke_config_is_replaced_by_put_and_merged_by_update(cloud: LocalCloud) -> None:
    client, name = cloud.client("lambda"), cloud.function(PID)
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    client.put_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=60)
    found = client.get_function_event_invoke_config(FunctionName=name)
    assert found["MaximumEventAgeInSeconds"] == 60
    assert "MaximumRetryAttempts" not in found
    client.update_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    found = client.get_function_event_invoke_config(FunctionName=name)
    assert (found["MaximumEventAgeInSeconds"], found["MaximumRetryAttempts"]) == (60, 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"Runtime": "nodejs22.x"}, "nodejs22.x does not run locally; python3.* and provided.* do"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "reserved keys.*AWS_REGION"),
        ({"Environment": {"Variables": {"BIG": "x" * 5000}}}, "exceeded the 4KB limit"),
        ({"FileSystemConfigs": [{"Arn": FILES, "LocalMountPath": "/mnt/x"}]}, "not offer FileSystemConfigs"),
        ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "SnapStart is not offered locally"),
        ({"Timeout": 901}, "Timeout must be a whole number from 1 to 900, got 901"),
        ({"MemorySize": 10_241}, "MemorySize must be a whole number from 128 to 10240, got 10241"),
        ({"DeadLetterConfig": {"TargetArn": f"arn:aws:kinesis:{HERE}:stream/s"}}, "cannot be a target"),
        ({"DeadLetterConfig": {"TargetArn": f"arn:aws:sqs:{HERE}:q"}}, "to call SendMessage on"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}, "CreateNetworkInterface"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_what_cannot_run_is_refused_by_name(
    cloud: LocalCloud, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        cloud.function(PID, **settings)
    name = cloud.function(PID)
    with pytest.raises(ClientError, match=message):
        cloud.client("lambda").update_function_configuration(FunctionName=name, **settings)


def test_a_destination_needs_the_roles_permission(cloud: LocalCloud) -> None:
    name = cloud.function(PID)
    destination = {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:q"}}
    with pytest.raises(ClientError, match="does not have permissions to call SendMessage on"):
        cloud.client("lambda").put_function_event_invoke_config(
            FunctionName=name, DestinationConfig=destination
        )


def test_code_that_is_not_a_zip_is_an_error_of_the_function(cloud: LocalCloud) -> None:
    name = cloud.function(PID)
    cloud.client("lambda").update_function_code(FunctionName=name, ZipFile=b"not a zip")
    failure = cloud.error(name)
    assert failure["errorType"] == "Runtime.Unrunnable"
    assert "is not a zip file" in failure["errorMessage"]


def test_a_custom_runtime_without_a_bootstrap_is_an_error_of_the_function(cloud: LocalCloud) -> None:
    failure = cloud.error(cloud.function(PID, Runtime="provided.al2023"))
    assert failure["errorType"] == "Runtime.Unrunnable"
    assert "bootstrap cannot be started" in failure["errorMessage"]


def test_a_zip_cannot_write_outside_the_task_root(cloud: LocalCloud) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../../escaped.txt", "x")
        archive.writestr("app.py", "import os\ndef handler(e, c): return os.path.exists('../../escaped.txt')")
    name = cloud.function(PID)
    cloud.client("lambda").update_function_code(FunctionName=name, ZipFile=content.getvalue())
    assert cloud.invoke(name) is False


STREAMING = """#!{python}
import base64, http.client, json, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = api.getresponse()
    event = json.loads(answer.read())
    path = "/2018-06-01/runtime/invocation/" + answer.headers["Lambda-Runtime-Aws-Request-Id"] + "/response"
    out = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    out.putrequest("POST", path)
    out.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
    out.putheader("Transfer-Encoding", "chunked")
    out.putheader("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body")
    out.endheaders()
    for part in event["parts"]:
        out.send(b"%x\\r\\n%b\\r\\n" % (len(part), part.encode()))
    trailers = b""
    if event.get("fail"):
        body = base64.b64encode(json.dumps({{"errorMessage": event["fail"]}}).encode())
        trailers = b"Lambda-Runtime-Function-Error-Type: Broken\\r\\n"
        trailers += b"Lambda-Runtime-Function-Error-Body: " + body + b"\\r\\n"
    out.send(b"0\\r\\n" + trailers + b"\\r\\n")
    out.getresponse().read()
"""


@pytest.fixture(scope="module")
def streaming(cloud: LocalCloud) -> str:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(entry, STREAMING.format(python=sys.executable))
    name = cloud.function(PID, Runtime="provided.al2023")
    cloud.client("lambda").update_function_code(FunctionName=name, ZipFile=content.getvalue())
    return name


def streamed(cloud: LocalCloud, name: str, event: dict[str, Any]) -> tuple[list[bytes], dict[str, Any]]:
    answer = cloud.client("lambda").invoke_with_response_stream(FunctionName=name, Payload=json.dumps(event))
    parts: list[bytes] = []
    for frame in answer["EventStream"]:
        if "InvokeComplete" in frame:
            return parts, frame["InvokeComplete"]
        parts.append(frame["PayloadChunk"]["Payload"])
    raise AssertionError("the stream ended without InvokeComplete")


def test_a_custom_runtime_streams_its_answer(cloud: LocalCloud, streaming: str) -> None:
    assert streamed(cloud, streaming, {"parts": ["a", "b"]}) == ([b"a", b"b"], {})
    assert cloud.raw(streaming, {"parts": ["a", "b"]})["Payload"] == b"ab"


def test_an_error_in_the_middle_of_a_stream_is_told_at_its_end(cloud: LocalCloud, streaming: str) -> None:
    parts, complete = streamed(cloud, streaming, {"parts": ["a"], "fail": "no more"})
    assert parts == [b"a"]
    assert (complete["ErrorCode"], complete["ErrorDetails"]) == ("Broken", "no more")


def test_a_buffered_answer_is_one_chunk_of_a_stream(cloud: LocalCloud) -> None:
    name = cloud.function("def handler(e, c): return e")
    assert streamed(cloud, name, {"a": 1}) == ([b'{"a": 1}'], {})


def test_a_payload_that_is_too_large_or_not_json_is_refused(cloud: LocalCloud) -> None:
    name = cloud.function("def handler(e, c): return len(e)")
    limit = 6 * 1024 * 1024
    assert cloud.invoke(name, b'"' + b"x" * (limit - 2) + b'"') == limit - 2
    with pytest.raises(ClientError, match="RequestEntityTooLargeException"):
        cloud.raw(name, b'"' + b"x" * (limit - 1) + b'"')
    with pytest.raises(ClientError, match="RequestEntityTooLargeException"):
        cloud.raw(name, b'"' + b"x" * 1024 * 1024 + b'"', InvocationType="Event")
    with pytest.raises(ClientError, match="Could not parse request body into json"):
        cloud.raw(name, b"{not json")


def test_a_dry_run_runs_nothing(cloud: LocalCloud) -> None:
    name = cloud.function("1 / 0")
    assert cloud.raw(name, {}, InvocationType="DryRun")["StatusCode"] == 204
