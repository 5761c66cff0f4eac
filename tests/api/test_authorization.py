"""Whatever stands in an Authorization header: it is refused, in one form, on every surface."""

import base64
import json
import string

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.connect_client import BASES
from tests.kit.platform import PlatformProcess, problem

PATHS = [
    *(f"{base}/webhook" for base in BASES),
    "/app/migration/forge/v1/data/3f3a47f2-a6a2-4204-84bb-d0fc504c9dc6",
    "/server/v1/uploads/3f3a47f2-a6a2-4204-84bb-d0fc504c9dc6",
    "/admin/v1/clock",
]


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
CLAIMS = st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "kid", "alg"]), SCALARS)
ALGORITHMS = st.sampled_from(["none", "HS256", "RS256", "ES256", "", "rs256"])
TOKENS = (
    st.text(string.printable, max_size=60)
    | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)
    | st.builds(
        lambda algorithm, header, claims, signature: ".".join(
            [encoded({"alg": algorithm, **header}), encoded(claims), signature]
        ),
        ALGORITHMS,
        CLAIMS,
        CLAIMS | st.just([]),
        st.text(string.ascii_letters, max_size=10),
    )
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    scheme=st.sampled_from(["Bearer", "JWT", "bearer", "Basic", "", "Bearer Bearer"]),
    token=TOKENS,
    path=st.sampled_from(PATHS),
)
def test_any_header_is_refused(
    running_platform: PlatformProcess, scheme: str, token: str, path: str
) -> None:
    value = "".join(c for c in f"{scheme} {token}" if c == " " or (ord(c) > 32 and ord(c) != 127))
    caller = running_platform.caller(None)
    try:
        reply = caller.guess("GET", path, headers={"Authorization": value.encode("latin-1")})  # type: ignore[dict-item]
    finally:
        running_platform.callers.remove(caller)
        caller.close()
    assert problem(reply)["code"] in (
        *("token_missing", "token_invalid", "system_token_invalid", "operator_token_invalid"),
        *("jwt_missing", "jwt_invalid"),
        # By its address, after so many of this test and of others on the same platform.
        "too_many_failures",
    )
    if reply.status != 429:
        assert reply.status == 401
        assert reply.headers["www-authenticate"] == (
            "JWT" if "/atlassian-connect/" in path else "Bearer"
        )
    if len(token) > 20:
        assert token not in reply.body.decode()
