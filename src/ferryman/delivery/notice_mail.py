"""Send a mail by SMTP, in a thread, over TLS wherever the server offers it."""

import asyncio
import smtplib
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime
from threading import Thread
from urllib.parse import unquote, urlsplit

from ferryman.clock import wall_now
from ferryman.network.trust import tls_context

_STEP_SECONDS = 10.0
"""Time limit of one exchange with the server."""

_PORTS = {"smtp": 25, "smtps": 465}


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server that sends mail for us, and as whom."""

    host: str
    port: int
    tls: bool
    sender: str
    user: str | None = None
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str, sender: str) -> "MailServer":
        """Read the address of the settings."""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "",
            port=parts.port or _PORTS[parts.scheme],
            tls=parts.scheme == "smtps",
            sender=sender,
            user=None if parts.username is None else unquote(parts.username),
            password=unquote(parts.password or ""),
        )


async def send_mail(
    server: MailServer, *, to: str, subject: str, body: str, message_id: str, seconds: float
) -> str | None:
    """Send a mail; return why it was not sent, or None. Raises nothing."""
    mail = EmailMessage()
    # One line: what a name holds must not begin another header.
    mail["Subject"] = " ".join(subject.split())
    mail["From"], mail["To"] = server.sender, to
    mail["Date"] = format_datetime(wall_now())
    mail["Message-ID"] = f"<{message_id}@{server.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body)
    try:
        async with asyncio.timeout(seconds):
            await _in_thread(lambda: _send(server, mail))
    except TimeoutError:
        return f"The mail server had not answered in full after {seconds:g} s."
    except smtplib.SMTPResponseException as error:
        return f"The mail server answered {error.smtp_code}: {_text(error.smtp_error)}"
    except smtplib.SMTPRecipientsRefused as error:
        code, reason = next(iter(error.recipients.values()))
        return f"The mail server refused the recipient with {code}: {_text(reason)}"
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return f"The mail server could not be used: {type(error).__name__}: {error}"
    return None


def _send(server: MailServer, mail: EmailMessage) -> None:
    if server.tls:
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=_STEP_SECONDS, context=tls_context()
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=_STEP_SECONDS)
    with connection:
        connection.ehlo()
        secure = server.tls
        if not secure and connection.has_extn("starttls"):
            connection.starttls(context=tls_context())
            connection.ehlo()
            secure = True
        if server.user is not None:
            if not secure:
                raise smtplib.SMTPException("it offers no TLS, and a password is not sent without")
            connection.login(server.user, server.password)
        connection.send_message(mail)


async def _in_thread(work: Callable[[], None]) -> None:
    """Run blocking work in a thread of its own: one that hangs takes none of a pool."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def set_result(error: Exception | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        error: Exception | None = None
        try:
            work()
        except Exception as exc:  # noqa: BLE001 - it is raised where it is waited for
            error = exc
        if not loop.is_closed():
            loop.call_soon_threadsafe(set_result, error)

    Thread(target=run, name="mail", daemon=True).start()
    await done


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
