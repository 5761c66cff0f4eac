"""Post to an endpoint of an app on a site: the tokens that go with the call, and its id."""

from ferryman import tracing
from ferryman.delivery.function_caller import AppOnSite, AppTokens
from ferryman.delivery.remote import REMOTE, SERVICE, Receiver, RemoteSender
from ferryman.domain.outcome import Outcome, failed
from ferryman.functions.answer import read_body
from ferryman.functions.routes import RemoteRoute
from ferryman.functions.service_call import INVOCATION_ID, SIDECAR_TOKEN
from ferryman.ids import ephemeral_id
from ferryman.services.platform import Platform
from ferryman.vocab import FailureCause


class EndpointCaller:
    """Posts to remotes and container services; nothing that they do raises an exception."""

    def __init__(self, platform: Platform, tokens: AppTokens, remotes: RemoteSender) -> None:
        self._platform = platform
        self._tokens = tokens
        self._remotes = remotes

    async def consume(self, route: RemoteRoute, target: AppOnSite, payload: str) -> Outcome:
        """Make one attempt for an event of a queue.

        A successful answer may still ask for a retry, as a function's return value may.
        """
        outcome = await self.post(route, target, payload)
        if not outcome.ok:
            return outcome
        after, context, error = read_body(outcome.body, _receiver(route).noun)
        if error is None:
            return outcome
        return failed(
            "after",
            FailureCause.RETRY_REQUESTED,
            error,
            duration=outcome.duration,
            status=outcome.status,
            retry_after=after,
            retry_context=context,
        )

    async def post(self, route: RemoteRoute, target: AppOnSite, payload: str) -> Outcome:
        """Make one attempt, for as long as a remote may take."""
        invocation, system = self._tokens.of(target)
        headers = {"Authorization": f"Bearer {invocation}", **tracing.outgoing()}
        if route.system_token:
            headers["x-forge-oauth-system"] = system
        if route.service is not None:
            headers |= {INVOCATION_ID: str(ephemeral_id()), SIDECAR_TOKEN: system}
        return await self._remotes.post(
            route.url,
            payload,
            headers,
            timeout=self._platform.settings.remote_seconds,
            receiver=_receiver(route),
        )


def _receiver(route: RemoteRoute) -> Receiver:
    return REMOTE if route.service is None else SERVICE
