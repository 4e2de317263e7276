"""HTTP APIs as deployed: routes, authorisation, throttles, the function's answer and the access log."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gateway_cloud
import pytest
from botocore.credentials import Credentials
from gateway_cloud import ACCOUNT, REGION, GatewayCloud

from serverless_ai_local.aws.api import Invocation

ROOT = Credentials("test", "test")
IAM = {"AuthorizationType": "AWS_IAM"}
FORBIDDEN = (403, {"message": "Forbidden"})
UNAUTHORIZED = (401, {"message": "Unauthorized"})


@pytest.fixture(scope="module")
def running() -> Iterator[GatewayCloud]:
    cloud = gateway_cloud.start()
    yield cloud
    cloud.stop()


@pytest.fixture
def cloud(running: GatewayCloud) -> GatewayCloud:
    running.functions.events.clear()
    running.functions.answer = lambda event: {"statusCode": 200, "body": "ok"}
    running.permitted.clear()
    return running


# -- routes and the event ---------------------------------------------------------------------------
def test_a_request_becomes_an_event_and_the_answer_a_response(cloud: GatewayCloud) -> None:
    api = cloud.api("POST /things/{id}")
    cloud.functions.answer = lambda event: {
        "statusCode": 201,
        "headers": {"X-Kind": "made"},
        "cookies": ["a=1", "b=2"],
        "body": "ü",
    }
    headers = {"Cookie": "c=3; d=4", "X-Under_score": "1"}
    reply = cloud.send(api, "POST", "/things/a%20b?q=1&q=2", '{"ä": 1}'.encode(), headers)
    assert (reply.status, reply.body.decode()) == (201, "ü")
    assert (reply.headers["x-kind"], reply.headers.get_all("set-cookie")) == ("made", ["a=1", "b=2"])
    assert reply.headers["apigw-requestid"]
    (event,) = cloud.functions.events
    assert event["pathParameters"] == {"id": "a b"}
    assert event["queryStringParameters"] == {"q": "1,2"}
    assert event["cookies"] == ["c=3", "d=4"]
    assert event["headers"]["x-under_score"] == "1"
    assert (event["body"], event["isBase64Encoded"]) == ('{"ä": 1}', False)
    context = event["requestContext"]
    assert context["http"]["method"] == "POST"
    assert context["http"]["sourceIp"] == "127.0.0.1"
    assert context["requestId"] == reply.headers["apigw-requestid"]
    assert "authorizer" not in context


def test_the_host_name_of_an_api_leads_to_it_too(cloud: GatewayCloud) -> None:
    api = cloud.api()
    host = {"Host": f"{api}.execute-api.us-east-1.amazonaws.com"}
    assert cloud.raw("POST", "/chat", b"{}", host).status == 200


def test_what_is_not_deployed_is_not_found(cloud: GatewayCloud) -> None:
    api = cloud.api()
    for method, path in (
        ("GET", "/chat"),
        ("POST", "/"),
        ("POST", "/chat/"),
        ("POST", "/nope"),
        ("DELETE", "/chat"),
    ):
        reply = cloud.send(api, method, path)
        assert (reply.status, reply.json) == (404, {"message": "Not Found"}), (method, path)
    assert cloud.send("doesnotexist").status == 404
    assert cloud.functions.events == []


def test_only_stages_that_deploy_are_served(cloud: GatewayCloud) -> None:
    assert cloud.send(cloud.api(stage={"AutoDeploy": False})).status == 404
    named = cloud.api(stage={"StageName": "beta", "StageVariables": {"colour": "red"}})
    assert cloud.send(named).status == 404
    assert cloud.send(named, path="/beta/chat").status == 200
    assert cloud.functions.events[-1]["rawPath"] == "/beta/chat"
    assert cloud.functions.events[-1]["stageVariables"] == {"colour": "red"}


def test_a_deleted_api_is_gone_at_once(cloud: GatewayCloud) -> None:
    api = cloud.api()
    assert cloud.send(api).status == 200
    cloud.client("apigatewayv2").delete_api(ApiId=api)
    assert cloud.send(api).status == 404


def test_head_has_no_body_and_keeps_its_length(cloud: GatewayCloud) -> None:
    reply = cloud.send(cloud.api("ANY /{proxy+}"), "HEAD", "/x")
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "2")


# -- what may go wrong behind it --------------------------------------------------------------------
@pytest.mark.parametrize(
    "answer",
    [
        Invocation(
            payload=b'{"errorMessage": "secret details", "errorType": "ValueError"}', error="Unhandled"
        ),
        b"no json",
        {"statusCode": "x"},
        {"statusCode": 200, "body": {"not": "text"}},
    ],
)
def test_a_function_that_fails_is_a_500_that_says_nothing(cloud: GatewayCloud, answer: Any) -> None:
    cloud.functions.answer = lambda event: answer
    reply = cloud.send(cloud.api())
    assert (reply.status, reply.json) == (500, {"message": "Internal Server Error"})


def test_a_function_that_is_gone_or_throttled_or_slow(cloud: GatewayCloud) -> None:
    gone = cloud.api(integration={"IntegrationUri": gateway_cloud.FUNCTION + "2"})
    assert cloud.send(gone).status == 500
    cloud.functions.answer = lambda event: Invocation(payload=b"{}", error="Throttled", status=429)
    reply = cloud.send(cloud.api())
    assert (reply.status, reply.json) == (503, {"message": "Service Unavailable"})
    released = threading.Event()
    cloud.functions.answer = gateway_cloud.held(released)
    reply = cloud.send(cloud.api(integration={"TimeoutInMillis": 200}))
    released.set()
    assert (reply.status, reply.json) == (503, {"message": "Service Unavailable"})


def test_a_function_must_have_let_the_gateway_in_for_this_route(cloud: GatewayCloud) -> None:
    api = cloud.api("POST /chat", "ANY /any/{x}", "$default")
    arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/$default"
    cloud.permitted.update({f"{arn}/POST/chat", f"{arn}/GET/any/{{x}}"})
    assert cloud.send(api).status == 200
    assert cloud.send(api, "GET", "/any/1").status == 200
    assert cloud.send(api, "PUT", "/any/1").status == 500
    assert cloud.send(api, "GET", "/other").status == 500
    cloud.permitted.add(f"{arn}/$default")
    assert cloud.send(api, "GET", "/other").status == 200


@pytest.mark.parametrize(
    ("integration", "named"),
    [
        ({"IntegrationType": "HTTP_PROXY", "IntegrationUri": "https://example.com"}, "HTTP_PROXY"),
        ({"PayloadFormatVersion": "1.0"}, "1.0"),
        ({"CredentialsArn": "arn:aws:iam::123456789012:role/x"}, "credentials"),
    ],
)
def test_a_deployment_that_this_gateway_cannot_serve_says_which(
    cloud: GatewayCloud, integration: dict[str, str], named: str
) -> None:
    reply = cloud.send(cloud.api(integration=integration))
    assert reply.status == 501
    assert named in reply.json["message"]


def test_a_body_over_ten_megabytes_is_refused(cloud: GatewayCloud) -> None:
    api = cloud.api()
    assert cloud.send(api, body=b"x" * (10 * 1024 * 1024)).status == 200
    assert cloud.send(api, body=b"x" * (10 * 1024 * 1024 + 1)).status == 413


# -- IAM --------------------------------------------------------------------------------------------
def may(api: str, *, path: str = "$default/POST/chat") -> dict[str, Any]:
    resource = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/{path}"
    return {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}


def outcome(reply: gateway_cloud.Reply) -> tuple[int, Any]:
    return reply.status, reply.json


def test_a_signed_caller_with_permission_gets_in_and_is_named_in_the_event(cloud: GatewayCloud) -> None:
    api = cloud.api(route=IAM)
    ada = cloud.user(may(api))
    assert cloud.send(api, headers=cloud.signed_headers(api, ada)).status == 200
    iam = cloud.functions.events[-1]["requestContext"]["authorizer"]["iam"]
    assert iam["accessKey"] == ada.access_key
    assert iam["accountId"] == ACCOUNT
    assert iam["userArn"].startswith(f"arn:aws:iam::{ACCOUNT}:user/user")
    assert iam["userId"] == iam["callerId"] != ""
    assert cloud.send(api, headers=cloud.signed_headers(api, ROOT)).status == 200


def test_everyone_else_is_forbidden(cloud: GatewayCloud) -> None:
    api, other = cloud.api(route=IAM), cloud.api(route=IAM)
    ada, stranger = cloud.user(may(api)), cloud.user()
    signed = cloud.signed_headers(api, ada)
    attempts = {
        "unsigned": cloud.send(api),
        "unknown key": cloud.send(api, headers=cloud.signed_headers(api, Credentials("AKIAX", "x"))),
        "wrong secret": cloud.send(api, headers=cloud.signed_headers(api, Credentials(ada.access_key, "x"))),
        "no permission": cloud.send(api, headers=cloud.signed_headers(api, stranger)),
        "another api": cloud.send(other, headers=cloud.signed_headers(other, ada)),
        "signature of another api": cloud.send(other, headers=signed),
        "tampered body": cloud.send(api, body=b"[]", headers=signed),
        "tampered query": cloud.send(api, path="/chat?admin=1", headers=signed),
        "tampered header": cloud.send(api, headers={**signed, "content-type": "text/plain"}),
        "signed for sqs": cloud.send(api, headers=cloud.signed_headers(api, ada, service="sqs")),
        "signed for another region": cloud.send(
            api, headers=cloud.signed_headers(api, ada, region="eu-west-1")
        ),
        "bearer": cloud.send(api, headers={"authorization": "Bearer x"}),
        "unsigned payload": cloud.send(api, headers={**signed, "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}),
    }
    assert {what: outcome(reply) for what, reply in attempts.items()} == dict.fromkeys(attempts, FORBIDDEN)
    assert cloud.functions.events == []


def test_permission_is_for_method_and_path(cloud: GatewayCloud) -> None:
    api = cloud.api("POST /{proxy+}", route=IAM)
    ada = cloud.user(may(api, path="*/POST/a/*"))
    assert cloud.send(api, path="/a/b", headers=cloud.signed_headers(api, ada, path="/a/b")).status == 200
    assert cloud.send(api, path="/b/a", headers=cloud.signed_headers(api, ada, path="/b/a")).status == 403


# -- tokens -----------------------------------------------------------------------------------------
def token(cloud: GatewayCloud, **wish: Any) -> dict[str, str]:
    assert cloud.issuer is not None
    made = cloud.issuer.token({"sub": "ada", "aud": "chat", **wish})["access_token"]
    return {"authorization": f"Bearer {made}"}


def test_a_token_of_the_issuer_gets_in_and_its_claims_are_in_the_event(cloud: GatewayCloud) -> None:
    api = cloud.api()
    cloud.jwt_route(api)
    reply = cloud.send(api, headers=token(cloud, claims={"level": 7, "groups": ["a", "b"]}))
    assert reply.status == 200
    found = cloud.functions.events[-1]["requestContext"]["authorizer"]["jwt"]
    assert found["scopes"] is None
    claims = found["claims"]
    assert (claims["sub"], claims["level"], claims["groups"]) == ("ada", "7", "[a b]")
    assert claims["exp"].isdigit()


def test_without_a_good_token_the_answer_is_401_and_says_what_is_wanted(cloud: GatewayCloud) -> None:
    api = cloud.api()
    cloud.jwt_route(api)
    bare = cloud.send(api)
    assert (outcome(bare), bare.headers["www-authenticate"]) == (UNAUTHORIZED, "Bearer")
    for bad in (
        token(cloud, lifetime_s=-5),
        token(cloud, aud="shop"),
        {"authorization": "Bearer x.y.z"},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer "},
        cloud.signed_headers(api, ROOT),
    ):
        reply = cloud.send(api, headers=bad)
        assert outcome(reply) == UNAUTHORIZED, bad
    expired = cloud.send(api, headers=token(cloud, lifetime_s=-5))
    assert (
        'error="invalid_token" error_description="the token has expired"'
        in expired.headers["www-authenticate"]
    )
    assert cloud.functions.events == []


def test_scopes_of_the_route(cloud: GatewayCloud) -> None:
    api = cloud.api()
    cloud.jwt_route(api, scopes=["chat:write"])
    reply = cloud.send(api, headers=token(cloud, claims={"scope": "chat:read"}))
    assert outcome(reply) == FORBIDDEN
    assert "insufficient_scope" in reply.headers["www-authenticate"]
    assert cloud.send(api, headers=token(cloud, claims={"scope": "chat:read chat:write"})).status == 200
    found = cloud.functions.events[-1]["requestContext"]["authorizer"]["jwt"]
    assert found["scopes"] == ["chat:read", "chat:write"]


def test_a_raw_token_without_bearer_is_taken(cloud: GatewayCloud) -> None:
    api = cloud.api()
    cloud.jwt_route(api)
    assert cloud.send(api, headers={"authorization": token(cloud)["authorization"].split()[1]}).status == 200


def test_an_issuer_that_cannot_be_reached_lets_nobody_in(cloud: GatewayCloud) -> None:
    api = cloud.api()
    cloud.jwt_route(api, Issuer="http://127.0.0.1:1/issuer")
    assert outcome(cloud.send(api, headers=token(cloud))) == UNAUTHORIZED


def test_an_authorisation_that_is_not_offered_lets_nobody_in(cloud: GatewayCloud) -> None:
    reply = cloud.send(cloud.api(route={"AuthorizationType": "CUSTOM", "AuthorizerId": "none"}))
    assert reply.status == 501
    assert "CUSTOM" in reply.json["message"]


# -- other origins ----------------------------------------------------------------------------------
CORS = {
    "AllowOrigins": ["https://shop.example", "http://localhost:3000"],
    "AllowMethods": ["POST"],
    "AllowHeaders": ["authorization", "content-type"],
    "ExposeHeaders": ["x-kind"],
    "MaxAge": 60,
}


def with_cors(cloud: GatewayCloud, **changes: Any) -> str:
    api = cloud.api(route=IAM)
    cloud.client("apigatewayv2").update_api(ApiId=api, CorsConfiguration={**CORS, **changes})
    return api


def test_a_preflight_is_answered_without_a_route_or_a_signature(cloud: GatewayCloud) -> None:
    api = with_cors(cloud)
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    reply = cloud.send(api, "OPTIONS", "/chat", b"", asked)
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["access-control-allow-origin"] == "https://shop.example"
    assert reply.headers["access-control-allow-methods"] == "POST"
    assert reply.headers["access-control-allow-headers"] == "authorization,content-type"
    assert reply.headers["access-control-max-age"] == "60"
    stranger = cloud.send(api, "OPTIONS", "/chat", b"", {**asked, "origin": "https://evil.example"})
    assert "access-control-allow-origin" not in stranger.headers
    assert cloud.functions.events == []


def test_answers_and_refusals_carry_the_gateways_word_and_not_the_functions(cloud: GatewayCloud) -> None:
    api = with_cors(cloud)
    cloud.functions.answer = lambda event: {
        "statusCode": 200,
        "headers": {"Access-Control-Allow-Origin": "*"},
    }
    signed = {**cloud.signed_headers(api, ROOT), "origin": "http://localhost:3000"}
    reply = cloud.send(api, headers=signed)
    assert reply.headers.get_all("access-control-allow-origin") == ["http://localhost:3000"]
    assert reply.headers["access-control-expose-headers"] == "x-kind"
    refused = cloud.send(api, headers={"origin": "https://shop.example"})
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (403, "https://shop.example")
    without = cloud.send(api, headers=cloud.signed_headers(api, ROOT))
    assert without.headers.get_all("access-control-allow-origin") is None


def test_any_origin_and_any_of_a_scheme(cloud: GatewayCloud) -> None:
    anyone = with_cors(cloud, AllowOrigins=["*"])
    assert cloud.send(anyone, headers={"origin": "https://x"}).headers["access-control-allow-origin"] == "*"
    secure = with_cors(cloud, AllowOrigins=["https://*"], AllowCredentials=True)
    reply = cloud.send(secure, headers={"origin": "https://x"})
    assert reply.headers["access-control-allow-origin"] == "https://x"
    assert reply.headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in cloud.send(secure, headers={"origin": "http://x"}).headers


# -- throttles --------------------------------------------------------------------------------------
def test_over_the_burst_the_answer_is_429_until_the_rate_has_refilled_it(cloud: GatewayCloud) -> None:
    settings = {"ThrottlingRateLimit": 5.0, "ThrottlingBurstLimit": 3}
    api = cloud.api(stage={"DefaultRouteSettings": settings})
    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda _: cloud.send(api), range(12)))
    statuses = [reply.status for reply in replies]
    assert set(statuses) == {200, 429}
    assert 3 <= statuses.count(200) <= 6
    limited = next(reply for reply in replies if reply.status == 429)
    assert limited.json == {"message": "Too Many Requests"}
    assert len(cloud.functions.events) == statuses.count(200)
    time.sleep(0.3)
    assert cloud.send(api).status == 200


def test_a_route_may_have_a_limit_of_its_own(cloud: GatewayCloud) -> None:
    routes = {"POST /slow": {"ThrottlingRateLimit": 0.01, "ThrottlingBurstLimit": 1}}
    api = cloud.api("POST /slow", "POST /fast", stage={"RouteSettings": routes})
    assert [cloud.send(api, path="/slow").status for _ in range(3)] == [200, 429, 429]
    assert [cloud.send(api, path="/fast").status for _ in range(3)] == [200, 200, 200]


def test_a_limit_of_zero_closes_the_stage(cloud: GatewayCloud) -> None:
    settings = {"ThrottlingRateLimit": 0.0, "ThrottlingBurstLimit": 0}
    assert cloud.send(cloud.api(stage={"DefaultRouteSettings": settings})).status == 429


# -- the access log ---------------------------------------------------------------------------------
def test_every_request_is_a_line_in_the_deployed_format(cloud: GatewayCloud) -> None:
    logs, group = cloud.client("logs"), "/access/log"
    logs.create_log_group(logGroupName=group)
    names = (
        "requestId",
        "httpMethod",
        "routeKey",
        "status",
        "protocol",
        "responseLength",
        "identity.sourceIp",
        "identity.userArn",
        "error.message",
        "integrationErrorMessage",
        "authorizer.error",
        "path",
        "stage",
        "integrationStatus",
        "unheard.of",
    )
    log = {
        "DestinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*",
        "Format": json.dumps({name: f"$context.{name}" for name in names}),
    }
    api = cloud.api(route=IAM, stage={"AccessLogSettings": log})
    good = cloud.send(api, headers=cloud.signed_headers(api, ROOT))
    cloud.send(api)
    cloud.functions.answer = lambda event: Invocation(payload=b'{"errorMessage": "boom"}', error="Unhandled")
    cloud.send(api, headers=cloud.signed_headers(api, ROOT))
    lines = [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName=group)["events"]]
    ok, forbidden, failed = lines
    assert ok == {
        "requestId": good.headers["apigw-requestid"],
        "httpMethod": "POST",
        "routeKey": "POST /chat",
        "status": "200",
        "protocol": "HTTP/1.1",
        "responseLength": "2",
        "identity.sourceIp": "127.0.0.1",
        "identity.userArn": f"arn:aws:iam::{ACCOUNT}:root",
        "error.message": "-",
        "integrationErrorMessage": "-",
        "authorizer.error": "-",
        "path": "/chat",
        "stage": "$default",
        "integrationStatus": "200",
        "unheard.of": "-",
    }
    assert (forbidden["status"], forbidden["error.message"]) == ("403", "Forbidden")
    assert "Missing Authentication Token" in forbidden["authorizer.error"]
    assert "boom" in failed["integrationErrorMessage"]


def test_a_caller_cannot_forge_a_line(cloud: GatewayCloud) -> None:
    logs, group = cloud.client("logs"), "/access/forged"
    logs.create_log_group(logGroupName=group)
    log = {
        "DestinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}",
        "Format": '{"agent":"$context.identity.userAgent","status":"$context.status"}',
    }
    api = cloud.api(stage={"AccessLogSettings": log})
    agent = 'x","status":"999'
    cloud.send(api, headers={"user-agent": agent})
    (event,) = logs.filter_log_events(logGroupName=group)["events"]
    assert json.loads(event["message"]) == {"agent": agent, "status": "200"}


def test_a_log_group_that_is_gone_stops_no_request(cloud: GatewayCloud) -> None:
    log = {
        "DestinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:gone",
        "Format": "$context.requestId",
    }
    assert cloud.send(cloud.api(stage={"AccessLogSettings": log})).status == 200


# -- load -------------------------------------------------------------------------------------------
def test_twenty_clients_at_once_each_get_their_own_answer(cloud: GatewayCloud) -> None:
    api = cloud.api(route=IAM)
    cloud.functions.answer = lambda event: {"statusCode": 200, "body": event["body"]}

    def ask(number: int) -> bool:
        body = json.dumps({"n": number}).encode()
        headers = cloud.signed_headers(api, ROOT, body=body)
        return all(cloud.send(api, body=body, headers=headers).body == body for _ in range(5))

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(ask, range(20)))
    assert len(cloud.functions.events) == 100
