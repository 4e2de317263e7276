"""Function apps: published, called, triggered, changed; what their code gets and what it does not get."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from world import eventually

from serverless_ai_local.launch import CloudError
from serverless_ai_patterns.azure import roles

STORAGE, MANAGEMENT = "https://storage.azure.com", "https://management.azure.com"
CLIENT = "app-registration"
HOST = json.dumps(
    {
        "version": "2.0",
        "functionTimeout": "00:00:02",
        "extensions": {
            "http": {"routePrefix": ""},
            "queues": {"maxDequeueCount": 2, "visibilityTimeout": "00:01:00"},
        },
    }
)
CODE = """
import json, os, time
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("echo/{name}", methods=["POST"])
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    print("called", req.route_params["name"])
    seen = {"name": req.route_params["name"], "query": dict(req.params), "body": req.get_body().decode(),
            "principal": req.headers.get("x-ms-client-principal-name"), "env": dict(os.environ),
            "trace": context.trace_context.trace_parent}
    return func.HttpResponse(json.dumps(seen), status_code=201, mimetype="application/json")

@app.route("slow")
async def slow(req: func.HttpRequest) -> str:
    time.sleep(float(req.params.get("s", "0.4")))
    return "done"

@app.route("fail")
def fail(req: func.HttpRequest) -> str:
    raise ValueError("on purpose")

@app.route("crash")
def crash(req: func.HttpRequest) -> str:
    os._exit(3)

@app.route("key", auth_level=func.AuthLevel.FUNCTION)
def key(req: func.HttpRequest) -> str:
    return "never"

@app.queue_trigger(arg_name="message", queue_name="%JOBS%", connection="JOBS")
def job(message: func.QueueMessage) -> None:
    print("job", message.dequeue_count, message.get_body().decode())
    if b"bad" in message.get_body():
        raise RuntimeError("bad job")

@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
def turn(timer: func.TimerRequest) -> None:
    print("turn", timer.past_due)
