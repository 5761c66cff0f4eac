"""Try the way from here to the platform and its object store, step by step.

Each step says what it found; the first that fails says what to do, and those after it are skipped.
"""

import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from hashlib import md5, sha256
from typing import TypeVar
from urllib.parse import urlsplit

from ferryman.network.certificate import read_certificate
from ferryman.network.faults import Failure, NetworkFault
from ferryman.network.proxies import Proxies
from ferryman.network.raw_connection import (
    ConnectionFailed,
    certificate_of,
    connect,
    refused_certificate,
    target,
)
from ferryman.network.trust import ca_files, tls_context
from ferryman.sdk.errors import ClientError
from ferryman.sdk.exchange import NoAnswerError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.network_step import Step, StepFailed, failed_by, refused_by
from ferryman.sdk.operation import Answer, Operation, Request, check_base, json_operation, refusal
from ferryman.sdk.operations import server
from ferryman.wire.check import CheckBegun
from ferryman.wire.upload import PartRequest, StoredPart

T = TypeVar("T")

STEPS: tuple[str, ...] = (
    *("proxy", "name", "connection", "tls", "platform"),
    *("token", "clock", "upload", "download", "removal"),
)
PART_BYTES: int = 8 << 20
CLOCK_SECONDS = 300.0
"""The largest difference of clocks; object stores take 15 minutes, tokens less."""


