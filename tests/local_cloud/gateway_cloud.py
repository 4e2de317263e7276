"""A gateway in this process over a function that is a Python callable, and what tests do with it."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from serverless_ai_local.admin import Admin
from serverless_ai_local.aws import moto_backends
from serverless_ai_local.aws.api import Invocation
from serverless_ai_local.http_server import Server, sent
from serverless_ai_local.issuer import Issuer

REGION, ACCOUNT = "us-east-1", "123456789012"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:chat"
_numbers = itertools.count(1)
Answer = Callable[[dict[str, Any]], Any]


class FakeFunctions:
    """Calls `answer` with the event; keeps the events."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.answer: Answer = lambda event: {"statusCode": 200, "body": "ok"}

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        if not function_arn.endswith(":chat"):
            raise KeyError(function_arn)
        self.events.append(json.loads(payload))
        found = self.answer(self.events[-1])
        if isinstance(found, Invocation):
            return found
        return Invocation(payload=found if isinstance(found, bytes) else json.dumps(found).encode())

    def enqueue(self, function_arn: str, payload: bytes) -> None:
        raise AssertionError("a gateway waits for answers")


@dataclass
class Reply:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class GatewayCloud:
    url: str
    functions: FakeFunctions
    permitted: set[str] = field(default_factory=set)
    """Source ARNs that the function lets in; empty: all."""
    issuer: Issuer | None = None
    stop: Callable[[], None] = lambda: None

    def client(self, service: str) -> Any:
        session = boto3.Session("test", "test", region_name=REGION)
        return session.client(service, endpoint_url=self.url)

    def api(
        self,
        *route_keys: str,
        route: Mapping[str, Any] | None = None,
        stage: Mapping[str, Any] | None = None,
        integration: Mapping[str, Any] | None = None,
    ) -> str:
        """Deploy an HTTP API; returns its id. Without route keys: `POST /chat`."""
        gateway = self.client("apigatewayv2")
        api_id = gateway.create_api(Name=f"api{next(_numbers)}", ProtocolType="HTTP")["ApiId"]
        made = gateway.create_integration(
            ApiId=api_id,
            **{
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": FUNCTION,
                "PayloadFormatVersion": "2.0",
                **(integration or {}),
            },
        )
        for key in route_keys or ("POST /chat",):
            target = f"integrations/{made['IntegrationId']}"
            gateway.create_route(ApiId=api_id, RouteKey=key, Target=target, **(route or {}))
        settings = {"StageName": "$default", "AutoDeploy": True, **(stage or {})}
        gateway.create_stage(ApiId=api_id, **settings)
        return api_id

    def jwt_route(self, api_id: str, *, scopes: list[str] | None = None, **config: Any) -> None:
        """Protect every route of an API with tokens of the local issuer for the audience `chat`."""
        gateway = self.client("apigatewayv2")
        assert self.issuer is not None
        made = gateway.create_authorizer(
            ApiId=api_id,
            Name="jwt",
            AuthorizerType="JWT",
            IdentitySource=["$request.header.Authorization"],
            JwtConfiguration={"Issuer": self.issuer.issuer, "Audience": ["chat"], **config},
        )
        for route in gateway.get_routes(ApiId=api_id)["Items"]:
            gateway.update_route(
                ApiId=api_id,
                RouteId=route["RouteId"],
                AuthorizationType="JWT",
                AuthorizerId=made["AuthorizerId"],
                AuthorizationScopes=scopes or [],
            )

    def base(self, api_id: str) -> str:
        return f"/_aws/execute-api/{api_id}"

    def send(
        self,
        api_id: str,
        method: str = "POST",
        path: str = "/chat",
        body: bytes = b"{}",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        return self.raw(method, self.base(api_id) + path, body, headers)

    def raw(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=20)
        try:
            connection.request(method, target, body, {"content-type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def signed_headers(
        self,
        api_id: str,
        keys: Credentials,
        *,
        path: str = "/chat",
        body: bytes = b"{}",
        service: str = "execute-api",
        region: str = REGION,
    ) -> dict[str, str]:
        request = AWSRequest(
            "POST", self.url + self.base(api_id) + path, {"content-type": "application/json"}, body
        )
        SigV4Auth(keys, service, region).add_auth(request)
        return dict(request.headers.items())

    def user(self, *statements: dict[str, Any]) -> Credentials:
        """An IAM user with these statements."""
        iam, user = self.client("iam"), f"user{next(_numbers)}"
        iam.create_user(UserName=user)
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=document)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def start() -> GatewayCloud:
    """One that runs until its `stop` is called."""
    server = Server("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    moto_backends.configure(url)
    from serverless_ai_local.aws.front import Front
    from serverless_ai_local.aws.iam.authoriser import Authoriser
    from serverless_ai_local.aws.iam.ledger import Ledger
    from serverless_ai_local.aws.identities import Identities
    from serverless_ai_local.gateway.authorisation import Authorisation
    from serverless_ai_local.gateway.http_api import HttpApis
    from serverless_ai_local.gateway.jwt_authorizer import JwtVerifier

    identities, authoriser, issuer = Identities(), Authoriser(Ledger()), Issuer(url)
    cloud = GatewayCloud(url=url, functions=FakeFunctions(), issuer=issuer)
    front, admin = Front(identities, authoriser, {}, moto_backends.Moto()), Admin(issuer.routes())
    apis = HttpApis(
        cloud.functions,
        lambda function_arn, source_arn: not cloud.permitted or source_arn in cloud.permitted,
        Authorisation(identities, authoriser, JwtVerifier()),
    )

    def application(environ: dict[str, Any], begin: Any) -> Any:
        request = sent(environ)
        if environ["PATH_INFO"].startswith("/_local/"):
            return admin(environ)(environ, begin)
        if HttpApis.addressed(request) is not None:
            return apis(request, environ["REMOTE_ADDR"], environ["SERVER_PROTOCOL"])(environ, begin)
        return front(environ)(environ, begin)

    server.application = application
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def stop() -> None:
        apis.close()
        server.shutdown()
        server.server_close()

    cloud.stop = stop
    return cloud


def held(released: threading.Event) -> Answer:
    """A function that answers when it is let go."""

    def answer(event: dict[str, Any]) -> Any:
        released.wait(60)
        return {"statusCode": 200, "body": "late"}

    return answer
