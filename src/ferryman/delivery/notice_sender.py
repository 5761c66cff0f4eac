"""Send one notice to one sink: sign and post it, or send it by mail."""

import base64
import hmac
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from yarl import URL

from ferryman.clock import wall_now
from ferryman.delivery import notice_text
from ferryman.delivery.notice_mail import MailServer, send_mail
from ferryman.delivery.remote import Receiver, RemoteSender
from ferryman.domain.limits import NOTICE_SECONDS
from ferryman.notice_vocab import SinkKind
from ferryman.store.notice_sink import Telling

if TYPE_CHECKING:
    from ferryman.config import Settings

_SINK = Receiver(
    noun="sink",
    accepts=lambda status: 200 <= status < 300,
    expected="a 2xx status",
    final_address="add the sink with its final address",
)


class NoticeSender:
    """Sends notices; never raises for what a sink does."""

    def __init__(
        self, remotes: RemoteSender, settings: "Settings", *, seconds: float = NOTICE_SECONDS
    ) -> None:
        self._remotes = remotes
        self._settings = settings
        self._seconds = seconds

    async def __call__(self, telling: Telling) -> str | None:
        """Tell a sink once; return why it was not told, or None."""
        base_url = self._settings.base_url
        match telling.kind:
            case SinkKind.MAIL:
                return await self._mail(telling)
            case SinkKind.WEBHOOK:
                payload = notice_text.webhook_body(telling, base_url)
                key = telling.secret or b""
                headers = signed(key, telling.telling_id, wall_now(), payload)
            case SinkKind.SLACK:
                lines = f"*{notice_text.subject(telling)}*\n{notice_text.body(telling, base_url)}"
                payload, headers = msgspec.json.encode({"text": _escaped(lines)}).decode(), {}
        return await self._post(telling, payload, headers)

    async def _post(self, telling: Telling, payload: str, headers: Mapping[str, str]) -> str | None:
        outcome = await self._remotes.post(
            URL(telling.address, encoded=True),
            payload,
            headers,
            timeout=self._seconds,
            receiver=_SINK,
        )
        if outcome.ok:
            return None
        error = outcome.error or "no reason was given"
        parts = urlsplit(telling.address)
        for secret in (telling.address, f"{parts.path}?{parts.query}", parts.query, parts.path):
            # The address of a hook opens it to everybody.
            if len(secret) > 1:
                error = error.replace(secret, "…")
        return error

    async def _mail(self, telling: Telling) -> str | None:
        url = self._settings.smtp_url
        if url is None:
            return "FERRYMAN_SMTP_URL is not set any more"
        return await send_mail(
            MailServer.of(url, self._settings.smtp_from),
            to=telling.address,
            subject=notice_text.subject(telling),
            body=notice_text.body(telling, self._settings.base_url),
            message_id=str(telling.telling_id),
            seconds=self._seconds,
        )


def signed(key: bytes, telling_id: UUID, at: datetime, payload: str) -> dict[str, str]:
    """Return the headers of Standard Webhooks; the id is the same when a notice is sent again."""
    timestamp = str(int(at.timestamp()))
    text = f"{telling_id}.{timestamp}.{payload}".encode()
    signature = base64.b64encode(hmac.digest(key, text, sha256)).decode()
    return {
        "webhook-id": str(telling_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


def _escaped(text: str) -> str:
    """Return a text in which nothing of an app is a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
