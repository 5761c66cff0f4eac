"""Post lifecycle events to Connect apps, once and without retries."""

import json
from collections.abc import Mapping

from yarl import URL

from ferryman.delivery.remote import Receiver, RemoteSender
from ferryman.domain.outcome import Outcome

_APP = Receiver(
    noun="app",
    accepts=lambda status: 200 <= status < 300,
    expected="a 2xx status",
    final_address="put the final address into the descriptor's baseUrl",
)


class LifecycleSender:
    """Makes one POST within ``seconds``; never raises for what the app does."""

    def __init__(self, sender: RemoteSender, seconds: float) -> None:
        self._sender = sender
        self._seconds = seconds

    async def __call__(
        self, url: str, payload: Mapping[str, object], headers: Mapping[str, str]
    ) -> Outcome:
        """Post to exactly ``url``, without normalising it, since the token signs it as it is."""
        return await self._sender.post(
            URL(url, encoded=True),
            json.dumps(payload),
            headers,
            timeout=self._seconds,
            receiver=_APP,
        )