"""


@dataclass
class App:
    """A deployed app with what is around it."""

    subscription: Any
    call: Any
    site: Any
    identity: Any
    account: Any
    queue: Any
    poison: Any
    workspace: Any

    def publish(self, package: bytes, token: str | None = None) -> Any:
        url = next(
            one["name"] for one in self.site.outputs["hostNameSslStates"] if one["hostType"] == "Repository"
        )
        token = token or self.subscription.token(MANAGEMENT)
        reply = self.call(
            "POST", f"{url}/api/publish?RemoteBuild=true", token, package, {"content-type": "application/zip"}
        )
        if reply.status != 202:
            return reply
        return self.call("GET", f"{url}/api/deployments/{reply.body}", token)

    def ask(self, method: str, path: str, token: str | None = "", body: Any = b"") -> Any:
        token = self.subscription.user(CLIENT) if token == "" else token
        return self.call(method, f"{self.site.outputs['defaultHostName']}/{path}", token, body)

    def put(self, text: str) -> None:
        encoded = base64.b64encode(text.encode())
        xml = b"<QueueMessage><MessageText>" + encoded + b"</MessageText></QueueMessage>"
        url = self.account.outputs["primaryEndpoints"]["queue"] + self.queue.name
        token = self.subscription.token(STORAGE)
        assert self.call("POST", f"{url}/messages", token, xml).status == 201

    def lines(self) -> list[str]:
        found = self.subscription.cloud.admin("GET", f"azure/workspaces/{self.workspace.name}/lines")
        return [f"{line['category']}: {line['message']}" for line in found["lines"]]

    def logged(self, text: str) -> str:
        return eventually(
            lambda: next((one for one in self.lines() if text in one), ""), what=f"{text!r} in the log"
        )

    def inputs(self, **settings: str) -> dict[str, Any]:
        client = self.identity.outputs["clientId"]
        listed = {
            "APPLICATIONINSIGHTS_CONNECTION_STRING": self.insights.outputs["connectionString"],
            "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": f"ClientId={client};Authorization=AAD",
            "JOBS": self.queue.name,
            "JOBS__queueServiceUri": self.account.outputs["primaryEndpoints"]["queue"].rstrip("/"),
            "JOBS__clientId": self.identity.outputs["clientId"],
            **settings,
        }
        container = f"{self.account.outputs['primaryEndpoints']['blob']}package"
        authentication = {
            "type": "UserAssignedIdentity",
            "userAssignedIdentityResourceId": self.identity.id,
        }
        return {
            "kind": "functionapp,linux",
            "identity": {"type": "UserAssigned", "userAssignedIdentities": [self.identity.id]},
            "keyVaultReferenceIdentity": self.identity.id,
            "functionAppConfig": {
                "deployment": {
                    "storage": {"type": "blobContainer", "value": container, "authentication": authentication}
                },
                "runtime": {"name": "python", "version": "3.12"},
            },
            "siteConfig": {"appSettings": [{"name": key, "value": value} for key, value in listed.items()]},
        }

    insights: Any = None


@pytest.fixture(scope="module")
def make_app(subscription: Any, call: Any) -> Callable[..., App]:
    def make(*, host_role: bool = True, telemetry: bool = True) -> App:
        account = subscription.make("storage:StorageAccount", kind="StorageV2")
        subscription.make("storage:BlobContainer", accountName=account.name, containerName="package")
        queue = subscription.make("storage:Queue", accountName=account.name)
        poison = subscription.make(
            "storage:Queue", accountName=account.name, queueName=f"{queue.name}-poison"
        )
        workspace = subscription.make("operationalinsights:Workspace")
        insights = subscription.make("applicationinsights:Component", workspaceResourceId=workspace.id)
        identity = subscription.identity()
        who = identity.outputs["principalId"]
        if host_role:
            subscription.grant(who, roles.HOST_BLOBS, account)
        if telemetry:
            subscription.grant(who, roles.WRITE_TELEMETRY, insights)
        subscription.grant(who, roles.USE_QUEUE, queue)
        subscription.grant(who, roles.SEND_MESSAGES, poison)
        app = App(subscription, call, None, identity, account, queue, poison, workspace, insights)
        app.site = subscription.make("web:WebApp", **app.inputs())
        subscription.make(
            "web:WebAppAuthSettingsV2",
            name=app.site.name,
            platform={"enabled": True},
            globalValidation={"requireAuthentication": True},
            identityProviders={
                "azureActiveDirectory": {
                    "enabled": True,
                    "registration": {"clientId": CLIENT, "openIdIssuer": _issuer()},
                    "validation": {"allowedAudiences": [CLIENT]},
                }
            },
        )
        return app

    return make


def _issuer() -> str:
    from serverless_ai_local.azure.entra import V2

    return V2


@pytest.fixture(scope="module")
def app(make_app: Callable[..., App], package: Callable[..., bytes]) -> App:
    made = make_app()
    state = made.publish(package(CODE, HOST))
    assert (state.status, state.body["status"]) == (200, 4), state
    return made


def test_a_request_reaches_the_function_whose_route_fits(app: App) -> None:
    reply = app.ask("POST", "echo/x%20y?q=1", body=b"hi")
    assert reply.status == 201, reply
    seen = reply.body
    assert (seen["name"], seen["query"], seen["body"], seen["principal"]) == ("x y", {"q": "1"}, "hi", "ada")
    assert seen["trace"].startswith("00-")
    app.logged("Function: called x y")
    assert app.ask("GET", "echo/x").status == 404
    assert app.ask("POST", "echo").status == 404


def test_the_function_has_its_settings_and_nothing_of_this_machine(app: App) -> None:
    environment = app.ask("POST", "echo/env").body["env"]
    assert environment["JOBS"] == app.queue.name
    assert environment["WEBSITE_SITE_NAME"] == app.site.name
    allowed = ("APPLICATIONINSIGHTS_", "AZURE_", "FUNCTIONS_", "IDENTITY_", "JOBS", "WEBSITE_")
    others = [name for name in environment if not name.startswith(allowed)]
    assert sorted(others) == ["LANG", "PATH", "TZ"] or sorted(others) == ["LANG", "LC_CTYPE", "PATH", "TZ"]


def test_nobody_gets_in_without_a_token_that_passes(app: App) -> None:
    for token in (
        None,
        "x.y.z",
        app.subscription.user("another"),
        app.subscription.user(CLIENT, lifetime_s=-9),
    ):
        reply = app.ask("POST", "echo/x", token)
        assert reply.status == 401
        assert "www-authenticate" in reply.headers


def test_a_caller_cannot_name_themselves(app: App) -> None:
    url = f"{app.site.outputs['defaultHostName']}/echo/x"
    forged = {"x-ms-client-principal-name": "root", "X-MS-Client-Principal": "Zm9yZ2Vk"}
    assert app.call("POST", url, app.subscription.user(CLIENT), b"", forged).body["principal"] == "ada"


def test_the_host_gives_out_no_function_keys(app: App) -> None:
    assert app.ask("GET", "key").status == 401


def test_requests_run_at_the_same_time(app: App) -> None:
    started = time.monotonic()
    with ThreadPoolExecutor(24) as pool:
        replies = list(pool.map(lambda _: app.ask("GET", "slow"), range(24)))
    assert {reply.status for reply in replies} == {200}
    assert time.monotonic() - started < 24 * 0.4


def test_what_a_function_raises_is_500_and_in_the_log(app: App) -> None:
    assert app.ask("GET", "fail").status == 500
    assert "ValueError: on purpose" in app.logged("Functions.fail")


def test_an_app_that_crashes_or_hangs_is_started_anew(app: App) -> None:
    assert app.ask("GET", "crash").status == 503
    assert app.ask("GET", "slow?s=0").status == 200
    started = time.monotonic()
    assert app.ask("GET", "slow?s=120").status == 503
    assert 1.5 < time.monotonic() - started < 60
    app.logged("Timeout value of 2 s exceeded")
    assert app.ask("GET", "slow?s=0").status == 200


def test_a_message_is_worked_on_once(app: App) -> None:
    app.put("good job")
    app.logged("Function: job 1 good job")
    time.sleep(0.5)
    assert len([one for one in app.lines() if "good job" in one]) == 1


def test_a_message_that_keeps_failing_is_poison(app: App) -> None:
    app.put("bad job")
    app.logged("Function: job 1 bad job")
    app.logged("Function: job 2 bad job")
    app.logged("MaxDequeueCount of 2")
    url = f"{app.account.outputs['primaryEndpoints']['queue']}{app.poison.name}/messages?peekonly=true"
    token = app.subscription.token(STORAGE)
    text = base64.b64encode(b"bad job").decode()
    eventually(lambda: text in app.call("GET", url, token).body["text"], what="the poison message")


def test_a_timer_has_its_turn_when_it_is_told(app: App) -> None:
    cloud = app.subscription.cloud
    cloud.admin("POST", f"schedules/{app.site.name}/turn/fire")
    app.logged("Function: turn False")
    with pytest.raises(CloudError, match="404"):
        cloud.admin("POST", f"schedules/{app.site.name}/another/fire")


def test_changed_settings_and_new_code_take_effect(
    make_app: Callable[..., App], package: Callable[..., bytes]
) -> None:
    app = make_app()
    app.publish(package(CODE, HOST))
    app.subscription.make("web:WebApp", **app.inputs(AZURE_EXTRA="one"), name=app.site.name)

    def extra() -> str | None:
        return app.ask("POST", "echo/x").body.get("env", {}).get("AZURE_EXTRA")

    assert eventually(extra) == "one"
    assert app.publish(package(CODE.replace("status_code=201", "status_code=202"), HOST)).body["status"] == 4
    assert app.ask("POST", "echo/x").status == 202
    app.subscription.remove(app.site)
    assert app.ask("POST", "echo/x").status == 404


def test_code_that_cannot_be_loaded_says_why_in_the_log(
    make_app: Callable[..., App], package: Callable[..., bytes]
) -> None:
    app = make_app()
    assert app.publish(package("import no_such_module")).body["status"] == 3
    app.logged("no_such_module")
    assert app.ask("GET", "slow").status == 503
    wrong = "import azure.functions as func\napp = func.FunctionApp()\n@app.route('x')\ndef f(request): ...\n"
    state = app.publish(package(wrong))
    assert "its bindings ['req']" in state.body["status_text"], "as Microsoft's own worker refuses it"


def test_publishing_needs_the_right_to_and_a_zip(
    app: App, package: Callable[..., bytes], principal: str
) -> None:
    token = app.subscription.token(MANAGEMENT, principal)
    assert app.publish(package(CODE, HOST), token).status == 403
    assert app.publish(package(CODE, HOST), "x.y.z").status == 401
    assert app.publish(b"not a zip").status == 400


def test_without_its_role_on_the_storage_there_is_no_code(
    make_app: Callable[..., App], package: Callable[..., bytes]
) -> None:
    app = make_app(host_role=False)
    state = app.publish(package(CODE, HOST))
    assert state.body["status"] == 3
    assert "not authorized" in state.body["status_text"]


def test_without_its_role_on_the_component_there_are_no_logs(
    make_app: Callable[..., App], package: Callable[..., bytes]
) -> None:
    app = make_app(telemetry=False)
    app.publish(package(CODE, HOST))
    assert app.ask("POST", "echo/x").status == 201
    assert app.lines() == []
    refused = [one for one in app.subscription.checks(app.identity.name) if not one["allowed"]]
    assert {one["action"] for one in refused} == {"Microsoft.Insights/Telemetry/Write"}


def test_a_secret_reaches_the_app_only_by_its_identitys_role(
    make_app: Callable[..., App], package: Callable[..., bytes], subscription: Any
) -> None:
    app = make_app()
    vault = subscription.make("keyvault:Vault", properties={"enableRbacAuthorization": True})
    secret = subscription.make("keyvault:Secret", vaultName=vault.name, properties={"value": "hunter2"})
    reference = f"@Microsoft.KeyVault(SecretUri={secret.outputs['properties']['secretUri']})"
    subscription.make("web:WebApp", **app.inputs(AZURE_SECRET=reference), name=app.site.name)
    assert app.publish(package(CODE, HOST)).body["status"] == 3
    subscription.grant(app.identity.outputs["principalId"], roles.READ_SECRET, secret)
    assert app.publish(package(CODE, HOST)).body["status"] == 4
    assert app.ask("POST", "echo/x").body["env"]["AZURE_SECRET"] == "hunter2"
    url = secret.outputs["properties"]["secretUri"]
    assert app.call("GET", url).status == 401
    assert app.call("GET", url, subscription.token("https://vault.azure.net")).body["value"] == "hunter2"


def test_tokens_of_an_app_are_for_who_knows_its_secret(app: App) -> None:
    environment = app.ask("POST", "echo/env").body["env"]
    base = f"{environment['IDENTITY_ENDPOINT']}?api-version=2019-08-01&resource={STORAGE}"
    url = f"{base}&client_id={app.identity.outputs['clientId']}"
    good = {"x-identity-header": environment["IDENTITY_HEADER"]}
    assert app.call("GET", url, headers=good).body["token_type"] == "Bearer"
    assert app.call("GET", url).status == 401
    assert app.call("GET", url, headers={"x-identity-header": "guess"}).status == 401
    assert app.call("GET", base, headers=good).status == 400
    stranger = app.subscription.identity().outputs["clientId"]
    assert app.call("GET", f"{base}&client_id={stranger}", headers=good).status == 400


def test_no_process_outlives_the_cloud(tmp_path: Any) -> None:
    from serverless_ai_local.azure.apps.app import RunningApp
    from serverless_ai_local.functions.guard import Guard

    guard = Guard(tmp_path / "apps")
    (tmp_path / "apps").mkdir()
    import io
    import os
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("function_app.py", "import azure.functions as func\napp = func.FunctionApp()\n")
        archive.writestr("host.json", "{}")
    app = RunningApp(
        "a", buffer.getvalue(), {}, under=tmp_path / "apps", log=lambda *_: None, guard=guard, instances=1
    )
    process = app._instances[0].process._process
    pid = process.pid
    guard.close()  # as when the cloud dies without a word

    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return process.poll() is not None

    assert eventually(gone)
    assert not (tmp_path / "apps").exists()
