"""The tokens of Connect apps: who can make them, for what, and until when they hold."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ferryman.connect_token import SignedRequest, issuer_of, sign, verify
from ferryman.errors import NotAuthenticated

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ISSUED = int(NOW.timestamp())
SECRET = "shared-secret-of-the-harbour-app-0123456789"
OTHER = "another-secret-that-belongs-to-someone-else"
REQUEST = SignedRequest("GET", "/wiki/rest/atlassian-connect/1/migration/webhook", "b=2&a=1")


def token(algorithm: str = "HS256", secret: str = SECRET, **changes: Any) -> str:
    claims = {"iss": "app", "iat": ISSUED, "exp": ISSUED + 180, "qsh": REQUEST.qsh, **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, secret, algorithm=algorithm)


def refusal(text: str, request: SignedRequest = REQUEST) -> str:
    with pytest.raises(NotAuthenticated) as found:
        verify(text, [SECRET], request, NOW)
    return found.value.code


def test_what_the_platform_signs_it_accepts() -> None:
    """With and without the context path, and whichever of several secrets it was."""
    signed = sign(SECRET, "app", REQUEST, NOW)
    assert issuer_of(signed) == "app"
    bare = SignedRequest("get", REQUEST.path.removeprefix("/wiki"), "a=1&b=2")
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
        SignedRequest("PUT", REQUEST.path, REQUEST.query),
        SignedRequest("GET", REQUEST.path + "s", REQUEST.query),
        SignedRequest("GET", REQUEST.path, "a=1&b=3"),
    ],
)
def test_a_token_is_for_one_request(request_: SignedRequest) -> None:
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


NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 2**63, ISSUED])
SCALARS = st.none() | st.booleans() | NUMBERS | st.text()
JSON = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(), SCALARS, max_size=3)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["iss", "iat", "exp", "qsh", "nbf", "aud", "sub"]), JSON))
@example({"exp": -(10**400)})
@example({"exp": 10**400})
@example({"iat": -(10**400)})
def test_any_claims_are_taken_or_refused(changes: dict[str, Any]) -> None:
    """Even rightly signed ones."""
    claims = {"iss": "app", "iat": ISSUED, "exp": ISSUED + 180, "qsh": REQUEST.qsh, **changes}
    signed = jwt.api_jws.encode(json.dumps(claims).encode(), SECRET, algorithm="HS256")
    try:
        issuer_of(signed)
        verify(signed, [OTHER, SECRET], REQUEST, NOW)
    except NotAuthenticated:
        return
    assert claims["qsh"] == REQUEST.qsh
    assert NOW.timestamp() < claims["exp"] <= ISSUED + 3660


@settings(deadline=None)
@given(st.text() | st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]*", fullmatch=True))
def test_any_text_is_refused(text: str) -> None:
    """By both that look at it."""
    with pytest.raises(NotAuthenticated):
        issuer_of(text)
    with pytest.raises(NotAuthenticated):
        verify(text, [SECRET], REQUEST, NOW)


@settings(deadline=None)
@given(st.data())
def test_one_changed_character_breaks_the_token(data: st.DataObject) -> None:
    """Wherever it stands."""
    signed = token()
    place = data.draw(st.integers(0, len(signed) - 2))
    other = data.draw(st.sampled_from("Aaz09-_.").filter(lambda c: c != signed[place]))
    with pytest.raises(NotAuthenticated):
        verify(signed[:place] + other + signed[place + 1 :], [SECRET], REQUEST, NOW)
