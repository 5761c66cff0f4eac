"""The platform's tokens: what they say, who can make them, and until when they hold."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.errors import NotAuthenticated
from ferryman.token_check import verify_system_token
from ferryman.tokens import (
    SigningKey,
    invocation_token,
    jwks,
    system_token,
)

NOW = datetime(2026, 1, 12, tzinfo=UTC)
KEY = SigningKey.generate()
OTHER = SigningKey.generate()
KEYS = {KEY.kid: KEY.public}


def system(key: SigningKey = KEY, **changes: Any) -> str:
    arguments: dict[str, Any] = {"app_id": "app-1", "environment": "production"}
    arguments |= {"site": "https://site.example", "now": NOW} | changes
    return system_token(key, **arguments)


def forged(header: dict[str, object], claims: dict[str, object] | None = None, **how: Any) -> str:
    """A token with any header and claims, signed by the key whatever the header says."""
    base = jwt.decode(system(), options={"verify_signature": False})
    parts = [{"alg": "RS256", "kid": KEY.kid} | header, base | (claims or {})]
    parts = [{k: v for k, v in part.items() if v != "absent"} for part in parts]
    text = b".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).strip(b"=") for p in parts)
    signature = how["sign"](text) if "sign" in how else _sign(text)
    return (text + b"." + base64.urlsafe_b64encode(signature).strip(b"=")).decode()


RS256 = jwt.get_algorithm_by_name("RS256")
PRIVATE = RS256.prepare_key(KEY.private_pem)


def _sign(text: bytes) -> bytes:
    return RS256.sign(text, PRIVATE)


def test_a_system_token_says_whose_it_is() -> None:
    claims = verify_system_token(system(), KEYS, NOW)
    assert claims["iss"] == "ferryman"
    assert claims["sub"] == "app-1"
    assert claims["environment"] == "production"
    assert claims["site"] == "https://site.example"
    assert claims["scope"] == "read:app-system-token"
    assert verify_system_token(forged({}), KEYS, NOW) == claims


def test_a_system_token_holds_for_at_least_55_minutes_and_no_longer_than_it_says() -> None:
    token = system()
    verify_system_token(token, KEYS, NOW + timedelta(minutes=55))
    verify_system_token(token, KEYS, NOW + timedelta(minutes=59, seconds=59))
    with pytest.raises(NotAuthenticated, match="expired"):
        verify_system_token(token, KEYS, NOW + timedelta(hours=1))
    with pytest.raises(NotAuthenticated, match="not valid yet"):
        verify_system_token(token, KEYS, NOW - timedelta(seconds=1))


def _nothing(text: bytes) -> bytes:
    return b""


def _hmac(text: bytes) -> bytes:
    public = KEY.public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hmac.new(public, text, hashlib.sha256).digest()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "ä",
        "x" * 10_000,
        system(OTHER),
        system(SigningKey(KEY.kid, OTHER.private_pem)),
        forged({"alg": "none"}, sign=_nothing),
        forged({"alg": "HS256"}, sign=_hmac),
        forged({"alg": "RS512"}),
        forged({"kid": None}),
        forged({"kid": ["list"]}),
        forged({"kid": "absent"}),
        forged({}, {"aud": "other"}),
        forged({}, {"iss": "other"}),
        forged({}, {"scope": "write:all"}),
        forged({}, {"scope": "absent"}),
        forged({}, {"sub": "absent"}),
        forged({}, {"sub": ""}),
        forged({}, {"sub": 7}),
        forged({}, {"environment": "absent"}),
        forged({}, {"environment": ["production"]}),
        forged({}, {"site": "absent"}),
        forged({}, {"site": None}),
        forged({}, {"exp": "absent"}),
        forged({}, {"exp": "9999999999"}),
        forged({}, {"exp": float("inf")}),
        forged({}, {"nbf": True}),
        forged({"crit": ["x"]}),
        system()[:-4],
    ],
)
def test_what_this_platform_did_not_sign_is_refused(token: str) -> None:
    with pytest.raises(NotAuthenticated) as caught:
        verify_system_token(token, KEYS, NOW)
    assert caught.value.code == "system_token_invalid"


def test_an_invocation_token_is_no_system_token() -> None:
    with pytest.raises(NotAuthenticated):
        verify_system_token(invocation(), KEYS, NOW)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(), SCALARS, max_size=3)
HEADERS = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku"]), JSON)
CLAIMS = st.dictionaries(
    st.sampled_from(
        ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "scope", "environment", "site"]
    ),
    JSON,
)


@settings(deadline=None)
@given(st.text() | st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]*", fullmatch=True))
def test_any_text_is_refused(token: str) -> None:
    with pytest.raises(NotAuthenticated):
        verify_system_token(token, KEYS, NOW)


@settings(deadline=None)
@given(HEADERS, CLAIMS)
def test_any_header_and_claims_are_taken_or_refused(
    header: dict[str, object], claims: dict[str, object]
) -> None:
    token = forged(header, claims)
    try:
        found = verify_system_token(token, KEYS, NOW)
    except NotAuthenticated:
        return
    assert found["nbf"] <= NOW.timestamp() < found["exp"]


@settings(deadline=None)
@given(st.data())
def test_one_changed_character_breaks_the_token(data: st.DataObject) -> None:
    token = system()
    place = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from("Aaz09-_.").filter(lambda c: c != token[place]))
    with pytest.raises(NotAuthenticated):
        verify_system_token(token[:place] + other + token[place + 1 :], KEYS, NOW)


def invocation(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "app_id": "app-1",
        "forge_app_id": "ari:cloud:ecosystem::app/9b1c",
        "environment": "production",
        "cloud_url": "https://site.example",
        "cloud_id": "cloud-1",
        "installation_id": "installation-1",
        "api_base_url": "http://127.0.0.1:8400",
        "now": NOW,
    }
    return invocation_token(KEY, **(arguments | changes))


def _claims(token: str, audience: str) -> dict[str, Any]:
    """What a remote sees that takes the keys from the platform's JWKS."""
    key = jwt.PyJWKSet.from_dict(jwks([OTHER, KEY]))[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        audience=audience,
        issuer="forge/invocation-token",
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )


def test_a_remote_verifies_an_invocation_by_the_published_keys() -> None:
    claims = _claims(invocation(), "ari:cloud:ecosystem::app/9b1c")
    assert claims["exp"] - claims["iat"] == 300
    assert claims["iat"] == claims["nbf"] == NOW.timestamp()
    assert claims["context"] == {"cloudId": "cloud-1", "siteUrl": "https://site.example"}
    app = claims["app"]
    assert app["id"] == claims["aud"]
    assert app["installation"]["contexts"][0]["cloudId"] == "cloud-1"
    assert app["environment"]["type"] == "PRODUCTION"


def test_an_app_without_a_forge_id_and_a_custom_environment_has_a_token_too() -> None:
    claims = _claims(
        invocation(forge_app_id=None, environment="mine"), "ari:cloud:ecosystem::app/app-1"
    )
    assert claims["app"]["environment"] == {
        "type": "DEVELOPMENT",
        "id": "ari:cloud:ecosystem::environment/app-1/mine",
    }


def test_the_published_keys_hold_no_secret() -> None:
    (published,) = jwks([KEY])["keys"]
    assert published.keys() == {"kty", "n", "e", "kid", "alg", "use", "key_ops"}
    assert "PRIVATE" not in repr(KEY)


def test_a_key_that_is_no_rsa_key_is_refused() -> None:
    with pytest.raises(ValueError, match=r".+"):
        system(SigningKey("x", b"not a key"))
