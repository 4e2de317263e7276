"""Who calls: only what Cloud Run or the gateway has checked counts, and only from there."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode

import pytest
from google_calls import id_token
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_runtime.adapters.gcp.callers import USERINFO, account, caller
from serverless_ai_runtime.edge import UnauthenticatedError

GOOGLE = "https://accounts.google.com"
GATEWAY = "104000000000000000001"
ADA = {"iss": GOOGLE, "sub": "117000000000000000001"}


def bearer(**claims: object) -> str:
    return "Bearer " + id_token(**claims)


def userinfo(claims: object, *, padded: bool = False) -> str:
    text = urlsafe_b64encode(json.dumps(claims).encode()).decode()
    return text if padded else text.rstrip("=")


def test_a_caller_is_the_subject_of_a_token_at_its_issuer() -> None:
    headers = {"authorization": bearer(**ADA, email="ada@example.com")}
    assert account(headers)[:2] == (GOOGLE, ADA["sub"])
    assert caller(headers, "").id == caller(headers, GATEWAY).id == f"{GOOGLE}|{ADA['sub']}"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_may_be_written_as_it_likes(scheme: str) -> None:
    assert account({"authorization": f"{scheme} {id_token(**ADA)}"}).subject == ADA["sub"]


def test_a_header_that_cloud_run_did_not_check_is_not_believed() -> None:
    forged = bearer(iss=GOOGLE, sub=GATEWAY)
    headers = {"x-serverless-authorization": bearer(**ADA), "authorization": forged}
    assert account(headers).subject == ADA["sub"]
    for checked in ("", "Bearer x", "Basic YTpi"):
        with pytest.raises(UnauthenticatedError):
            account({"x-serverless-authorization": checked, "authorization": forged})


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("subject", ["ada", "ada@example.com", "grüß|>?~ÿ"])
def test_through_the_gateway_it_is_whom_the_gateway_names(subject: str, padded: bool) -> None:
    claims = {"iss": "https://issuer", "sub": subject, "aud": ["a"]}
    headers = {"authorization": bearer(iss=GOOGLE, sub=GATEWAY), USERINFO: userinfo(claims, padded=padded)}
    assert caller(headers, GATEWAY).id == f"https://issuer|{subject}"


def test_nobody_else_may_name_another() -> None:
    headers = {"authorization": bearer(**ADA), USERINFO: userinfo({"iss": "https://issuer", "sub": "grace"})}
    assert caller(headers, GATEWAY).id == caller(headers, "").id == f"{GOOGLE}|{ADA['sub']}"


@pytest.mark.parametrize("info", [None, "", "x", userinfo({}), userinfo({"iss": "i"}), userinfo([]), "a,b"])
def test_the_gateway_itself_is_nobody(info: str | None) -> None:
    headers = {"authorization": bearer(iss=GOOGLE, sub=GATEWAY)} | ({} if info is None else {USERINFO: info})
    with pytest.raises(UnauthenticatedError):
        caller(headers, GATEWAY)


def signed(payload: bytes) -> str:
    return f"Bearer e30.{urlsafe_b64encode(payload).rstrip(b'=').decode()}.s"


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", "Bearer a.b", "Bearer a.b.c.d", "Basic YWRhOnBhc3M=", "Bearer ya29.a0Af",
        signed(b""), signed(b"{}"), signed(b"null"), signed(b"5"), signed(b'"iss sub"'), signed(b"[" * 9000),
        signed(b'{"iss": "i"}'), signed(b'{"sub": "s"}'), signed(b'{"iss": "", "sub": "s"}'),
        signed(b'{"iss": "i", "sub": ""}'), signed(b'{"iss": 1, "sub": "s"}'),
        signed(b'{"iss": "i", "sub": ["s"]}'), signed(b'\xff{"iss": "i", "sub": "s"}'),
        f"Bearer e30.{b64encode(b'{}').decode()}!.s", "Bearer e30.ü.s", "Bearer e30.e30 .s",
        bearer(**ADA) + ", " + bearer(**ADA),
    ],
    ids=lambda value: value[:40],
)  # fmt: skip
def test_a_request_without_an_identity_is_nobodys(header: str) -> None:
    for name in ("authorization", "x-serverless-authorization"):
        with pytest.raises(UnauthenticatedError, match="iss and sub"):
            caller({name: header}, "")
    with pytest.raises(UnauthenticatedError):
        caller({}, "")


@given(
    st.dictionaries(
        st.sampled_from(["authorization", "x-serverless-authorization", USERINFO]),
        st.text() | st.binary().map(signed) | st.binary().map(lambda data: b64encode(data).decode()),
    ),
    st.text(),
)
def test_any_headers_name_somebody_or_are_refused(headers: dict[str, str], gateway: str) -> None:
    try:
        who = caller(headers, gateway)
    except UnauthenticatedError:
        return
    assert all(who.partition("|")[::2])


@given(st.text(min_size=1), st.text(min_size=1), st.dictionaries(st.text(), st.text()))
def test_any_claims_are_read_as_they_were_written(issuer: str, subject: str, more: dict[str, str]) -> None:
    assert account({"authorization": bearer(**(more | {"iss": issuer, "sub": subject}))})[:2] == (
        issuer,
        subject,
    )
