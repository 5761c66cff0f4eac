"""A company's network on one machine: the platform behind TLS, at a name that proxies know."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.kit.migration import AppMigration
from tests.kit.platform import PlatformBehind, PlatformProcess, free_port
from tests.networks.authority import Authority
from tests.networks.programs import HOST, Forward, scratch, squid, tls_servers, with_hosts

VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Site:
    """The platform, the ports of its TLS servers by what is wrong with them, and authorities."""

    platform: PlatformProcess
    ports: dict[str, int]
    ca: Authority
    inspector: Authority

    def url(self, name: str = "good") -> str:
        return f"https://{HOST}:{self.ports[name]}"

    @property
    def connect(self) -> list[int]:
        """The ports that proxies open tunnels to: all but one."""
        return [port for name, port in self.ports.items() if name != "other port"]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A platform at ``https://platform.example:PORT``, which only it and proxies resolve."""
    with scratch("site") as folder:
        ca = Authority(folder, "Harbour Root")
        stranger = Authority(folder, "Stranger Root")
        no_authority = Authority(folder, "Printer", signs=False)
        files = {
            "good": ca.issue(HOST),
            "other port": ca.issue(HOST),
            "untrusted": stranger.issue(HOST),
            "expired": ca.issue(HOST, expired=True),
            "other name": ca.issue("other.example"),
            "for clients": ca.issue(HOST, usage=ExtendedKeyUsageOID.CLIENT_AUTH),
            "by no authority": no_authority.issue(HOST),
        }
        trusted = folder / "trusted.pem"
        trusted.write_bytes(ca.file.read_bytes() + no_authority.file.read_bytes())
        ca.file = trusted
        port = free_port()
        with tls_servers(port, files) as ports:
            platform = PlatformBehind(
                tmp_path_factory.mktemp("site") / "data",
                port=port,
                wrapper=with_hosts(folder),
                env={
                    "FERRYMAN_PUBLIC_URL": f"https://{HOST}:{ports['good']}",
                    "SSL_CERT_FILE": str(trusted),
                },
            )
            with platform:
                yield Site(platform, ports, ca, Authority(folder, "Company Inspector"))


@pytest.fixture(scope="session")
def plain_squid(site: Site) -> Iterator[Forward]:
    """Squid for everyone."""
    with squid(site.connect) as running:
        yield running


@pytest.fixture(scope="session")
def login_squid(site: Site) -> Iterator[Forward]:
    """Squid that asks for user and password."""
    with squid(site.connect, login=True) as running:
        yield running


@pytest.fixture
def migration(site: Site) -> Iterator[AppMigration]:
    """A started migration on that platform."""
    migration = AppMigration.register_app(site.platform)
    migration.create()
    migration.start()
    yield migration
    site.platform.settle_all()


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> "Network":
    """The variables of this process."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return Network(monkeypatch)


@dataclass(frozen=True)
class Network:
    """Sets the variables of this process."""

    monkeypatch: pytest.MonkeyPatch

    def use(self, proxy: Forward | None, ca: Path | None, password: str | None = None) -> None:
        """Be in the network of a proxy."""
        given = {} if ca is None else {"SSL_CERT_FILE": str(ca)}
        if proxy is not None:
            given = proxy.environment(ca, password)
        for name, value in given.items():
            self.monkeypatch.setenv(name, value)
