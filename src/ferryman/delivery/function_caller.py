"""Call a function of an app on a site: its environment, its tokens, and what it may reach."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ferryman.clock import wall_now
from ferryman.delivery.arguments import forge_app_id_of, installation_id_of, site_ari
from ferryman.domain.outcome import Outcome
from ferryman.functions.call import FunctionCall
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.manifest_model import Manifest
from ferryman.functions.pool import FunctionPool
from ferryman.functions.sandbox.access import Access, access
from ferryman.functions.source import app_variables
from ferryman.ids import derived_id
from ferryman.services.key_ring import KeyRing
from ferryman.services.platform import Platform
from ferryman.store.app import AppRow
from ferryman.tokens import bare_app_id, invocation_token, system_token

_TOKENS_KEPT = timedelta(minutes=1)
"""Tokens are valid for longer; signing one per event would cost more than sending the event."""

_TOKENS = 10_000
"""Apps on sites whose tokens, and whose facts, are kept."""


@dataclass(frozen=True, slots=True)
class AppOnSite:
    """An app, and the URL of the site that a call is about."""

    app: AppRow
    site: str


class AppTokens:
    """Signs the tokens that go with calls, and keeps them for a while."""

    def __init__(self, platform: Platform, keys: KeyRing) -> None:
        self._platform = platform
        self._keys = keys
        self._tokens: dict[tuple[Any, ...], tuple[datetime, str, str]] = {}

    async def refresh(self) -> None:
        """Sign with the current key from now on."""
        await self._keys.refresh()

    def of(self, target: AppOnSite) -> tuple[str, str]:
        """Return the invocation token and the system token of the app on that site."""
        app, now = target.app, wall_now()
        key = (
            self._keys.current.kid,
            app.app_id,
            app.environment,
            app.forge_app_id,
            target.site,
        )
        kept = self._tokens.get(key)
        if kept is None or now - kept[0] > _TOKENS_KEPT:
            if len(self._tokens) >= _TOKENS:
                self._tokens.clear()
            kept = now, self._invocation_token(target), self._system_token(target)
            self._tokens[key] = kept
        return kept[1:]

    def _system_token(self, target: AppOnSite) -> str:
        return system_token(
            self._keys.current,
            app_id=str(target.app.app_id),
            environment=target.app.environment,
            site=target.site,
            now=wall_now(),
        )

    def _invocation_token(self, target: AppOnSite) -> str:
        app, site = target.app, target.site
        return invocation_token(
            self._keys.current,
            app_id=str(app.app_id),
            forge_app_id=forge_app_id_of(app),
            environment=app.environment,
            cloud_url=site,
            cloud_id=str(derived_id("cloud", site)),
            installation_id=installation_id_of(app, site),
            api_base_url=self._platform.settings.base_url,
            now=wall_now(),
        )


@dataclass(frozen=True, slots=True)
class _CallFacts:
    """What all calls of an app on a site have in common."""

    app: AppRow
    context: dict[str, str]
    environment: dict[str, str]
    identity: dict[str, str]
    access: Access


class FunctionCaller:
    """Calls functions of apps; ``environ`` supplies the variables that apps declare."""

    def __init__(
        self,
        platform: Platform,
        tokens: AppTokens,
        functions: FunctionPool,
        environ: dict[str, str],
    ) -> None:
        self._platform = platform
        self.tokens = tokens
        self._functions = functions
        self._environ = environ
        self._facts: dict[tuple[Any, ...], _CallFacts] = {}

    async def run(
        self,
        target: AppOnSite,
        handler: str,
        event: Any,
        *,
        seconds: float,
        printed: Callable[[str], None] | None,
        begun: Callable[[], None],
        identity: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Call ``handler`` in a place that the caller holds; return its outcome, whatever it does.

        ``identity`` adds to what the function can ask the platform about its call.
        """
        app, facts = target.app, self._facts_of(target)
        _, system = self.tokens.of(target)
        call = FunctionCall(
            owner=str(app.app_id),
            source=Path(app.source or "/"),
            handler=handler,
            event=event,
            context=facts.context,
            environment={**facts.environment, "FERRYMAN_TOKEN": system},
            timeout=seconds,
            identity={**facts.identity, **(identity or {})},
            printed=printed,
            begun=begun,
            access=facts.access,
        )
        return await self._functions.run(call)

    def _facts_of(self, target: AppOnSite) -> _CallFacts:
        """Return the facts of a target, found again only once its app was read again."""
        app, key = target.app, (target.app.app_id, target.site)
        kept = self._facts.get(key)
        if kept is None or kept.app is not app:
            if len(self._facts) >= _TOKENS:
                self._facts.clear()
            kept = self._facts[key] = self._new_facts(target)
        return kept

    def _new_facts(self, target: AppOnSite) -> _CallFacts:
        app = target.app
        manifest = parse_manifest(app.manifest or {})
        return _CallFacts(
            app,
            context={"installContext": site_ari(target.site)},
            environment={
                **app_variables(manifest, self._environ),
                "FERRYMAN_URL": self._platform.settings.base_url,
            },
            identity={
                "appId": bare_app_id(forge_app_id_of(app), str(app.app_id)),
                "environment": app.environment,
                "installationId": installation_id_of(app, target.site),
            },
            access=self._access(app, manifest),
        )

    def _access(self, app: AppRow, manifest: Manifest) -> Access:
        settings, store = self._platform.settings, self._platform.objects
        folder = settings.function_folder(app.cloud_app_key, Path(app.source or "/"))
        return access((settings.base_url, store.signed_at), manifest.fetched, folder)
