"""Secret Manager: Google's own client reads it, as who may; functions' variables are filled in from it."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import time
import warnings
from typing import Any

import pytest
from google_local import HERE, Answer, Local, function_inputs, zipped

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.project import NUMBER, PROJECT, REGION
from serverless_ai_local.gcp.services.secret_manager import crc32c

with warnings.catch_warnings():  # Google's advice to upgrade Python is not a test's business
    warnings.simplefilter("ignore", FutureWarning)
    from google.api_core import exceptions
    from google.cloud.secretmanager_v1.services.secret_manager_service import SecretManagerServiceClient
    from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
        SecretManagerServiceRestTransport,
    )
    from google.oauth2.credentials import Credentials


ACCESSOR = "roles/secretmanager.secretAccessor"
ENV = "import json, os\ndef go(request):\n    return json.dumps(dict(os.environ))\n"
IN_REGION = {"userManaged": {"replicas": [{"location": REGION}]}}


def secret(local: Local, *values: str, name: str = "weather") -> list[Any]:
    """A secret and its versions, as they were made."""
    made = local.make(types.SECRET, secretId=name, replication=IN_REGION)
    versions = [local.make(types.SECRET_VERSION, secret=made["id"], secretData=value) for value in values]
    return [made, *versions]


def grant(local: Local, email: str, name: str = "weather") -> Any:
    member = f"serviceAccount:{email}"
    return local.make(types.SECRET_MEMBER, secretId=name, role=ACCESSOR, member=member)


def access(local: Local, token: str, version: str = "latest", name: str = "weather") -> Answer:
    return local.send("GET", f"/v1/{HERE}/secrets/{name}/versions/{version}:access", token=token)


def text(answer: Answer) -> str:
    assert answer.status == 200, answer
    return base64.b64decode(answer.body["payload"]["data"]).decode()


def test_a_version_is_read_by_who_may_and_refused_in_googles_words(local: Local) -> None:
    secret(local, "one", "two")
    email = local.account()
    token = local.access_token(email)
    refused = access(local, token)
    assert (refused.status, refused.body["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert refused.body["error"]["message"] == (
        "Permission 'secretmanager.versions.access' denied for resource "
        f"'{HERE}/secrets/weather/versions/latest' (or it may not exist)."
    )
    grant(local, email)
    assert [text(access(local, token, version)) for version in ("1", "2", "latest")] == ["one", "two", "two"]
    assert access(local, token).body["name"] == f"projects/{NUMBER}/secrets/weather/versions/2"
    assert [check["allowed"] for check in local.checks(email)] == [False, True, True, True]


def test_a_grant_on_one_secret_is_none_on_another(local: Local) -> None:
    secret(local, "one")
    secret(local, "two", name="weather-2")
    email = local.account()
    grant(local, email)
    token = local.access_token(email)
    assert text(access(local, token)) == "one"
    assert access(local, token, name="weather-2").status == 403


def test_what_is_not_there_or_switched_off_is_said_so(local: Local) -> None:
    made, *_ = secret(local)
    assert access(local, "owner").body["error"]["message"] == (
        f"Secret [projects/{NUMBER}/secrets/weather] not found or has no versions."
    )
    version = local.make(types.SECRET_VERSION, secret=made["id"], secretData="one")
    missing = access(local, "owner", "7").body["error"]
    assert (missing["code"], missing["status"]) == (404, "NOT_FOUND")
    local.remake(version, secret=made["id"], secretData="one", enabled=False)
    off = access(local, "owner").body["error"]
    assert (off["code"], off["status"]) == (400, "FAILED_PRECONDITION")
    assert off["message"].endswith("versions/1] is in DISABLED state.")


def test_numbers_go_up_while_the_version_before_goes(local: Local) -> None:
    made, first = secret(local, "one")
    second = local.make(types.SECRET_VERSION, secret=made["id"], secretData="two")
    local.drop(first)
    third = local.make(types.SECRET_VERSION, secret=made["id"], secretData="three")
    numbers = [one["outputs"]["version"] for one in (first, second, third)]
    assert numbers == ["1", "2", "3"]
    assert third["id"] == f"{HERE}/secrets/weather/versions/3"
    assert access(local, "owner", "1").status == 404


@pytest.mark.parametrize(
    ("token", "inputs", "complaint"),
    [
        (types.SECRET, {"secretId": "a", "replication": {}}, "one of auto and user_managed"),
        (types.SECRET, {"secretId": "a", "replication": {"userManaged": {}}}, "at least one location"),
        (types.SECRET_VERSION, {"secret": f"{HERE}/secrets/a", "secretData": "x"}, "Secret .* was not found"),
        (types.SECRET_VERSION, {"secret": "weather"}, "secret_data must be given"),
        (types.SECRET_VERSION, {"secret": "weather", "secretData": ""}, "1 to 65536 bytes, got 0"),
        (
            types.SECRET_VERSION,
            {"secret": "weather", "secretData": "x" * 65537},
            "1 to 65536 bytes, got 65537",
        ),
        (
            types.SECRET_VERSION,
            {"secret": "weather", "secretData": "x", "isSecretDataBase64": True},
            "must be in base64",
        ),
    ],
)
def test_what_google_does_not_take_is_refused(
    local: Local, token: str, inputs: dict[str, Any], complaint: str
) -> None:
    secret(local)
    assert re.search(complaint, local.refused(token, **inputs))


def test_a_protected_secret_stays(local: Local) -> None:
    made = local.make(types.SECRET, secretId="kept", replication={"auto": {}}, deletionProtection=True)
    answer = local.send("POST", "/_local/gcp/resources/delete", {"uid": made["uid"]})
    assert "its deletion_protection is true" in answer.body["message"]


def test_other_calls_of_secret_manager_are_not_offered(local: Local) -> None:
    for method, path in (("POST", "weather:addVersion"), ("GET", "weather"), ("GET", "weather/versions/1")):
        answer = local.send(method, f"/v1/{HERE}/secrets/{path}")
        assert (answer.status, answer.body["error"]["status"]) == (501, "UNIMPLEMENTED")
        assert "there is GET .../versions/V:access" in answer.body["error"]["message"]


def test_what_a_secret_holds_is_not_among_the_resources(local: Local) -> None:
    secret(local, "hunter2")
    resources = local.admin("GET", "gcp/resources")
    assert types.SECRET_VERSION in str(resources)
    assert "hunter2" not in str(resources)


@pytest.mark.parametrize(
    ("data", "checksum"),
    [(b"", 0), (b"123456789", 0xE3069283), (b"\0" * 32, 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43)],
)
def test_the_checksum_is_crc32c(data: bytes, checksum: int) -> None:
    """Source of the last two: RFC 3720, B.4."""
    assert crc32c(data) == checksum


def client(local: Local, token: str) -> SecretManagerServiceClient:
    transport = SecretManagerServiceRestTransport(
        host=local.url, credentials=Credentials(token=token), url_scheme="http"
    )
    return SecretManagerServiceClient(transport=transport)


@pytest.mark.row("security-09")
@pytest.mark.parametrize("version", ["1", "latest"])
def test_googles_client_reads_a_version(local: Local, version: str) -> None:
    secret(local, "schlüssel")
    email = local.account()
    grant(local, email)
    read = client(local, local.access_token(email)).access_secret_version(
        name=f"{HERE}/secrets/weather/versions/{version}"
    )
    assert read.payload.data.decode() == "schlüssel"
    assert read.name == f"projects/{NUMBER}/secrets/weather/versions/1"
    assert read.payload.data_crc32c > 0


def test_googles_client_knows_the_refusals(local: Local) -> None:
    secret(local, "one")
    email = local.account()
    name = f"{HERE}/secrets/weather/versions"
    mine, owner = client(local, local.access_token(email)), client(local, "owner")
    with pytest.raises(exceptions.Forbidden, match=r"secretmanager\.versions\.access' denied for"):
        mine.access_secret_version(name=f"{name}/1")
    with pytest.raises(exceptions.NotFound, match=r"versions/7\] not found"):
        owner.access_secret_version(name=f"{name}/7")
    assert access(local, "x").status == 401
    with pytest.raises(exceptions.MethodNotImplemented, match="does not offer GET"):
        owner.get_secret_version(name=f"{name}/1")


# -- variables of functions ---------------------------------------------------------------------------
def reference(version: str = "latest", project: str = PROJECT) -> list[dict[str, str]]:
    return [{"key": "WEATHER", "projectId": project, "secret": "weather", "version": version}]


def ready(local: Local, **service: Any) -> dict[str, Any]:
    """Inputs of a function whose source and accounts are there; it is not deployed yet."""
    local.make(types.BUCKET, name="fn-source", location=REGION)
    local.make(types.OBJECT, zipped({"main.py": ENV}), bucket="fn-source", name="code.zip", source={})
    builder = local.make(types.ACCOUNT, accountId="fn-build")["outputs"]
    for role in ("roles/storage.objectViewer", "roles/logging.logWriter"):
        local.make(types.PROJECT_MEMBER, role=role, member=builder["member"])
    return function_inputs("fn", local.account("fn-self"), builder["name"], **service)


def deployed(local: Local, inputs: dict[str, Any]) -> str:
    url = local.make(types.FUNCTION, **inputs)["outputs"]["url"]
    local.make(
        types.SERVICE_BINDING,
        name="fn",
        location=REGION,
        role="roles/run.invoker",
        members=["domain:example.com"],
    )
    return str(url)


@pytest.mark.row("security-09")
@pytest.mark.parametrize("project", [PROJECT, NUMBER])
def test_a_function_is_deployed_only_if_its_account_may_read_its_secrets(local: Local, project: str) -> None:
    secret(local, "hunter2")
    inputs = ready(
        local, secretEnvironmentVariables=reference(project=project), environmentVariables={"A": "b"}
    )
    email = inputs["serviceConfig"]["serviceAccountEmail"]
    assert local.refused(types.FUNCTION, **inputs) == (
        "Error 400: Could not create or update Cloud Run service fn, its revision is not ready and cannot "
        "serve traffic. spec.template.spec.containers[0].env[1].value_from.secret_key_ref.name: Permission "
        f"denied on secret: projects/{NUMBER}/secrets/weather/versions/latest for Revision service account "
        f"{email}. The service account used must be granted the 'Secret Manager Secret Accessor' role "
        "(roles/secretmanager.secretAccessor) at the secret, project or higher level."
    )
    grant(local, email)
    seen = json.loads(local.ask(deployed(local, inputs)).body)
    assert (seen["WEATHER"], seen["A"]) == ("hunter2", "b")


def test_the_latest_version_is_that_of_each_instances_start(local: Local) -> None:
    made, _ = secret(local, "one")
    inputs = ready(local, secretEnvironmentVariables=reference())
    grant(local, inputs["serviceConfig"]["serviceAccountEmail"])
    url = deployed(local, inputs)
    assert json.loads(local.ask(url).body)["WEATHER"] == "one"
    local.make(types.SECRET_VERSION, secret=made["id"], secretData="two")
    assert json.loads(local.ask(url).body)["WEATHER"] == "one", "what runs keeps what it has read"
    restart(local)
    assert json.loads(local.ask(url).body)["WEATHER"] == "two"


def test_an_instance_that_may_not_read_its_secrets_any_more_does_not_start(local: Local) -> None:
    secret(local, "hunter2")
    inputs = ready(local, secretEnvironmentVariables=reference("1"))
    granted = grant(local, inputs["serviceConfig"]["serviceAccountEmail"])
    url = deployed(local, inputs)
    assert local.ask(url).status == 200
    local.drop(granted)
    assert local.ask(url).status == 200, "what runs keeps what it has read"
    restart(local)
    assert local.ask(url).status == 503
    lines = str(local.admin("GET", "gcp/functions/fn/logs")["entries"])
    assert "the instance could not start successfully" in lines
    assert f"Permission denied on secret: projects/{NUMBER}/secrets/weather/versions/1" in lines
    assert "hunter2" not in lines


def test_a_secret_without_the_version_is_not_found_when_it_is_deployed(local: Local) -> None:
    secret(local, "one")
    inputs = ready(local, secretEnvironmentVariables=reference("9"))
    grant(local, inputs["serviceConfig"]["serviceAccountEmail"])
    complaint = local.refused(types.FUNCTION, **inputs)
    assert complaint.endswith(f"Secret projects/{NUMBER}/secrets/weather/versions/9 was not found")


def test_no_variable_can_hold_what_is_no_text(local: Local) -> None:
    made, *_ = secret(local)
    data = base64.b64encode(b"\xff\xfe").decode()
    local.make(types.SECRET_VERSION, secret=made["id"], secretData=data, isSecretDataBase64=True)
    inputs = ready(local, secretEnvironmentVariables=reference())
    grant(local, inputs["serviceConfig"]["serviceAccountEmail"])
    assert local.refused(types.FUNCTION, **inputs).endswith("is no text in UTF-8: no variable can hold it")


def test_a_variable_is_plain_or_a_secret_and_not_both(local: Local) -> None:
    inputs = ready(local, secretEnvironmentVariables=reference(), environmentVariables={"WEATHER": "hunter2"})
    complaint = local.refused(types.FUNCTION, **inputs)
    assert complaint.endswith("WEATHER is in environment_variables and in secret_environment_variables")


def restart(local: Local) -> None:
    """End the instances, as idle ones end; the next request starts another."""
    pids = [one["pid"] for one in instances(local)]
    for pid in pids:
        os.killpg(pid, signal.SIGKILL)
    end = time.monotonic() + 10
    while any(one["pid"] in pids for one in instances(local)):
        assert time.monotonic() < end, "they did not end"
        time.sleep(0.02)


def instances(local: Local) -> list[dict[str, Any]]:
    return local.admin("GET", "gcp/functions/instances")["instances"]
