"""Our signatures against botocore's, over generated requests."""

from __future__ import annotations

import hashlib
import random
import re
import time
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from serverless_ai_runtime.adapters.aws.sigv4 import sign
from serverless_ai_runtime.config import AwsConfig

REQUESTS = 1500
SIGNATURE = re.compile(r"^AWS4-HMAC-SHA256 Credential=[^,]+, SignedHeaders=[^,]+, Signature=[0-9a-f]{64}$")
SEGMENTS = (
    "", ".", "..", "a", "model", "us.model-v1%3A0", "%2F", "%252F", "%20", "+", "a+b", "~", "a~b", "-_.", "=",
    "%C3%BC", "%E6%BC%A2", "%F0%9F%99%82", "(x)", "*", "!", "'", ":", "@", "$", ",", ";",
)  # fmt: skip
NAMES = ("a", "A", "b", "list-type", "a%20b", "%C3%BC", "X-Amz-Meta", "-", "~", "a.b")
VALUES = ("", "1", "2", "10", "a=b", "%26", "%2F", "%20", "+", "~", "%E6%BC%A2", "/", ":", "a,b")
HEADERS = ("content-type", "X-Amz-Target", "x-amz-meta-one", "X-Custom", "User-Agent", "Expect", "Accept",
           "X-Amzn-Trace-Id", "Transfer-Encoding")  # fmt: skip
HEADER_VALUES = (
    "",
    "a",
    " a ",
    "a  b",
    "\ta\t b ",
    '"quoted  text"',
    "application/json; charset=utf-8",
    "a,b",
)
HOSTS = (
    "https://bedrock-runtime.us-east-1.amazonaws.com", "https://Example.COM", "https://example.com:443",
    "http://example.com:80", "https://example.com:8443", "http://127.0.0.1:4566", "http://[::1]:4566",
)  # fmt: skip
BODIES = (b"", b"{}", "ünïcödé 漢字 🙂".encode(), bytes(range(256)), b"x" * 70_000)
SERVICES = ("bedrock", "dynamodb", "sqs", "execute-api", "s3", "lambda")
REGIONS = ("us-east-1", "eu-central-1", "cn-north-1")


class Case:
    """One request, made of pieces that clients really get wrong."""

    def __init__(self, seed: int) -> None:
        pick = random.Random(seed)
        path = "".join("/" + pick.choice(SEGMENTS) for _ in range(pick.randint(0, 5)))
        if pick.random() < 0.2:
            path += "/" + quote("".join(chr(pick.randint(32, 0x2FFF)) for _ in range(8)))
        pairs = [
            pick.choice(NAMES) + (("=" + pick.choice(VALUES)) if pick.random() < 0.8 else "")
            for _ in range(pick.randint(0, 5))
        ]
        self.url = pick.choice(HOSTS) + path + ("?" + "&".join(pairs) if pairs else "")
        self.method = pick.choice(("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"))
        names = pick.sample(HEADERS, pick.randint(0, 4))
        self.headers = {name: pick.choice(HEADER_VALUES) for name in names}
        self.body = pick.choice(BODIES)
        token = pick.choice(("", "session//token+=="))
        self.credentials = AwsConfig(pick.choice(REGIONS), "AKIDEXAMPLE", "wJalr/XUtn+FEMI", token)
        self.service = pick.choice(SERVICES)

    def ours(self, *, encode_path: bool = True, headers: dict[str, str] | None = None) -> dict[str, str]:
        return sign(
            self.method,
            self.url,
            self.headers | (headers or {}),
            self.body,
            service=self.service,
            credentials=self.credentials,
            now=time.time(),
            encode_path=encode_path,
        )

    def theirs(self, auth: type[SigV4Auth]) -> dict[str, str]:
        request = AWSRequest(method=self.method, url=self.url, headers=dict(self.headers), data=self.body)
        keys = self.credentials
        credentials = Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token or None)
        auth(credentials, self.service, keys.region).add_auth(request)
        return {name.lower(): value for name, value in request.headers.items()}


def assert_same(case: Case, auth: type[SigV4Auth], **ours: object) -> None:
    """The clock of both is the machine's, so a pair that straddles a second is signed again."""
    for _ in range(5):
        theirs = case.theirs(auth)
        mine = case.ours(**ours)  # pyright: ignore[reportArgumentType]
        if mine["x-amz-date"] == theirs["x-amz-date"]:
            break
    assert SIGNATURE.match(mine["authorization"])
    assert {name: mine.get(name) for name in theirs} == theirs, case.url
    assert set(mine) - set(theirs) == {"host"}


@pytest.mark.parametrize("block", range(10))
def test_signatures_equal_botocores(block: int) -> None:
    for seed in range(block * REQUESTS // 10, (block + 1) * REQUESTS // 10):
        assert_same(Case(seed), SigV4Auth)


def test_signatures_for_s3_encode_the_path_once() -> None:
    for seed in range(300):
        case = Case(seed)
        if not urlsplit(case.url).path:  # every path of S3 begins with a slash
            continue
        digest = hashlib.sha256(case.body).hexdigest()
        assert_same(case, S3SigV4Auth, encode_path=False, headers={"x-amz-content-sha256": digest})


def test_the_generated_requests_hold_what_is_easily_got_wrong() -> None:
    cases = [Case(seed) for seed in range(REQUESTS)]
    urls = [case.url for case in cases]
    for hostile in ("/../", "/./", "//", "%252F", "%E6%BC%A2", "+", "~", "[::1]", ":443", "?", "&a=", "=a=b"):
        assert sum(hostile in url for url in urls) > 5, hostile
    assert any(len(set(url.partition("?")[2].split("&"))) < url.count("&") + 1 for url in urls if "&" in url)
    assert {case.body for case in cases} == set(BODIES)
    assert len(set(urls)) > 1000


def test_a_known_signature_of_the_specification() -> None:
    # "get-vanilla" of the test suite that AWS publishes for Signature Version 4.
    credentials = AwsConfig("us-east-1", "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "")
    now = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()
    headers = sign(
        "GET",
        "https://example.amazonaws.com/",
        {},
        b"",
        service="service",
        credentials=credentials,
        now=now,
    )
    assert headers["authorization"].endswith(
        "SignedHeaders=host;x-amz-date, "
        "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


def test_a_signature_that_is_there_already_is_replaced() -> None:
    first = Case(1).ours()
    again = sign(
        "POST", "https://example.com/", first, b"", service="sqs", credentials=Case(1).credentials, now=0
    )
    assert again["x-amz-date"] == "19700101T000000Z"
    assert "authorization" not in again["authorization"].lower().partition("signedheaders")[2]
