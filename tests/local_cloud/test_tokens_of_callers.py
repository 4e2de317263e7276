"""JWT authorizers against everything that a forger may try."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from serverless_ai_local.gateway.deployed import JwtAuthorizer
from serverless_ai_local.gateway.jwt_authorizer import JwtVerifier, TokenError, claim_text
from serverless_ai_local.issuer import Issuer, TokenWishError

URL = "http://issuer.test"
NOW = 1_800_000_000.0


class World:
    """An issuer, a clock, and a verifier that reads the issuer's documents without a network."""

    def __init__(self) -> None:
        self.now = NOW
        self.issuer = Issuer(URL, clock=lambda: self.now)
        self.fetched: list[str] = []
        self.broken = False
        self.verifier = JwtVerifier(self.fetch, clock=lambda: self.now)
        self.authorizer = JwtAuthorizer(
            header="Authorization", issuer=self.issuer.issuer, audience=("chat", "other")
        )

    def fetch(self, url: str) -> Mapping[str, Any]:
        self.fetched.append(url)
        if self.broken:
            raise OSError("no route to host")
        documents = {
            self.issuer.issuer + "/.well-known/openid-configuration": self.issuer.configuration(),
            self.issuer.issuer + "/jwks": self.issuer.keys(),
        }
        return documents[url]

    def token(self, **wish: Any) -> str:
        return self.issuer.token({"sub": "ada", "aud": "chat", **wish})["access_token"]

    def forged(self, key: Any, algorithm: str = "RS256", kid: str | None = "local-1", **claims: Any) -> str:
        content = {"iss": self.issuer.issuer, "sub": "ada", "aud": "chat", "exp": self.now + 60, **claims}
        content = {name: value for name, value in content.items() if value is not None}
        return jwt.encode(content, key, algorithm=algorithm, headers={"kid": kid} if kid else {})

    def verify(self, token: str, scopes: tuple[str, ...] = ()) -> dict[str, Any]:
        return self.verifier.verify(token, self.authorizer, scopes)

    def refusal(self, token: str, scopes: tuple[str, ...] = ()) -> str:
        with pytest.raises(TokenError) as caught:
            self.verify(token, scopes)
        return str(caught.value)

    def private_key(self) -> rsa.RSAPrivateKey:
        self.issuer.keys()
        key = self.issuer._key  # the forger has stolen it
        assert key is not None
        return key


@pytest.fixture
def world() -> World:
    return World()


def test_a_token_of_the_issuer_is_accepted_with_all_its_claims(world: World) -> None:
    claims = world.verify(world.token(claims={"groups": ["a", "b"], "admin": True}))
    assert (claims["sub"], claims["groups"], claims["exp"]) == ("ada", ["a", "b"], NOW + 3600)


def test_keys_are_read_once(world: World) -> None:
    for _ in range(5):
        world.verify(world.token())
    assert len(world.fetched) == 2


def test_expired_early_and_late_tokens(world: World) -> None:
    assert "expired" in world.refusal(world.token(lifetime_s=-1))
    assert "expired" in world.refusal(world.token(lifetime_s=0))
    assert "not valid yet" in world.refusal(world.token(claims={"nbf": NOW + 60}))
    token = world.token(lifetime_s=10)
    world.now += 11
    assert "expired" in world.refusal(token)
    assert "expiration" in world.refusal(world.forged(world.private_key(), exp=None))
    assert "not valid yet" in world.refusal(world.forged(world.private_key(), iat=NOW + 600))


@pytest.mark.parametrize("claims", [{"exp": "tomorrow"}, {"exp": True}, {"nbf": "x"}])
def test_times_that_are_no_numbers(world: World, claims: dict[str, Any]) -> None:
    header = {"kid": "local-1", "alg": "RS256"}
    content = {"iss": world.issuer.issuer, "aud": "chat", "exp": NOW + 60, **claims}
    token = jwt.api_jws.encode(json.dumps(content).encode(), world.private_key(), "RS256", headers=header)
    assert "not a number" in world.refusal(token)


@pytest.mark.parametrize(
    ("audience", "accepted"),
    [
        ("chat", True),
        (["x", "other"], True),
        ("shop", False),
        ([], False),
        ("chatter", False),
        (["CHAT"], False),
    ],
)
def test_audience(world: World, audience: Any, accepted: bool) -> None:
    token = world.forged(world.private_key(), aud=audience)
    if accepted:
        world.verify(token)
    else:
        assert "audience" in world.refusal(token)


def test_client_id_counts_only_without_an_audience(world: World) -> None:
    world.verify(world.forged(world.private_key(), aud=None, client_id="chat"))
    assert "audience" in world.refusal(world.forged(world.private_key(), aud="shop", client_id="chat"))
    assert "audience" in world.refusal(world.forged(world.private_key(), aud=None))


