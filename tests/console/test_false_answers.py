"""What comes back from an identity provider that lies, is cut off, or is not asked at all.

The provider here is a program of ours that says what a test has it say; the real one never does.
"""

import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.console.people import Console
from tests.kit.platform import PlatformProcess, Reply, wait_until

CLIENT = "ferryman"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
LOGOUT: dict[str, dict[str, str]] = {"http://schemas.openid.net/event/backchannel-logout": {}}


class LyingProvider:
    """A provider of which a test sets each answer."""

    def __init__(self) -> None:
        lying = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                size = int(self.headers.get("content-length", 0))
                sent = parse_qs(self.rfile.read(size).decode())
                lying.forms.append({name: values[0] for name, values in sent.items()})
                self._answer()

            def _answer(self) -> None:
                status, document = lying.answers.get(self.path, (404, {}))
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.send_header("location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.forms: list[dict[str, str]] = []
        self.answers: dict[str, tuple[int, Any]] = {}
        self.reset()
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def reset(self) -> None:
        """Be honest again, but for the answer to a code."""
        keys = {"keys": [self.jwk(KEY, "one"), {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}]}
        self.forms.clear()
        self.answers = {
            "/.well-known/openid-configuration": (
                200,
                {
                    "issuer": self.url,
                    "authorization_endpoint": f"{self.url}/authorize?tenant=acme",
                    "token_endpoint": f"{self.url}/token",
                    "jwks_uri": f"{self.url}/keys",
                },
            ),
            "/keys": (200, keys),
        }

    @staticmethod
    def jwk(key: rsa.RSAPrivateKey, kid: str) -> dict[str, Any]:
        own: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
        return {**own, "kid": kid, "use": "sig"}

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time())
        honest = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "s-1",
            "iat": now,
            "exp": now + 300,
            "email": "ada@acme.example",
            "groups": ["ops"],
        }
        return {name: value for name, value in {**honest, **changed}.items() if value is not None}

    def gives(self, claims: dict[str, Any], key: Any = KEY, kid: str = "one", **how: Any) -> None:
        """Answer codes with an id token."""
        token = jwt.encode(claims, key, how.get("alg", "RS256"), headers={"kid": kid})
        self.answers["/token"] = (200, {"id_token": token, "access_token": "a"})

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="module")
def lying() -> Iterator[LyingProvider]:
    provider = LyingProvider()
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def running(
    lying: LyingProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PlatformProcess]:
    env = {
        "FERRYMAN_OIDC_ISSUER": lying.url,
        "FERRYMAN_OIDC_CLIENT_ID": CLIENT,
        "FERRYMAN_OIDC_ROLES": '{"ops": {"role": "operator"}}',
    }
    with PlatformProcess(tmp_path_factory.mktemp("false") / "data", env=env) as platform:
        yield platform


class Browser(Console):
    """Begins a sign-in, and comes back with whatever a test says."""

    def begin(self, page: str = "") -> dict[str, str]:
        """What the provider is asked."""
        reply = self.get(f"provider?{urlencode({'next': page})}")
        assert reply.status == 303, reply.body
        asked = parse_qs(urlsplit(reply.headers["location"]).query)
        return {name: values[0] for name, values in asked.items()}

    def come_back(self, **query: str) -> Reply:
        return self.get(f"signed-in?{urlencode(query)}")


@pytest.fixture
def person(running: PlatformProcess, lying: LyingProvider) -> Browser:
    lying.reset()
    return Browser(running)


def refused(person: Browser, reply: Reply, status: int, code: str) -> None:
    """One page that says why, and nobody is signed in."""
    text = reply.body.decode()
    assert reply.status == status, text
    assert code in text
    assert "What to do" in text
    assert person.get().status == 303
    assert "fm_" not in text


def test_an_honest_answer_signs_in_and_leads_to_the_page(
    person: Browser, lying: LyingProvider
) -> None:
    """So what is refused below is refused for the one thing that differs."""
    asked = person.begin("messages?state=any")
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    assert asked["tenant"] == "acme"
    lying.gives(lying.claims(nonce=asked["nonce"]))
    reply = person.come_back(state=asked["state"], code="c")
    assert (reply.status, reply.headers["location"]) == (303, "./messages?state=any")
    assert person.get().status == 200
    assert lying.forms[0]["client_id"] == CLIENT
    assert lying.forms[0]["code_verifier"]


