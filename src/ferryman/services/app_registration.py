"""Check the registration of an app, and refuse what could never be routed."""

from pathlib import Path

from ferryman import refusals
from ferryman.domain.limits import LABEL_CHARACTERS
from ferryman.domain.scope import check_known
from ferryman.functions.descriptor import check_key, parse_descriptor
from ferryman.functions.hosting import TRUSTED, Hosting
from ferryman.functions.manifest import check_environment, check_events, event_names, parse_manifest
from ferryman.functions.overrides import read_overrides
from ferryman.functions.source import check_source
from ferryman.services.platform import check_json, check_text
from ferryman.vocab import AppKind
from ferryman.wire.app import AppRegistration

_PATH_CHARACTERS = 4_096
_LONGEST_WINDOW = 366 * 86_400


def check_registration(request: AppRegistration, hosting: Hosting = TRUSTED) -> None:
    """Refuse mistakes in the app's definition and files, without running any of its code.

    Functions are refused too if ``hosting`` says that they are held.
    """
    for name, text in (
        ("server_app_key", request.server_app_key),
        ("cloud_app_key", request.cloud_app_key),
        ("environment", request.environment),
    ):
        check_text(name, text, longest=LABEL_CHARACTERS)
        if not text.strip() or "@" in text or not text.isprintable():
            raise refusals.app.KEY_INVALID[name](text=text)
    check_environment(request.environment)
    check_text("source", request.source or "", longest=_PATH_CHARACTERS)
    check_text("forge_app_id", request.forge_app_id or "", longest=LABEL_CHARACTERS)
    check_json("manifest", request.manifest)
    check_json("descriptor", request.descriptor)
    check_known(request.access_scopes or [])
    if request.window_seconds is not None and not 0 < request.window_seconds <= _LONGEST_WINDOW:
        raise refusals.app.WINDOW_INVALID(longest=_LONGEST_WINDOW, seconds=request.window_seconds)
    if request.kind is AppKind.CONNECT and request.descriptor is not None:
        check_key(parse_descriptor(request.descriptor), request.cloud_app_key)
    if request.manifest is not None:
        manifest = parse_manifest(request.manifest)
        if request.kind is AppKind.FORGE:
            check_events(event_names(request.manifest))
        if manifest.functions:
            source = _source(request)
            if hosting.refusal is not None:
                raise hosting.refusal
            read_overrides(source)
            check_source(manifest, source, hosting.bundler)


def _source(request: AppRegistration) -> Path:
    if not request.source or not Path(request.source).is_absolute():
        raise refusals.app.SOURCE_MISSING(source=request.source)
    return Path(request.source)