class NetworkCheck:
    """The trial of one platform with the token of a server app; ``run`` it once.

    Raises ``ConfigError`` for proxy and certificate settings that cannot be used, ``ValueError``
    for a URL without a scheme.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url: str = check_base(url)
        self._host, self._port = target(self.url)
        self._transport = HttpTransport(self.url, token, retry_seconds=0)
        self._proxies = Proxies.from_environment(os.environ)
        self._proxy = self._proxies.of(self.url)
        self._content = os.urandom(PART_BYTES)
        self._socket: socket.socket | None = None
        self._begun: CheckBegun | None = None
        self._read_url = ""
        self._rate: float | None = None
        self._asked_at = 0.0

    def run(self) -> Iterator[Step]:
        """Yield each step when it is done; whatever happens, the stored test file is removed."""
        failed = ""
        try:
            for name in STEPS[:-1]:
                step = self._skipped(name, failed) if failed else self._do(name)
                failed = failed or (name if step.status == "failed" else "")
                yield step
        finally:
            removed = self._skipped("removal", failed or "upload")
            if self._begun is not None:
                removed = self._do("removal")
            if self._socket is not None:
                self._socket.close()
            self._transport.close()
        yield removed

    def _do(self, name: str) -> Step:
        act: Callable[[], str] = getattr(self, f"_try_{name}")
        self._rate = None
        began = time.monotonic()
        try:
            found = act()
        except StepFailed as why:
            return Step(
                step=name,
                status="failed",
                found=why.found,
                expected=why.expected,
                fix=why.fix,
                code=why.code,
                seconds=time.monotonic() - began,
            )
        status = "ok" if found else "skipped"
        return Step(
            step=name,
            status=status,
            found=found or "the address begins with http://",
            seconds=time.monotonic() - began,
            bytes_per_second=self._rate,
        )

    @staticmethod
    def _skipped(name: str, failed: str) -> Step:
        return Step(step=name, status="skipped", found=f"{failed} failed")

    def _try_proxy(self) -> str:
        proxy = self._proxy
        if proxy is None:
            return f"none for {self._host}"
        self._connect()
        tunnel = " connects to the host" if self.url.startswith("https:") else " answers"
        return f"{proxy.url}{', with a login,' if proxy.login else ''}{tunnel}"

    def _try_name(self) -> str:
        if self._proxy is not None:
            return f"{self._host} is looked up by the proxy"
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise failed_by(
                Failure(
                    fault=NetworkFault.NAME_UNKNOWN,
                    found=error.strerror or "no address",
                    host=self._host,
                    port=self._port,
                )
            ) from error
        addresses = dict.fromkeys(str(each[4][0]) for each in found)
        return f"{self._host} is {', '.join(addresses)}"

    def _try_connection(self) -> str:
        if self._socket is None:
            self._connect()
        return f"{self._host}:{self._port}" + (" by the proxy" if self._proxy else "")

    def _try_tls(self) -> str:
        if not self.url.startswith("https:") or self._socket is None:
            return ""
        files = ", ".join(f"{name}={file}" for name, file in ca_files(os.environ).items())
        trust = "the system's authorities" + (f" and {files}" if files else "")
        try:
            secure = tls_context().wrap_socket(self._socket, server_hostname=self._host)
        except (OSError, ValueError) as error:
            if not isinstance(error, ssl.SSLError):
                raise StepFailed(str(error), "a handshake", "Try again.", "tls_failed") from error
            shown = certificate_of(self.url, self._proxy)
            place = (self._host, self._port)
            raise failed_by(refused_certificate(error, place, shown)) from error
        self._socket = secure
        shown = read_certificate(secure.getpeercert(binary_form=True) or b"")
        return (
            f"{secure.version()}, certificate of {shown.subject or self._host}, issued by "
            f"{shown.issuer or 'nobody'}, valid until {shown.ends:%Y-%m-%d}, trusted by {trust}"
        )

    def _try_platform(self) -> str:
        self._call(json_operation("GET", "/healthz", dict[str, str]))
        return f"Ferryman answers at {self.url}"

    def _try_token(self) -> str:
        part = PartRequest(
            number=1,
            size=PART_BYTES,
            sha256=sha256(self._content).hexdigest(),
            md5=md5(self._content, usedforsecurity=False).hexdigest(),
        )
        self._asked_at = time.time()
        self._begun = self._call(server.begin_check(part))
        self._asked_at = (self._asked_at + time.time()) / 2
        return f"it belongs to the server app {self._begun.server_app_key}"

    def _try_clock(self) -> str:
        ahead = self._asked_at - self._part.now / 1000
        if abs(ahead) > CLOCK_SECONDS:
            raise StepFailed(
                f"one that is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}",
                f"a clock within {CLOCK_SECONDS:.0f} s of the platform's",
                "Set the clocks of both machines, by NTP.",
                "clock_differs",
            )
        return f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} the platform's"

    def _try_upload(self) -> str:
        signed = self._part.part
        body = memoryview(self._content)
        request = Request(method=signed.method, url=signed.url, headers=signed.headers, body=body)
        answer = self._carry(request, "a part to the object store")
        etag = answer.headers.get("etag", "").strip('"')
        digest = sha256(self._content).hexdigest()
        part = StoredPart(number=1, size=PART_BYTES, etag=etag, sha256=digest)
        self._read_url = self._call(server.complete_check(self._part, part)).url
        return f"8 MiB to {self._way(signed.url)}"

    def _try_download(self) -> str:
        answer = self._carry(Request(method="GET", url=self._read_url), "the part from the store")
        if answer.body != self._content:
            raise StepFailed(
                f"{len(answer.body)} other bytes",
                "the bytes that were sent",
                "Something on the way changes them: look for a proxy that rewrites or compresses.",
                "bytes_altered",
            )
        return f"8 MiB from {self._way(self._read_url)}, the same bytes"

    def _try_removal(self) -> str:
        self._call(server.remove_check(self._part))
        return "nothing is left in the store"

    @property
    def _part(self) -> CheckBegun:
        if self._begun is None:
            raise RuntimeError("no part before the step of the token")
        return self._begun

    def _connect(self) -> None:
        try:
            self._socket = connect(self.url, self._proxy)
        except ConnectionFailed as refused:
            raise failed_by(refused.failure) from refused

    def _call(self, operation: Operation[T]) -> T:
        try:
            return self._transport.call(operation)
        except ClientError as error:
            raise refused_by(error) from error

    def _carry(self, request: Request, what: str) -> Answer:
        began = time.monotonic()
        try:
            answer = self._transport.run(self._transport.exchange.deliver(request))
        except NoAnswerError as lost:
            unanswered = self._transport.exchange.unanswered(request, lost)
            unanswered.__cause__ = lost
            raise refused_by(unanswered) from lost
        if answer.status != 200:
            raise refused_by(refusal(answer, what))
        self._rate = PART_BYTES / max(time.monotonic() - began, 1e-6)
        return answer

    def _way(self, url: str) -> str:
        proxy = self._proxies.of(url)
        return f"{urlsplit(url).netloc}{f' through {proxy.url}' if proxy else ''}"
