"""Who calls is what App Service says, in full, or nobody."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_runtime.adapters.azure.principal import caller, caller_with_claims
from serverless_ai_runtime.core.rag.callers import Claims, NoTenant, access_of
from serverless_ai_runtime.edge import UnauthenticatedError

ISSUER = "https://login.microsoftonline.com/tenant/v2.0"
NAME = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"
OBJECT = "http://schemas.microsoft.com/identity/claims/objectidentifier"


def header(value: Any) -> str:
    return b64encode(json.dumps(value).encode()).decode()


def principal(*claims: tuple[Any, Any]) -> str:
    listed = [{"typ": kind, "val": value} for kind, value in claims]
    return header({"auth_typ": "aad", "claims": listed, "name_typ": NAME, "role_typ": "roles"})


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([("iss", ISSUER), ("sub", "ada"), ("oid", "1")], "ada"),
        ([("iss", ISSUER), (NAME, "ada"), (OBJECT, "1")], "ada"),
        ([("iss", ISSUER), (NAME, "ada"), ("sub", "ada")], "ada"),
        ([("iss", ISSUER), ("oid", "1")], "1"),
        ([("iss", ISSUER), (OBJECT, "1")], "1"),
        ([("iss", ISSUER), ("sub", "ada"), ("roles", "a"), ("roles", "b")], "ada"),
        ([("iss", ISSUER), ("sub", "Ада|🙂")], "Ада|🙂"),
    ],
)
def test_the_caller_is_issuer_and_subject(claims: list[tuple[str, str]], expected: str) -> None:
    assert caller(principal(*claims)) == f"{ISSUER}|{expected}"


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "not base64!", "e30", "====", "\ud800", "\x00",
        b64encode(b"\xff\xfe").decode(), b64encode(b"[" * 100_000).decode(), b64encode(b"nope").decode(),
        header({}), header([]), header(None), header("claims"), header({"claims": None}),
        header({"claims": {"iss": ISSUER, "sub": "ada"}}), header({"claims": ["iss", "sub"]}),
        header({"claims": [{"typ": "iss", "val": ISSUER}, {"typ": "sub"}]}),
        principal(("iss", ISSUER)), principal(("sub", "ada")), principal(("iss", ISSUER), ("sub", "")),
        principal(("iss", ""), ("sub", "ada")), principal(("iss", ISSUER), ("sub", 5)),
        principal(("iss", ISSUER), ("sub", ["ada"])), principal(("iss", [ISSUER]), ("sub", "ada")),
        principal(("iss", ISSUER), ("iss", "https://evil"), ("sub", "ada")),
        principal(("iss", ISSUER), ("sub", "ada"), ("sub", "eve")),
        principal(("iss", ISSUER), ("sub", "ada"), (NAME, "eve")),
        principal(("ISS", ISSUER), ("SUB", "ada")),
        "!" + principal(("iss", ISSUER), ("sub", "ada")), principal(("iss", ISSUER), ("sub", "ada")) + "\n",
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_anything_else_is_nobody(value: str) -> None:
    with pytest.raises(UnauthenticatedError, match="iss and sub"):
        caller(value)


@given(st.text())
def test_no_header_crashes(value: str) -> None:
    with pytest.raises(UnauthenticatedError):
        caller(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.sampled_from(["iss", "sub", "typ", "val", "claims"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["claims", "typ", "val"]), inner, max_size=3)
    ),
)


@given(JSON)
def test_no_json_crashes(value: Any) -> None:
    with suppress(UnauthenticatedError):
        assert caller(header(value)).count("|") == 1


def test_claims_come_by_their_own_names_and_those_of_several_values_as_lists() -> None:
    claims = [
        ("iss", ISSUER), (NAME, "ada"), ("tenant", "acme"), ("groups", "board"), ("groups", "staff"),
        ("http://schemas.microsoft.com/identity/claims/tenantid", "t-1"),
        ("http://schemas.microsoft.com/ws/2008/06/identity/claims/role", "Reader"),
    ]  # fmt: skip
    who = caller_with_claims(principal(*claims))
    assert who.id == f"{ISSUER}|ada"
    assert who.claims == {
        "iss": ISSUER,
        "sub": "ada",
        "tenant": "acme",
        "groups": ["board", "staff"],
        "tid": "t-1",
        "roles": "Reader",
    }


def test_who_has_two_tenants_has_none() -> None:
    who = caller_with_claims(principal(("iss", ISSUER), ("sub", "a"), ("tenant", "acme"), ("tenant", "zeta")))
    with pytest.raises(NoTenant):
        access_of(who, Claims("tenant"))


@pytest.mark.parametrize("value", ["", "e30", principal(("sub", "ada")), principal(("tenant", "acme"))])
def test_nobody_has_claims(value: str) -> None:
    with pytest.raises(UnauthenticatedError):
        caller_with_claims(value)