@pytest.mark.parametrize("state", ["", "x", "other's"])
def test_a_forged_state_changes_nothing(
    person: Browser, running: PlatformProcess, lying: LyingProvider, state: str
) -> None:
    """Also not that of a sign-in that somebody began elsewhere; the provider is not even asked."""
    asked = person.begin()
    if state == "other's":
        state = Browser(running).begin()["state"]
    lying.gives(lying.claims(nonce=asked["nonce"]))
    for extra in ({"code": "c"}, {"error": "access_denied"}):
        refused(person, person.come_back(state=state, **extra), 400, "sign_in_state_invalid")
    assert lying.forms == []


def test_a_state_that_is_not_ascii_is_refused(person: Browser) -> None:
    """Also beside the cookie of a sign-in of one's own, under the name that such a state has."""
    own = person.begin()
    [(name, value)] = person.cookies.items()
    state = "\u00e9"
    assert name.endswith(sha256(own["state"].encode()).hexdigest()[:8])
    person.cookies = {name[:-8] + sha256(state.encode()).hexdigest()[:8]: value}
    refused(person, person.come_back(state=state, code="c"), 400, "sign_in_state_invalid")


def test_a_forged_refusal_ends_no_session(person: Browser, running: PlatformProcess) -> None:
    person.sign_in(running.operator_token)
    assert person.come_back(state="x", error="access_denied").status == 400
    assert person.get().status == 200


def test_a_code_is_taken_once(person: Browser, lying: LyingProvider) -> None:
    asked = person.begin()
    lying.answers["/token"] = (400, {"error": "invalid_grant"})
    reply = person.come_back(state=asked["state"], code="used")
    refused(person, reply, 401, "sign_in_code_refused")
    assert "invalid_grant" in reply.body.decode()


def test_the_answer_of_a_sign_in_is_taken_once(person: Browser, lying: LyingProvider) -> None:
    """The browser forgets what it began; whoever replays the address gets nothing."""
    asked = person.begin()
    lying.gives(lying.claims(nonce=asked["nonce"]))
    assert person.come_back(state=asked["state"], code="c").status == 303
    again = person.come_back(state=asked["state"], code="c")
    assert (again.status, b"sign_in_state_invalid" in again.body) == (400, True)


def test_the_answer_of_another_provider_is_refused(person: Browser, lying: LyingProvider) -> None:
    asked = person.begin()
    lying.gives(lying.claims(nonce=asked["nonce"]))
    reply = person.come_back(state=asked["state"], code="c", iss="https://evil.example")
    refused(person, reply, 400, "sign_in_state_invalid")
    assert lying.forms == []


