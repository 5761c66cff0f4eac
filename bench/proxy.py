"""One large file through Squid, against the same way without it.

The platform is behind nginx with TLS in both, at a name; Squid carries the tunnel. Rounds are
interleaved, and the best of each counts. SIZE=64M and ROUNDS=1 make it smaller.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench._platform import Platform, begin_transfer, serving
from bench.report import Figure, MissingError
from bench.uploads import parse_size, show_size
from ferryman.server.port import free_port
from tests.networks.authority import Authority
from tests.networks.programs import HOST, squid, tls_servers, with_hosts

NEEDED = (Path("/usr/sbin/squid"), Path("/usr/sbin/nginx"))


def run() -> list[Figure]:
    """SIZE (1 GiB), ROUNDS (3) times each way."""
    if missing := [str(path) for path in NEEDED if not path.exists()]:
        raise MissingError(f"expected {', '.join(missing)}: apt-get install squid-openssl nginx")
    size = parse_size(os.environ.get("SIZE", "1G"))
    port = free_port("127.0.0.1")
    url = f"https://{HOST}:{port}"
    direct: list[float] = []
    proxied: list[float] = []
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded database runs as a user of its own under root
        ca = Authority(folder, "Bench Root")
        with (
            serving(folder / "data", public_url=url) as platform,
            tls_servers(int(platform.url.rpartition(":")[2]), {"": ca.issue(HOST)}, {"": port}),
            squid([port]) as proxy,
        ):
            known = with_hosts(folder)
            for _ in range(int(os.environ.get("ROUNDS", "3"))):
                env = {"SSL_CERT_FILE": str(ca.file)}
                direct.append(_seconds(platform, url, size, env, known))
                proxied.append(_seconds(platform, url, size, proxy.environment(ca.file), ()))
    return [
        Figure(
            figure=f"upload {show_size(size)} through Squid, local",
            unit="s",
            ours=min(proxied),
            peer=min(direct),
            peer_name="without Squid",
        )
    ]


def _seconds(
    platform: Platform, url: str, size: int, env: dict[str, str], started_by: tuple[str, ...]
) -> float:
    token, transfer_id = begin_transfer(platform)
    words = [*started_by, sys.executable, "-m", "bench._carry", "one", url, transfer_id, str(size)]
    clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        words,
        input=f"{token}\n",
        env={**clean, **env},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout)
