"""The tokens of Connect apps: who can make them, for what, and until when they hold."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from ferryman.connect_token import Request, issuer_of, sign, verify
from ferryman.errors import NotAuthenticated

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ISSUED = int(NOW.timestamp())
SECRET = "shared-secret-of-the-harbour-app-0123456789"
OTHER = "another-secret-that-belongs-to-someone-else"
REQUEST = Request("GET", "/wiki/rest/atlassian-connect/1/migration/webhook", "b=2&a=1")


def token(algorithm: str = "HS256", secret: str = SECRET, **changes: Any) -> str:
    claims = {"iss": "app", "iat": ISSUED, "exp": ISSUED + 180, "qsh": REQUEST.qsh, **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, secret, algorithm=algorithm)


def refusal(text: str, request: Request = REQUEST) -> str:
    with pytest.raises(NotAuthenticated) as found:
        verify(text, [SECRET], request, NOW)
    return found.value.code


def test_what_the_platform_signs_it_accepts() -> None:
    """With and without the context path, and whichever of several secrets it was."""
    signed = sign(SECRET, "app", REQUEST, NOW)
    assert issuer_of(signed) == "app"
    bare = Request("get", REQUEST.path.removeprefix("/wiki"), "a=1&b=2")
    assert verify(signed, [OTHER, SECRET], bare, NOW) == SECRET


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": ISSUED}, "jwt_expired"),
        ({"exp": ISSUED - 1}, "jwt_expired"),
        ({"exp": ISSUED + 3661}, "jwt_invalid"),
        ({"iat": ISSUED + 61}, "jwt_invalid"),
        ({"exp": ISSUED + 60.5}, "jwt_invalid"),
        ({"iat": True}, "jwt_invalid"),
        ({"exp": None}, "jwt_invalid"),
        ({"iat": None}, "jwt_invalid"),
        ({"qsh": None}, "jwt_invalid"),
        ({"qsh": 5}, "jwt_qsh_mismatch"),
        ({"qsh": "\ud800"}, "jwt_qsh_mismatch"),
        ({"qsh": "context-qsh"}, "jwt_qsh_mismatch"),
        ({"secret": OTHER}, "jwt_invalid"),
        ({"algorithm": "HS512", "secret": SECRET * 2}, "jwt_invalid"),
    ],
)
def test_refused(changes: dict[str, Any], code: str) -> None:
    """Late, early, long-lived, incomplete, for another request, or signed otherwise."""
    assert refusal(token(**changes)) == code


@pytest.mark.parametrize(
    "request_",
    [
        Request("PUT", REQUEST.path, REQUEST.query),
        Request("GET", REQUEST.path + "s", REQUEST.query),
        Request("GET", REQUEST.path, "a=1&b=3"),
    ],
)
def test_a_token_is_for_one_request(request_: Request) -> None:
    """Another method, path or query is refused."""
    assert refusal(token(), request_) == "jwt_qsh_mismatch"


def test_the_algorithm_is_ours_to_choose() -> None:
    """``none`` and RS256 are refused."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = jwt.decode(token(), options={"verify_signature": False})
    for algorithm in ("none", "None", "RS256"):
        unsigned = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}."
        assert refusal(unsigned) == "jwt_invalid"
        assert refusal(unsigned + "c2ln") == "jwt_invalid"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b.c",
        "é.é.é",
        "x" * 9000,
        token(iss=None),
        token(iss=""),
        token(iss="\0"),
        token(iss="\ud800"),
    ],
)
def test_no_issuer(text: str) -> None:
    """Something that is no token, or names nobody."""
    with pytest.raises(NotAuthenticated) as found:
        issuer_of(text)
    assert found.value.code == "jwt_invalid"
