"""What a function's process has, and what it has not."""

from __future__ import annotations

from pathlib import Path

import pytest
from functions_cloud import LocalCloud, allow, zipped

SHOW = """
    import os, sys
    def handler(event, context):
        return {"env": dict(os.environ), "path": sys.path, "cwd": os.getcwd(), "flags": sys.flags.isolated,
                "encoding": sys.stdout.encoding}
"""
LAMBDA_VARIABLES = {
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL",
    "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN", "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT", "LANG", "PATH", "TZ",
}  # fmt: skip


def test_the_environment_is_lambdas_and_the_deployed_variables_and_nothing_else(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "x")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    seen = cloud.invoke(cloud.function(SHOW, Environment={"Variables": {"MINE": "1", "TZ": "Europe/Berlin"}}))
    env = seen["env"]
    assert set(env) - {"LC_CTYPE"} == LAMBDA_VARIABLES | {"MINE"}
    assert (env["MINE"], env["TZ"]) == ("1", "Europe/Berlin")
    assert env["AWS_ENDPOINT_URL"] == cloud.url
    assert env["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert env["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert seen["cwd"] == env["LAMBDA_TASK_ROOT"]
    assert seen["encoding"] == "utf-8"


def test_with_json_logs_the_log_variables_are_there(cloud: LocalCloud) -> None:
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "WARN"}
    env = cloud.invoke(cloud.function(SHOW, LoggingConfig=logging))["env"]
    assert (env["AWS_LAMBDA_LOG_FORMAT"], env["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", "WARN")


@pytest.mark.parametrize("module", ["boto3", "serverless_ai_local", "guard", "pytest"])
def test_only_the_standard_library_and_the_zip_can_be_imported(cloud: LocalCloud, module: str) -> None:
    failure = cloud.error(cloud.function(f"import {module}"))
    assert failure["errorType"] == "Runtime.ImportModuleError"
    assert f"No module named '{module}'" in failure["errorMessage"]


def test_the_path_starts_with_the_zip_and_has_no_site_packages(cloud: LocalCloud) -> None:
    seen = cloud.invoke(cloud.function(SHOW))
    assert seen["path"][0] == seen["env"]["LAMBDA_TASK_ROOT"]
    assert not [entry for entry in seen["path"] if "site-packages" in entry or str(Path.cwd()) in entry]


def test_running_leaves_no_bytecode_in_the_task_root(cloud: LocalCloud) -> None:
    code = """
        import os, other
        def handler(event, context):
            return sorted(os.listdir(os.environ["LAMBDA_TASK_ROOT"]))
    """
    name = cloud.function(code)
    cloud.client("lambda").update_function_code(FunctionName=name, ZipFile=zipped(app=code, other="x = 1"))
    cloud.invoke(name)
    assert cloud.invoke(name) == ["app.py", "other.py"]


def test_layers_can_be_imported_and_later_ones_win(cloud: LocalCloud) -> None:
    def layer(text: str) -> str:
        content = {"ZipFile": zipped(python__shared=text)}
        return cloud.client("lambda").publish_layer_version(LayerName="shared", Content=content)[
            "LayerVersionArn"
        ]

    layers = [layer("x = 'first'"), layer("x = 'second'")]
    code = "import shared\ndef handler(e, c): return shared.x"
    assert cloud.invoke(cloud.function(code, Layers=layers)) == "second"


def test_the_function_calls_the_local_cloud_as_its_own_role(cloud: LocalCloud) -> None:
    code = """
        import http.client, os, urllib.parse
        def handler(event, context):
            return os.environ["AWS_SESSION_TOKEN"] != "" and os.environ["AWS_SECRET_ACCESS_KEY"] != "test"
    """
    assert cloud.invoke(cloud.function(code)) is True


def test_two_functions_do_not_share_code_or_variables(cloud: LocalCloud) -> None:
    one = cloud.function("x = 1\ndef handler(e, c): return x", Environment={"Variables": {"A": "1"}})
    two = cloud.function("import os\ndef handler(e, c): return [os.environ.get('A'), 'x' in globals()]")
    assert (cloud.invoke(one), cloud.invoke(two)) == (1, [None, False])


def test_a_role_that_does_not_trust_lambda_cannot_be_a_functions_role(cloud: LocalCloud) -> None:
    role = cloud.role(allow("logs:*"), service="events.amazonaws.com")
    with pytest.raises(
        cloud.client("lambda").exceptions.InvalidParameterValueException, match="cannot be assumed"
    ):
        cloud.function(SHOW, role=role)
