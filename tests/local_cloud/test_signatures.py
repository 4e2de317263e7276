"""Signature Version 4, checked against botocore's signer as the oracle, and against tampering."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from serverless_ai_local.aws.signatures import Fault, Sent, Signature, SignatureError, read, verify

KEY, SECRET = "AKIAEXAMPLE", "secret/with+signs"
HOST = "127.0.0.1:4566"
TEXT = st.text(string.ascii_letters + string.digits + " /?&=+%äß~*'():@!$,;.-_\t", max_size=12)
SEGMENTS = st.lists(TEXT, max_size=4).map(lambda parts: "/" + "/".join(quote(p, safe="~") for p in parts))
QUERY = st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=4).map(
    lambda pairs: "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in pairs)
)
NAMES = st.from_regex(r"x-[a-z]{1,6}(-[a-z]{1,4})?", fullmatch=True).filter(
    lambda n: not n.startswith("x-amz")
)
VALUES = st.text(string.ascii_letters + string.digits + " =;,/\"'", max_size=16)
HEADERS = st.dictionaries(NAMES, VALUES, max_size=3)
SERVICES = st.sampled_from(["execute-api", "sqs", "bedrock", "dynamodb", "s3", "lambda"])
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE"])


def signed(
    method: str = "POST",
    path: str = "/chat",
    query: str = "",
    headers: dict[str, str] | None = None,
    body: bytes = b"{}",
    *,
    service: str = "execute-api",
    credentials: Credentials | None = None,
) -> Sent:
    """A request as botocore signs it and a client sends it."""
    url = f"http://{HOST}{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method, url, headers or {}, body)
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    kind(credentials or Credentials(KEY, SECRET), service, "us-east-1").add_auth(request)
    names = {name.lower() for name, _ in request.headers.items()}
    host = [] if "host" in names else [("Host", HOST)]
    sent = [
        (str(name), v.decode() if isinstance(v, bytes) else str(v)) for name, v in request.headers.items()
    ]
    return Sent(method=method, path=path, query=query, headers=host + sent, body=body)


def presigned(path: str = "/bucket/key", *, service: str = "s3", expires: int = 60) -> Sent:
    request = AWSRequest("GET", f"http://{HOST}{path}")
    kind = S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth
    kind(Credentials(KEY, SECRET, "token"), service, "us-east-1", expires=expires).add_auth(request)
    parts = urlsplit(str(request.url))
    return Sent(method="GET", path=parts.path, query=parts.query, headers=[("Host", HOST)], body=b"")


def check(sent: Sent, *, secret: str = SECRET, now: datetime | None = None) -> Signature:
    signature = read(sent)
    verify(sent, signature, secret, now or datetime.now(UTC))
    return signature


def fault_of(sent: Sent, **how: Any) -> Fault:
    with pytest.raises(SignatureError) as caught:
        check(sent, **how)
    return caught.value.fault


@settings(max_examples=1000, deadline=None)
@given(METHODS, SEGMENTS, QUERY, HEADERS, st.binary(max_size=64), SERVICES)
def test_what_botocore_signed_is_accepted(  # noqa: PLR0917 - generated
    method: str, path: str, query: str, headers: dict[str, str], body: bytes, service: str
) -> None:
    signature = check(signed(method, path, query, headers, body, service=service))
    assert (signature.access_key, signature.service, signature.region) == (KEY, service, "us-east-1")


@settings(max_examples=200, deadline=None)
@given(SEGMENTS, st.sampled_from(["s3", "execute-api"]))
def test_what_botocore_presigned_is_accepted(path: str, service: str) -> None:
    signature = check(presigned(path, service=service))
    assert signature.token == "token"
    assert signature.presigned_s == 60


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=32), st.binary(max_size=32))
def test_another_body_is_not_accepted(body: bytes, other: bytes) -> None:
    assume(body != other)
    assert fault_of(replace(signed(body=body), body=other)) in (Fault.MISMATCH, Fault.PAYLOAD)


@pytest.mark.parametrize(
    ("what", "tamper"),
    [
        ("method", lambda sent: replace(sent, method="PUT")),
        ("path", lambda sent: replace(sent, path="/chat2")),
        ("case of the path", lambda sent: replace(sent, path="/Chat")),
        ("encoded slash", lambda sent: replace(sent, path="/cha%2Ft")),
        ("query", lambda sent: replace(sent, query="a=1&b=3")),
        ("one more in the query", lambda sent: replace(sent, query="a=1&b=2&c=3")),
        ("repeated in the query", lambda sent: replace(sent, query="a=1&b=2&b=2")),
        ("signed header", lambda sent: _with(sent, "x-tenant", "other")),
        ("repeated signed header", lambda sent: replace(sent, headers=[*sent.headers, ("x-tenant", "b")])),
        ("host", lambda sent: _with(sent, "host", "other:80")),
        (
            "removed header",
            lambda sent: replace(sent, headers=[h for h in sent.headers if h[0] != "x-tenant"]),
        ),
        ("date", lambda sent: _with(sent, "x-amz-date", datetime.now(UTC).strftime("%Y%m%dT000000Z"))),
    ],
)
def test_a_change_after_signing_is_noticed(what: str, tamper: Any) -> None:
    sent = signed(query="a=1&b=2", headers={"x-tenant": "a"})
    check(sent)
    assert fault_of(tamper(sent)) in (Fault.MISMATCH, Fault.EXPIRED), what


def test_parts_of_the_header_cannot_be_exchanged() -> None:
    sent = signed()
    header = dict(sent.headers)["Authorization"]
    day = datetime.now(UTC).strftime("%Y%m%d")
    for old, new in [("execute-api", "sqs"), ("us-east-1", "eu-west-1"), (f"/{day}/", "/20200101/"),
                     ("SignedHeaders=host;", "SignedHeaders=accept;host;")]:  # fmt: skip
        assert fault_of(_with(sent, "authorization", header.replace(old, new))) is Fault.MISMATCH, new
    short = header[:-1]
    upper = header[:-64] + header[-64:].upper()
    for changed in (short, upper, header[:-64] + "0" * 64):
        if changed != header:
            assert fault_of(_with(sent, "authorization", changed)) is Fault.MISMATCH


def test_a_wrong_secret_is_noticed() -> None:
    assert fault_of(signed(), secret="other") is Fault.MISMATCH


def test_an_unsigned_host_is_not_accepted() -> None:
    sent = signed()
    header = dict(sent.headers)["Authorization"].replace("host;", "")
    assert fault_of(_with(sent, "authorization", header)) is Fault.MISMATCH


@pytest.mark.parametrize(
    ("service", "minutes", "fault"),
    [
        ("sqs", 6, Fault.EXPIRED),
        ("sqs", 4, None),
        ("sqs", -6, Fault.TOO_EARLY),
        ("sqs", -4, None),
        ("s3", 6, None),
        ("s3", 16, Fault.EXPIRED),
        ("execute-api", 6, Fault.EXPIRED),
    ],
)
def test_a_signature_counts_for_five_minutes_and_fifteen_at_s3(
    service: str, minutes: int, fault: Fault | None
) -> None:
    sent, now = signed(service=service), datetime.now(UTC) + timedelta(minutes=minutes)
    if fault is None:
        check(sent, now=now)
    else:
        assert fault_of(sent, now=now) is fault


def test_a_presigned_url_lives_as_long_as_it_says() -> None:
    sent = presigned(expires=60)
    check(sent, now=datetime.now(UTC) + timedelta(seconds=50))
    assert fault_of(sent, now=datetime.now(UTC) + timedelta(seconds=70)) is Fault.EXPIRED_URL
    longer = replace(sent, query=sent.query.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"))
    assert fault_of(longer) is Fault.MISMATCH
    for expires in ("0", "604801", "-1", "x", "9" * 40):
        changed = replace(sent, query=sent.query.replace("X-Amz-Expires=60", f"X-Amz-Expires={expires}"))
        assert fault_of(changed) is Fault.MALFORMED


def test_only_object_stores_take_bodies_that_are_not_signed() -> None:
    for value in ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
        headers = {"X-Amz-Content-SHA256": value}
        assert fault_of(_resigned(headers, "execute-api")) is Fault.PAYLOAD
        check(_resigned(headers, "s3"))


def test_a_stated_hash_of_another_body_is_noticed() -> None:
    assert fault_of(_resigned({"X-Amz-Content-SHA256": "0" * 64}, "execute-api")) is Fault.PAYLOAD


@pytest.mark.parametrize(
    ("headers", "query", "fault"),
    [
        ({}, "", Fault.MISSING),
        ({"authorization": "Bearer abc"}, "", Fault.UNSUPPORTED),
        ({"authorization": "AWS AKIA:sig"}, "", Fault.UNSUPPORTED),
        ({"authorization": "AWS4-HMAC-SHA256"}, "", Fault.MALFORMED),
        ({"authorization": "AWS4-HMAC-SHA256 Credential=a,SignedHeaders=b,Signature=c"}, "", Fault.MALFORMED),
        ({"authorization": _HEADER} if (_HEADER := "AWS4-HMAC-SHA256 Credential=a/20260101/r/s/aws4_request, "
          "SignedHeaders=host, Signature=x") else {}, "", Fault.MALFORMED),
        ({"authorization": _HEADER, "x-amz-date": "yesterday"}, "", Fault.MALFORMED),
        ({"authorization": _HEADER, "x-amz-date": "20261399T000000Z"}, "", Fault.MALFORMED),
        ({"authorization": _HEADER.replace("host", "host;accept"), "x-amz-date": "20260101T000000Z"}, "",
         Fault.MALFORMED),
        ({}, "X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Signature=x", Fault.UNSUPPORTED),
        ({}, "X-Amz-Algorithm=AWS4-HMAC-SHA256", Fault.MALFORMED),
        ({}, "AWSAccessKeyId=a&Signature=b&Expires=1", Fault.UNSUPPORTED),
    ],
)  # fmt: skip
def test_a_malformed_signature_is_told_from_a_wrong_one(
    headers: dict[str, str], query: str, fault: Fault
) -> None:
    sent = Sent(method="GET", path="/", query=query, headers=[("Host", HOST), *headers.items()], body=b"")
    assert fault_of(sent) is fault


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80), st.text(max_size=40), st.binary(max_size=10))
def test_garbage_never_gets_in_and_never_breaks_the_check(header: str, query: str, body: bytes) -> None:
    headers = [("Host", HOST), ("Authorization", header), ("X-Amz-Date", "20260101T000000Z")]
    with pytest.raises(SignatureError):
        check(
            Sent(method="GET", path="/", query=query.encode().decode("latin-1"), headers=headers, body=body)
        )


def _with(sent: Sent, name: str, value: str) -> Sent:
    return replace(sent, headers=[(n, value if n.lower() == name else v) for n, v in sent.headers])


def _resigned(headers: dict[str, str], service: str) -> Sent:
    """Signed with a stated payload hash, whatever the body is."""
    request = AWSRequest("POST", f"http://{HOST}/chat", headers, b"body")
    SigV4Auth(Credentials(KEY, SECRET), service, "us-east-1").add_auth(request)
    sent = [("Host", HOST), *((str(name), str(value)) for name, value in request.headers.items())]
    return Sent(method="POST", path="/chat", query="", headers=sent, body=b"body")