WRONG: dict[str, dict[str, Any]] = {
    "nonce of another sign-in": {"nonce": "x"},
    "no nonce": {"nonce": None},
    "another issuer": {"iss": "https://evil.example"},
    "another client": {"aud": "other"},
    "several clients": {"aud": [CLIENT, "other"]},
    "another party": {"aud": [CLIENT], "azp": "other"},
    "expired": {"iat": int(time()) - 900, "exp": int(time()) - 120},
    "from the future": {"iat": int(time()) + 7200, "exp": int(time()) + 9000},
    "not valid yet": {"nbf": int(time()) + 7200},
    "issued long ago": {"iat": int(time()) - 90_000},
    "no expiry": {"exp": None},
    "an expiry that is text": {"exp": "tomorrow"},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_claim_is_refused(person: Browser, lying: LyingProvider, wrong: str) -> None:
    asked = person.begin()
    claims = lying.claims(nonce=asked["nonce"])
    changed = {n: v for n, v in {**claims, **WRONG[wrong]}.items() if v is not None}
    lying.gives(changed)
    refused(person, person.come_back(state=asked["state"], code="c"), 401, "id_token_invalid")


@pytest.mark.parametrize("how", ["unknown key", "right id of another key", "a secret", "none"])
def test_a_wrong_signature_is_refused(person: Browser, lying: LyingProvider, how: str) -> None:
    """A client's secret, a key set's secret and no signature at all sign nobody in either."""
    asked = person.begin()
    claims = lying.claims(nonce=asked["nonce"])
    match how:
        case "unknown key":
            lying.gives(claims, OTHER, "two")
        case "right id of another key":
            lying.gives(claims, OTHER)
        case "a secret":
            lying.gives(claims, "secret" * 8, "secret", alg="HS256")
        case _:
            lying.gives(claims, None, alg="none")
    refused(person, person.come_back(state=asked["state"], code="c"), 401, "id_token_invalid")


def test_a_key_that_is_new_is_found(person: Browser, lying: LyingProvider) -> None:
    """Keys rotate, twice within a second here; one that is unknown is looked for at once."""
    for answer, key in ((200, {"keys": [lying.jwk(OTHER, "two")]}), (OTHER, "two")), (None, ()):
        if answer:
            lying.answers["/keys"] = answer
        else:
            lying.reset()
        asked = person.begin()
        lying.gives(lying.claims(nonce=asked["nonce"]), *key)
        assert person.come_back(state=asked["state"], code="c").status == 303


ANSWERS: dict[str, tuple[int, Any, int, str]] = {
    "an error": (500, {}, 503, "identity_provider_unavailable"),
    "a redirect": (302, {}, 503, "identity_provider_unavailable"),
    "no JSON": (200, b"<html>", 503, "identity_provider_unfit"),
    "no id token": (200, {"access_token": "a"}, 503, "identity_provider_unfit"),
    "a number": (200, {"id_token": 7}, 503, "identity_provider_unfit"),
    "no token": (200, {"id_token": "x.y.z"}, 401, "id_token_invalid"),
    "endless": (200, b'{"id_token": "' + b"x" * (1 << 20), 503, "identity_provider_unfit"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_broken_answer_is_one_clear_page(
    person: Browser, lying: LyingProvider, name: str
) -> None:
    status, document, seen, code = ANSWERS[name]
    asked = person.begin()
    lying.answers["/token"] = (status, document)
    refused(person, person.come_back(state=asked["state"], code="c"), seen, code)


def test_somebody_without_a_group_gets_no_session(person: Browser, lying: LyingProvider) -> None:
    for groups in (None, [], ["other"], {"ops": True}, 7):
        asked = person.begin()
        lying.gives(lying.claims(nonce=asked["nonce"], groups=groups))
        reply = person.come_back(state=asked["state"], code="c")
        refused(person, reply, 403, "sign_in_no_role")


@pytest.mark.parametrize("page", ["//evil.example", "https://evil.example", "\\\\evil", "@x"])
def test_signing_in_leads_to_no_foreign_place(
    person: Browser, lying: LyingProvider, page: str
) -> None:
    asked = person.begin(page)
    lying.gives(lying.claims(nonce=asked["nonce"]))
    assert person.come_back(state=asked["state"], code="c").headers["location"] == "./"


def test_where_the_answer_goes_is_not_for_a_request_to_say(running: PlatformProcess) -> None:
    reply = Browser(running).get("provider", host="evil.example", x_forwarded_host="evil.example")
    asked = parse_qs(urlsplit(reply.headers["location"]).query)
    assert asked["redirect_uri"] == [f"{running.url}/console/signed-in"]


def test_a_false_logout_ends_nothing(
    person: Browser, running: PlatformProcess, lying: LyingProvider
) -> None:
    """And a true one ends the session, once only those of that person are meant."""
    asked = person.begin()
    lying.gives(lying.claims(nonce=asked["nonce"], sid="one"))
    assert person.come_back(state=asked["state"], code="c").status == 303
    told = lying.claims(groups=None, email=None, events=LOGOUT)
    sent = Console(running)

    def tell(claims: dict[str, Any], key: Any = KEY) -> int:
        token = jwt.encode(claims, key, "RS256", headers={"kid": "one"})
        return sent.post("provider-logout", {"logout_token": token}).status

    assert sent.post("provider-logout", {}).status == 400
    assert tell(told, OTHER) == 400
    assert tell({**told, "events": {}}) == 400
    assert tell({**told, "nonce": "x"}) == 400
    assert tell({**told, "aud": "other"}) == 400
    assert tell({name: value for name, value in told.items() if name != "sub"}) == 400
    assert tell({**told, "sub": "s-2"}) == 200
    assert tell({**told, "sid": "two"}) == 200
    assert person.get().status == 200
    assert tell(told) == 200
    assert wait_until(lambda: person.get().status == 303)


def test_a_platform_without_a_provider_has_no_such_page(
    platform_process: PlatformProcess,
) -> None:
    console = Console(platform_process)
    for page in ("provider", "signed-in?state=x&code=y"):
        assert console.get(page).status == 404
    assert console.post("provider-logout", {"logout_token": "x"}).status == 404
    assert "Sign in with" not in console.text("sign-in")
