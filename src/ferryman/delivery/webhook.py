"""Post a message to a Connect app's webhook, signed with the app's secret."""

from datetime import datetime

from yarl import URL

from ferryman.connect_token import SignedRequest, sign
from ferryman.delivery.remote import Receiver, RemoteSender
from ferryman.domain.outcome import Outcome, failed
from ferryman.functions.routes import WebhookRoute
from ferryman.vocab import FailureCause

WEBHOOK = Receiver(
    noun="webhook",
    accepts=lambda status: status == 200,
    expected="exactly 200",
    final_address="register the final address",
)
"""A Connect app's webhook (connect-webhooks, Acknowledging)."""


async def post_webhook(
    sender: RemoteSender,
    route: WebhookRoute,
    payload: str,
    *,
    issuer: str,
    secret: str | None,
    now: datetime,
    seconds: float,
) -> Outcome:
    """Make one attempt; only a 200 within ``seconds`` is a success.

    The token covers this one request and expires after three minutes.
    """
    if secret is None:
        return failed(
            "before",
            FailureCause.DELIVERY_FAILED,
            "The app has no shared secret to sign with.",
            duration=0.0,
        )
    token = sign(secret, issuer, SignedRequest("POST", route.path, route.query, ""), now)
    return await sender.post(
        # Exactly as registered, without normalising it, since the token signs it as it is.
        URL(route.url, encoded=True),
        payload,
        {"Authorization": f"JWT {token}"},
        timeout=seconds,
        receiver=WEBHOOK,
    )
