"""A small Connect app in a process of its own, written as vendors write theirs.

It shares no code with the platform: the standard library, ``pyjwt`` and the ``atlassian-jwt``
package alone. What its tests ask of it goes through ``/control``, which a real app has not.
"""

import argparse
import hashlib
import json
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import atlassian_jwt  # type: ignore[import-untyped]
import jwt
from atlassian_jwt.url_utils import hash_url  # type: ignore[import-untyped]

REST = "/rest/atlassian-connect/1/migration"
Json = dict[str, Any]


class Notes(atlassian_jwt.Authenticator):  # type: ignore[misc]
    """The app: what it keeps of its tenant, and what it does about what arrives."""

    def __init__(self, key: str, base_url: str, key_server: str, context: str) -> None:
        super().__init__()
        self.key, self.base_url = key, base_url
        self.key_server, self.context = key_server, context
        self.tenant: Json = {}
        self.earlier: list[Json] = []
        self.lifecycle: list[Json] = []
        self.events: dict[str, Json] = {}
        self.files: dict[str, Json] = {}
        self.refusals: list[str] = []
        self.answers: dict[str, Any] = {}
        self.call_while_installing = False
        self.tokens: dict[str, str] = {}
        self.held: list[str] = []
        self.resumed = threading.Event()

    def descriptor(self) -> Json:
        return {
            "key": self.key,
            "name": "Notes",
            "baseUrl": self.base_url,
            "authentication": {"type": "jwt"},
            "apiVersion": 1,
            "apiMigrations": {"signed-install": True},
            "lifecycle": {
                "installed": "/installed",
                "enabled": "/enabled",
                "uninstalled": "/uninstalled?reason=admin",
            },
            "scopes": ["READ", "WRITE"],
            "cloudAppMigration": {"migrationWebhookPath": "/migration"},
        }

    # -- checking who calls

    def check_install(self, token: str, path: str, body: Json) -> None:
        """As the page on signed installs says: the key by its id, audience, hash, issuer."""
        kid = jwt.get_unverified_header(token)["kid"]
        with urllib.request.urlopen(f"{self.key_server}/{kid}", timeout=60) as answer:  # noqa: S310
            pem = answer.read()
        claims = jwt.decode(
            token,
            pem,
            algorithms=["RS256"],
            audience=self.base_url,
            options={"require": ["iss", "aud", "iat", "exp", "qsh"]},
        )
        if claims["qsh"] != hash_url("POST", path):
            raise jwt.InvalidTokenError("qsh does not match")
        if claims["iss"] != body["clientKey"]:
            raise jwt.InvalidTokenError("issued by another client")

    def get_shared_secret(self, client_key: str) -> str:
        if client_key != self.tenant.get("clientKey"):
            raise jwt.InvalidTokenError("no such tenant")
        return str(self.tenant["sharedSecret"])

    # -- what arrives

    def receive(self, path: str, token: str, body: Json) -> None:
        """One request of the platform, at a path below the base URL."""
        self.tokens[path] = token
        match path.partition("?")[0]:
            case "/installed":
                self.check_install(token, path, body)
                self.earlier.append(self.tenant)
                self.tenant = body
                self.lifecycle.append(body)
                if self.call_while_installing:
                    self.answers["while installing"] = self.call("GET", "/webhook")
            case "/uninstalled":
                self.check_install(token, path, body)
                self.lifecycle.append(body)
            case "/enabled":
                self.authenticate("POST", path, {"Authorization": f"JWT {token}"})
                self.lifecycle.append(body)
                hooks = {"endpoints": [f"{self.base_url}/hook?from=notification"]}
                self.answers["webhook"] = self.call("PUT", "/webhook", hooks)
            case "/migration" | "/hook":
                self.authenticate("POST", path, {"Authorization": f"JWT {token}"})
                known = self.events.setdefault(body["messageId"], {**body, "paths": []})
                known["paths"].append(path)
                if body["eventType"] == "app-data-uploaded" and len(known["paths"]) == 1:
                    threading.Thread(target=self.carry, args=[body], daemon=True).start()
            case _:
                raise LookupError(path)

    def carry(self, event: Json) -> None:
        """Download the file, translate the ids in it, and report on it."""
        transfer, key = event["transferId"], event["s3Key"]
        found = self.call("GET", f"/data/{key}")
        with urllib.request.urlopen(found["body"]["url"], timeout=60) as answer:  # noqa: S310
            data = answer.read()
        ids = data.decode().split()
        path = f"/mapping/{transfer}/find?namespace=jira%2Fclassic:issue"
        names = self.call("POST", path, ids)["body"]
        done = {"status": "IN_PROGRESS", "percent": 60, "message": f"{len(names)} notes"}
        self.call("POST", f"/progress/{transfer}", done)
        digest = hashlib.sha256(data).hexdigest()
        self.files[key] = {"label": event.get("label"), "sha256": digest, "names": names}

    # -- calling back

    def call(
        self, method: str, path: str, body: object = None, *, earlier: bool = False, **claims: Any
    ) -> Json:
        """One signed call of the platform; the path is hashed below the product's base URL."""
        tenant = self.earlier[-1] if earlier else self.tenant
        token = atlassian_jwt.encode_token(method, REST + path, **tenant, payload_kwargs=claims)
        request = urllib.request.Request(  # noqa: S310
            self.tenant["baseUrl"] + self.context + REST + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"JWT {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                text, status = answer.read(), answer.status
        except urllib.error.HTTPError as refused:
            text, status = refused.read(), refused.code
        return {"status": status, "body": json.loads(text) if text else None}

    def control(self, path: str, body: Json) -> Any:
        """For the tests: have a call made, change how the app answers, look at what it has."""
        match path:
            case "/control/call":
                return self.call(**body)
            case "/control/answer":
                self.answers.update(body)
            case "/control/set":
                for name, value in body.items():
                    setattr(self, name, value)
            case "/control/resume":
                self.resumed.set()
        kept = ("lifecycle", "events", "files", "refusals", "answers", "tokens", "tenant", "held")
        return {name: getattr(self, name) for name in kept}


class Handler(BaseHTTPRequestHandler):
    """Requests under the path of the base URL are the app's."""

    app: Notes
    below: str

    def do_GET(self) -> None:
        self.answer(200, self.app.descriptor())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        path = self.path.removeprefix(self.below)
        if path.startswith("/control"):
            self.answer(200, self.app.control(path, body))
            return
        match self.app.answers.get(path.partition("?")[0], 200):
            case "hang up":
                self.close_connection = True
            case "hold":
                self.app.held.append(path)
                self.app.resumed.wait()
                self.take(path, body)
            case 200:
                self.take(path, body)
            case status:
                self.answer(status, {"why": "told to", **body})

    def take(self, path: str, body: Json) -> None:
        try:
            self.app.receive(path, self.headers.get("Authorization", "")[4:], body)
        except (jwt.PyJWTError, LookupError, urllib.error.URLError) as error:
            self.app.refusals.append(f"{path}: {type(error).__name__}: {error}")
            self.answer(401, {"error": str(error)})
        else:
            self.answer(204 if path == "/installed" else 200, None)

    def answer(self, status: int, body: object) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_args: object) -> None:
        """Nothing is logged: what went wrong is in ``refusals``."""


def main() -> None:
    """Serve until standard input ends; the first line printed is the base URL."""
    parser = argparse.ArgumentParser()
    for name in ("--key", "--key-server", "--below", "--context"):
        parser.add_argument(name, default="")
    given = parser.parse_args()
    app = Notes(given.key, "", given.key_server, given.context)
    Handler.app, Handler.below = app, given.below
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    app.base_url = f"http://127.0.0.1:{server.server_port}{given.below}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{app.base_url}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
