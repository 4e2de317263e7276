"""The scenario's world on AWS, through boto3 and plain HTTP only: the same for CDK and Pulumi."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from local_controls import LocalControls
from world import Reply

from serverless_ai_local.launch import RunningCloud

REGION = "us-east-1"
OTHER_SESSION = {"message": "hello"}


@dataclass(kw_only=True)
class AwsWorld(LocalControls):
    """`outputs` holds `<variant>_<output>` of every variant."""

    target: str
    refusal: str = "ValidationException"
    cloud: RunningCloud
    outputs: Mapping[str, str]
    callers: dict[str, Credentials] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _results: list[dict[str, Any]] = field(default_factory=list)
    _dead: list[dict[str, Any]] = field(default_factory=list)

    # -- HTTP -----------------------------------------------------------------------------------
    def chat(self, body: Any, *, variant: str = "main", caller: str = "ada") -> Reply:
        if variant == "jwt":
            return self.bearer(body, self.token(caller))
        return self._signed(_bytes(body), variant, self._caller(caller))

    def bearer(self, body: Any, token: str | None) -> Reply:
        headers = {"authorization": f"Bearer {token}"} if token is not None else {}
        return self._post("jwt", _bytes(body), headers)

    def token(self, sub: str, *, audience: str = "chat", lifetime_s: int = 300) -> str:
        wish = {"sub": sub, "aud": audience, "lifetime_s": lifetime_s}
        return self.cloud.admin("POST", "issuer/token", wish)["access_token"]

    def refused(self) -> Mapping[str, Callable[[], Reply]]:
        body = b'{"message": "let me in"}'
        ada = self._caller("ada")
        wrong = Credentials(ada.access_key, "not-the-secret")
        return {
            "no credentials": lambda: self._post("main", body, {}),
            "an unknown key": lambda: self._signed(body, "main", Credentials("AKIAUNKNOWN", "x")),
            "a wrong secret": lambda: self._signed(body, "main", wrong),
            "a tampered body": lambda: self._signed(body, "main", ada, send=b'{"message": "LET me in"}'),
            "a signature of yesterday": lambda: self._signed(body, "main", ada, age_s=86_400),
            "a caller without permission": lambda: self._signed(
                body, "main", self._caller("stranger", allow=False)
            ),
            "a bearer token where IAM is deployed": lambda: self._post(
                "main", body, {"authorization": f"Bearer {self.token('ada')}"}
            ),
            "no token": lambda: self.bearer(body, None),
            "an expired token": lambda: self.bearer(body, self.token("ada", lifetime_s=-3600)),
            "a token for another audience": lambda: self.bearer(body, self.token("ada", audience="shop")),
            "a tampered token": lambda: self.bearer(body, _tampered(self.token("ada"))),
            "an unsigned token": lambda: self.bearer(body, _unsigned(self.token("ada"))),
            "not a token": lambda: self.bearer(body, "x.y.z"),
        }

    def _signed(
        self, body: bytes, variant: str, who: Credentials, *, send: bytes | None = None, age_s: float = 0
    ) -> Reply:
        url = self.outputs[f"{variant}_endpoint"] + "/chat"
        request = AWSRequest("POST", url, {"content-type": "application/json"}, body)
        signer = _DatedSigner(who, age_s)
        signer.add_auth(request)
        return self._post(variant, body if send is None else send, dict(request.headers.items()))

    def _post(self, variant: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        parts = urlsplit(self.outputs[f"{variant}_endpoint"])
        connection = http.client.HTTPConnection(parts.netloc, timeout=40)
        started = time.monotonic()
        try:
            connection.request(
                "POST", parts.path + "/chat", body, {"content-type": "application/json", **headers}
            )
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        return Reply(
            status=response.status,
            body=json.loads(text),
            headers={name.lower(): value for name, value in response.getheaders()},
            seconds=time.monotonic() - started,
        )

    def _caller(self, name: str, *, allow: bool = True) -> Credentials:
        with self._lock:
            if name not in self.callers:
                self.callers[name] = self._make_caller(name, allow=allow)
            return self.callers[name]

    def _make_caller(self, name: str, *, allow: bool) -> Credentials:
        iam = self.cloud.client("iam")
        user = f"{self.target}-{name}"
        iam.create_user(UserName=user)
        if allow:
            iam.put_user_policy(UserName=user, PolicyName="chat", PolicyDocument=json.dumps(self._may_chat()))
        key = iam.create_access_key(UserName=user)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def _may_chat(self) -> dict[str, Any]:
        apis = [self.outputs[f"{v}_endpoint"].rsplit("/", 1)[-1] for v in ("main", "tight")]
        routes = [f"arn:aws:execute-api:{REGION}:*:{api}/$default/POST/chat" for api in apis]
        statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": routes}
        return {"Version": "2012-10-17", "Statement": [statement]}

    # -- events ---------------------------------------------------------------------------------
    def fire_schedule(self) -> None:
        self.cloud.admin("POST", f"schedules/default/{self.outputs['main_schedule_name']}/fire")

    def emit(self, detail: Mapping[str, Any], *, deliveries: int = 1) -> None:
        if deliveries > 1:
            self.cloud.admin("POST", "events/duplicate", {"times": deliveries - 1})
        self._put("shop", detail)

    def emit_other(self, detail: Mapping[str, Any]) -> None:
        self._put("warehouse", detail)

    def _put(self, source: str, detail: Mapping[str, Any]) -> None:
        entry = {"Source": source, "DetailType": "OrderPlaced", "Detail": json.dumps(detail)}
        answer = self.cloud.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer

    def results(self) -> list[dict[str, Any]]:
        self._results += self._drain("main_destination_queue_url")
        return self._results

    def dead_letters(self) -> list[dict[str, Any]]:
        for letter in self._drain("main_dead_letter_queue_url"):
            failure = letter.get("responsePayload") or {}
            self._dead.append(
                {
                    "reason": f"{failure.get('errorType')}: {failure.get('errorMessage')}",
                    "payload": letter.get("requestPayload"),
                    "attempts": letter.get("requestContext", {}).get("approximateInvokeCount"),
                }
            )
        return self._dead

    def _drain(self, output: str) -> list[dict[str, Any]]:
        sqs, url, found = self.cloud.client("sqs"), self.outputs[output], []
        while True:
            messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            if not messages:
                return found
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    # -- model and logs -------------------------------------------------------------------------
    def logs(self, variant: str = "main") -> list[str]:
        group = self.outputs[f"{variant}_log_group_name"]
        pages = self.cloud.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def reset(self) -> None:
        self.cloud.admin("DELETE", "model/faults")
        self.cloud.admin("DELETE", "model/calls")
        self.results()
        self.dead_letters()
        self._results.clear()
        self._dead.clear()


class _DatedSigner(SigV4Auth):
    """botocore's signer with a clock that is `age_s` behind."""

    def __init__(self, credentials: Credentials, age_s: float) -> None:
        super().__init__(credentials, "execute-api", REGION)
        self.age_s = age_s

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        moment = time.gmtime(time.time() - self.age_s)
        request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", moment)
        super()._modify_request_before_signing(request)


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def _tampered(token: str) -> str:
    head, payload, signature = token.split(".")
    middle = len(payload) // 2
    other = "A" if payload[middle] != "A" else "B"
    return ".".join((head, payload[:middle] + other + payload[middle + 1 :], signature))


def _unsigned(token: str) -> str:
    _, payload, _ = token.split(".")
    return f"eyJhbGciOiJub25lIn0.{payload}."
