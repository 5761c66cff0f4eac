"""Signing and verifying without a library, against two libraries and the platform's own code."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import atlassian_jwt  # type: ignore[import-untyped]
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman import SignatureInvalid, connect_token, verify_webhook
from ferryman.qsh import query_string_hash
from ferryman.sdk.signature import ConnectSigner

NOW = 1_800_000_000.0
SECRET = "a shared secret of more than thirty-two bytes"
TARGET = "/hook/migration?b=2&a=1&a=0"
PATH, QUERY = TARGET.split("?")


def token(secret: str = SECRET, **changes: Any) -> str:
    """A webhook's token as a library makes it."""
    claims = {
        "iss": "platform",
        "iat": int(NOW),
        "exp": int(NOW) + 180,
        "qsh": query_string_hash("POST", PATH, QUERY),
    }
    return jwt.encode({**claims, **changes}, secret, algorithm="HS256")


def verify(authorization: str | None, **changes: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"method": "POST", "target": TARGET, "now": lambda: NOW}
    return verify_webhook(authorization, SECRET, **{**options, **changes})


@given(
    st.sampled_from(["GET", "POST", "PUT"]),
    st.text("abc/-~%20é", max_size=20).map(lambda path: f"/{path}"),
    st.text("ab=&+%2C ", max_size=20),
)
def test_the_platform_takes_what_is_signed(method: str, path: str, query: str) -> None:
    signer = ConnectSigner("app", SECRET, now=lambda: NOW)
    scheme, _, made = signer(method, path, query).partition(" ")
    assert scheme == "JWT"
    assert connect_token.issuer_of(made) == "app"
    request = connect_token.SignedRequest(method, path, query)
    now = datetime.fromtimestamp(NOW, UTC)
    assert connect_token.verify(made, [SECRET], request, now) == SECRET
    assert jwt.decode(made, SECRET, algorithms=["HS256"], options={"verify_iat": False})


def test_a_library_for_connect_apps_signs_the_same_request() -> None:
    made = atlassian_jwt.encode_token("POST", f"https://app.example{TARGET}", "platform", SECRET)
    now = jwt.decode(made, options={"verify_signature": False})["iat"]
    assert verify(f"JWT {made}", now=lambda: now)["iss"] == "platform"


def test_the_platforms_own_token_is_taken() -> None:
    request = connect_token.SignedRequest("POST", PATH, QUERY, "")
    made = connect_token.sign(SECRET, "platform", request, datetime.fromtimestamp(NOW, UTC))
    assert verify(f"JWT {made}")["iss"] == "platform"


@pytest.mark.parametrize("late", [0, 180, 239])
def test_a_clock_may_be_a_minute_off(late: int) -> None:
    assert verify(f"JWT {token()}", now=lambda: NOW + late)
    assert verify(f"jwt {token()}", now=lambda: NOW - 60)


def unsigned() -> str:
    """A token of the algorithm `none`."""
    return jwt.encode({"qsh": "x"}, "", algorithm="none")


def signed(header: object, payload: object) -> str:
    """Anything at all, signed properly."""
    parts = [
        urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in (header, payload)
    ]
    return sign_bytes(b".".join(parts))


def sign_bytes(data: bytes) -> str:
    """Anything, signed properly, by the library's own HMAC."""
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    mac = algorithm.sign(data, algorithm.prepare_key(SECRET))
    return f"{data.decode()}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


REFUSED: dict[str, Callable[[], str | None]] = {
    "nothing": lambda: None,
    "empty": lambda: "",
    "another scheme": lambda: f"Bearer {token()}",
    "no token": lambda: "JWT ",
    "another secret": lambda: f"JWT {token('another secret of thirty-two bytes or more')}",
    "no algorithm": lambda: f"JWT {unsigned()}",
    "another algorithm": lambda: f"JWT {jwt.encode({}, SECRET * 2, algorithm='HS512')}",
    "a header that lies": lambda: f"JWT {signed({'alg': 'none'}, {})}",
    "a header that is a list": lambda: f"JWT {signed(['HS256'], {})}",
    "claims that are a list": lambda: f"JWT {signed({'alg': 'HS256'}, [])}",
    "deep claims": lambda: f"JWT {sign_bytes(b'W1tb' * 1000 + b'.W1tb')}",
    "bytes that are no base64": lambda: f"JWT {sign_bytes(b'!!!!.!!!!')}",
    "bytes that are no text": lambda: f"JWT {sign_bytes(b'____.____')}",
    "half a token": lambda: f"JWT {token().rpartition('.')[0]}",
    "a longer signature": lambda: f"JWT {token()}=",
    "another case": lambda: f"JWT {token().swapcase()}",
    "umlauts": lambda: f"JWT {token()}ä",
    "too long": lambda: f"JWT {token(x='x' * 8192)}",
    "no exp": lambda: f"JWT {signed({'alg': 'HS256'}, {'iat': int(NOW)})}",
    "exp as text": lambda: f"JWT {signed({'alg': 'HS256'}, {'iat': int(NOW), 'exp': '9' * 12})}",
    "expired": lambda: f"JWT {token(exp=int(NOW) - 60)}",
    "from the future": lambda: f"JWT {token(iat=int(NOW) + 61)}",
    "qsh of another request": lambda: f"JWT {token(qsh=query_string_hash('POST', PATH, ''))}",
    "qsh with umlauts": lambda: f"JWT {token(qsh='ä')}",
    "qsh as a number": lambda: f"JWT {token(qsh=1)}",
    "a context token": lambda: f"JWT {token(qsh='context-qsh')}",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_proven_is_refused(name: str) -> None:
    """Each with the same error, which never shows the token."""
    given = REFUSED[name]()
    with pytest.raises(SignatureInvalid, match=r"^expected .+; found ") as caught:
        verify(given)
    assert given is None or len(given) < 10 or given[-20:] not in str(caught.value)


def test_a_token_opens_one_request() -> None:
    for change in ({"method": "GET"}, {"target": PATH}, {"target": f"/other?{QUERY}"}):
        with pytest.raises(SignatureInvalid, match="qsh"):
            verify(f"JWT {token()}", **change)


def test_an_app_has_no_context_path() -> None:
    """Only the products answer behind `/wiki`; a webhook may really be there."""
    made = token(qsh=query_string_hash("POST", "/wiki/hook", "", ""))
    assert verify(f"JWT {made}", target="/wiki/hook")
    with pytest.raises(SignatureInvalid, match="qsh"):
        verify(f"JWT {made}", target="/hook")


def test_a_signer_does_not_show_its_secret() -> None:
    assert SECRET not in repr(ConnectSigner("app", SECRET))
