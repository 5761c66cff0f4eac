"""A real OpenID Connect provider: ``oidc-provider`` from npm, as its lock file pins it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from ferryman.functions import toolchain
from tests.kit.platform import free_port, unavailable, wait_until

FOLDER = Path(__file__).with_name("provider")

PEOPLE: dict[str, dict[str, Any]] = {
    "ada": {"email": "ada@acme.example", "groups": ["staff", "ferryman-admins"]},
    "bo": {"email": "bo@acme.example", "groups": ["acme-migrations"]},
    "cy": {"email": "cy@acme.example", "groups": ["staff"]},
}
ROLES = {
    "ferryman-admins": {"role": "admin"},
    "acme-migrations": {"role": "viewer", "customers": ["acme"]},
}
SECRET = "a-clients-secret:+/%&="


def install(folder: Path) -> Path:
    """Install the provider as it is pinned; return its program."""
    npm = toolchain.npm()
    if npm is None:
        unavailable("no npm here")
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        unavailable(f"npm could not install oidc-provider: {done.stderr[-300:]}")
    return folder / "provider.mjs"


class RealProvider:
    """The provider as a process; ``start`` again gives it new keys and forgets all sign-ins."""

    def __init__(self, program: Path, console_port: int) -> None:
        self.issuer = f"http://127.0.0.1:{free_port()}"
        self.console = f"http://console.localhost:{console_port}"
        self._program = program
        self._logs_out_at = f"http://127.0.0.1:{console_port}/console/provider-logout"
        self._process: subprocess.Popen[str] | None = None

    @property
    def settings(self) -> dict[str, str]:
        """The variables of a platform whose people sign in here."""
        return {
            "FERRYMAN_PUBLIC_URL": self.console,
            "FERRYMAN_OIDC_ISSUER": self.issuer,
            "FERRYMAN_OIDC_CLIENT_ID": "ferryman",
            "FERRYMAN_OIDC_CLIENT_SECRET": SECRET,
            "FERRYMAN_OIDC_SCOPES": "openid email profile groups",
            "FERRYMAN_OIDC_ROLES": json.dumps(ROLES),
        }

    def start(self, *, short_tokens: bool = True) -> None:
        """Start it; ``short_tokens`` tell groups on another call, as the standard has it."""
        settings = {
            "issuer": self.issuer,
            "clientId": "ferryman",
            "clientSecret": SECRET,
            "redirectUri": f"{self.console}/console/signed-in",
            "logoutUri": self._logs_out_at,
            "people": PEOPLE,
            "shortTokens": short_tokens,
        }
        log = self._program.with_name("provider.log").open("a")
        self._process = subprocess.Popen(
            [str(toolchain.node()), str(self._program)],
            env={**os.environ, "PROVIDER": json.dumps(settings)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        assert self._process.stdout is not None
        wait_until(lambda: self._said() == "ready\n")

    def _said(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._process.poll() is None, self._program.with_name("provider.log").read_text()
        return self._process.stdout.readline()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None