def test_issuer_must_be_the_deployed_one(world: World) -> None:
    assert "issuer" in world.refusal(world.forged(world.private_key(), iss=world.issuer.issuer + "/"))
    assert "issuer" in world.refusal(world.forged(world.private_key(), iss="https://evil.test"))


def test_signed_with_another_key(world: World) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert "signature" in world.refusal(world.forged(other))


def test_key_id_unknown_or_missing(world: World) -> None:
    assert "key id" in world.refusal(world.forged(world.private_key(), kid="elsewhere"))
    assert "no key id" in world.refusal(world.forged(world.private_key(), kid=None))


def test_unknown_key_ids_do_not_make_the_gateway_hammer_the_issuer(world: World) -> None:
    for number in range(20):
        world.refusal(world.forged(world.private_key(), kid=f"k{number}"))
    assert len(world.fetched) <= 2
    world.now += 2
    world.refusal(world.forged(world.private_key(), kid="again", exp=NOW + 600))
    assert len(world.fetched) == 4


def test_algorithm_none(world: World) -> None:
    _, payload, _ = world.token().split(".")
    for algorithm in ("none", "None", "NONE", "", None):
        header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": "local-1"}).encode()).rstrip(
            b"="
        )
        assert world.refusal(f"{header.decode()}.{payload}.")


def test_the_public_key_is_no_shared_secret(world: World) -> None:
    public = world.private_key().public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    header, payload = {"alg": "HS256", "kid": "local-1", "typ": "JWT"}, world.token().split(".")[1]
    import hashlib
    import hmac

    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    mac = hmac.digest(pem, f"{head}.{payload}".encode(), hashlib.sha256)
    forged = f"{head}.{payload}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    assert "HS256" in world.refusal(forged)


def test_api_gateway_takes_rsa_only(world: World) -> None:
    token = world.forged(ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")
    assert "ES256" in world.refusal(token)


def test_truncated_padded_and_tampered_tokens(world: World) -> None:
    token = world.token()
    head, payload, signature = token.split(".")
    richer = json.loads(base64.urlsafe_b64decode(payload + "=="))
    richer["sub"] = "root"
    other = base64.urlsafe_b64encode(json.dumps(richer).encode()).rstrip(b"=").decode()
    for bad in (token[:-10], f"{head}.{payload}", f"{head}.{payload}.", f"{head}.{other}.{signature}", "",
               "a.b.c",
                token + ".x", ".", "..", "\x00", "é.é.é", head * 1000):  # fmt: skip
        world.refusal(bad)


def test_scopes_one_of_them_must_be_there(world: World) -> None:
    for claims in ({"scope": "read chat:write"}, {"scp": ["chat:write"]}):
        world.verify(world.token(claims=claims), ("chat:write", "admin"))
    for claims in ({}, {"scope": "chat"}, {"scope": "chat:writer"}):
        token = world.token(claims=claims)
        with pytest.raises(TokenError) as caught:
            world.verify(token, ("chat:write",))
        assert caught.value.error == "insufficient_scope"


def test_an_issuer_that_is_away_refuses_and_is_asked_again_later(world: World) -> None:
    world.broken = True
    assert "cannot be read" in world.refusal(world.token())
    world.broken = False
    world.verify(world.token())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (7, "7"),
        (True, "true"),
        (None, "null"),
        (["a", 1], "[a 1]"),
        ({"a": 1}, '{"a":1}'),
        (1.5, "1.5"),
    ],
)
def test_claims_reach_the_function_as_texts(value: Any, text: str) -> None:
    assert claim_text(value) == text


@pytest.mark.parametrize(
    ("wish", "named"),
    [
        (None, "object"),
        ({"aud": "chat"}, "sub"),
        ({"sub": "", "aud": "chat"}, "sub"),
        ({"sub": "ada"}, "aud"),
        ({"sub": "ada", "aud": 5}, "aud"),
        ({"sub": "ada", "aud": "chat", "lifetime_s": "long"}, "lifetime_s"),
        ({"sub": "ada", "aud": "chat", "lifetime_s": True}, "lifetime_s"),
        ({"sub": "ada", "aud": "chat", "claims": {"iss": "x"}}, "claims"),
        ({"sub": "ada", "aud": "chat", "scope": "x"}, "scope"),
    ],
)
def test_a_wish_for_a_token_that_cannot_be_is_refused_by_field(world: World, wish: Any, named: str) -> None:
    with pytest.raises(TokenWishError, match=named):
        world.issuer.token(wish)


def test_the_issuers_clock_is_real_outside_tests() -> None:
    token = Issuer(URL).token({"sub": "a", "aud": "b"})["access_token"]
    assert abs(jwt.decode(token, options={"verify_signature": False})["iat"] - time.time()) < 5
