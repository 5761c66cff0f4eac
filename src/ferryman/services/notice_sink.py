"""Add, list, test and remove the sinks that receive notices (ADR 97)."""

import asyncio
import base64
import binascii
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.limits import ADMIN_PAGE, NOTICE_SINKS
from ferryman.ids import ephemeral_id, new_secret
from ferryman.notice_vocab import NoticeKind, NoticePart, SinkKind, TellingState
from ferryman.services import app as app_service
from ferryman.services import audit
from ferryman.services import customer as customer_service
from ferryman.services.keyset import decode_place, encode_place
from ferryman.services.platform import Platform, check_text, page_size
from ferryman.store import notice_sink as sink_store
from ferryman.store.database import Transaction
from ferryman.store.notice_sink import SinkRow, SinkState, TellingRow
from ferryman.wire.notice import AddedSink, SinkPage, SinkRequest, SinkTrial, SinkView

_NAME_CHARACTERS = 100
_NAME = re.compile(r"[^\W_]([\w.+ -]*[\w.+-])?")
_ADDRESS_CHARACTERS = 2_000
_MAIL = re.compile(r"[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,255}", re.ASCII)
_PREFIX = "whsec_"
_LIMITS = 100

_PATIENCE_SECONDS = 20.0
_POLL_SECONDS = 0.2


async def add(platform: Platform, request: SinkRequest, by: Actor = PLATFORM) -> AddedSink:
    """Add a sink; the secret of a webhook is only in the answer."""
    _check(platform, request)
    secret = _secret(request)
    async with platform.database.transaction() as tx:
        count = await sink_store.count(tx)
        if count >= NOTICE_SINKS:
            raise refusals.notice.SINKS_TOO_MANY(most=NOTICE_SINKS, count=count)
        await customer_service.check_known(tx, request.customers or [])
        stored = await sink_store.insert(
            tx,
            SinkRow(
                sink_id=ephemeral_id(),
                name=request.name,
                kind=request.kind,
                address=request.address,
                secret=secret,
                customers=request.customers,
                apps=await _apps(tx, request.apps),
                kinds=None if request.kinds is None else [kind.value for kind in request.kinds],
                created_at=tx.now,
                created_by=by.name,
            ),
        )
        if stored is None:
            raise refusals.notice.SINK_NAME_TAKEN(name=request.name)
        await audit.record(tx, by, "add_notice_sink", request.name, after=_facts(stored))
    shown = None if secret is None else _PREFIX + base64.b64encode(secret).decode()
    return AddedSink(sink=_view(stored, SinkState()), secret=shown)


async def page(platform: Platform, *, cursor: str | None, size: int | None) -> SinkPage:
    """Return a page of the sinks, oldest first, with the state of their deliveries."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    place = decode_place(cursor, "notice-sinks")
    async with platform.database.reading() as tx:
        rows = await sink_store.page(tx, after=place, size=limit + 1)
        states = await sink_store.states(tx, [row.sink_id for row in rows])
    last = rows[limit - 1] if len(rows) > limit else None
    return SinkPage(
        items=[_view(row, states.get(row.sink_id, SinkState())) for row in rows[:limit]],
        next_cursor=encode_place(last.created_at, last.sink_id, "notice-sinks") if last else None,
    )


async def remove(platform: Platform, name: str, by: Actor = PLATFORM) -> SinkView:
    """Remove a sink, and drop what is queued for it."""
    async with platform.database.transaction() as tx:
        sink = await _known(tx, name)
        states = await sink_store.states(tx, [sink.sink_id])
        await sink_store.remove(tx, sink.sink_id)
        await audit.record(tx, by, "remove_notice_sink", name, before=_facts(sink))
    return _view(sink, states.get(sink.sink_id, SinkState()))


async def trial(platform: Platform, name: str, by: Actor = PLATFORM) -> SinkTrial:
    """Send a test notice to a sink, and return its result within some seconds."""
    if platform.settings.no_delivery:
        raise refusals.backup.NO_DELIVERY()
    telling_id = ephemeral_id()
    async with platform.database.transaction() as tx:
        sink = await _known(tx, name)
        await sink_store.queue(tx, None, NoticePart.TEST, [(telling_id, sink.sink_id)])
        await audit.record(tx, by, "test_notice_sink", name)
    found: TellingRow | None = None
    clock = asyncio.get_running_loop().time
    until = clock() + _PATIENCE_SECONDS
    while clock() < until:
        async with platform.database.reading() as tx:
            found = await sink_store.telling(tx, telling_id)
        if found is None or found.state is not TellingState.WAITING or found.error:
            break
        await asyncio.sleep(_POLL_SECONDS)
    state = TellingState.GIVEN_UP if found is None else found.state
    return SinkTrial(name=name, state=state, error=None if found is None else found.error)


async def _known(tx: Transaction, name: str) -> SinkRow:
    sink = await sink_store.by_name(tx, check_text("name", name, longest=_NAME_CHARACTERS))
    if sink is None:
        raise refusals.notice.SINK_NOT_FOUND(id=name)
    return sink


async def _apps(tx: Transaction, names: Sequence[str] | None) -> list[str] | None:
    if names is None:
        return None
    apps = [await app_service.find(tx, name) for name in names]
    return [f"{app.cloud_app_key}@{app.environment}" for app in apps]


def _check(platform: Platform, request: SinkRequest) -> None:
    name = check_text("name", request.name, longest=_NAME_CHARACTERS)
    if _NAME.fullmatch(name) is None:
        raise refusals.notice.SINK_NAME_INVALID(longest=_NAME_CHARACTERS, name=name)
    if request.kind is SinkKind.MAIL:
        if platform.settings.smtp_url is None:
            raise refusals.notice.MAIL_NOT_SET()
        if _MAIL.fullmatch(request.address) is None:
            raise refusals.notice.SINK_ADDRESS_INVALID(expected="one mail address, NAME@HOST")
    elif not _is_hook(request.address):
        raise refusals.notice.SINK_ADDRESS_INVALID(
            expected=f"an http or https URL of at most {_ADDRESS_CHARACTERS} characters, without "
            "a user, a password or a fragment"
        )
    for what, given in (
        ("customers", request.customers),
        ("apps", request.apps),
        ("kinds", request.kinds),
    ):
        if given is not None and not len(set(given)) == len(given) in range(1, _LIMITS + 1):
            raise refusals.notice.SINK_LIMITS_INVALID(most=_LIMITS, what=what, count=len(given))


def _is_hook(address: str) -> bool:
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - raises for one that is no port
    except ValueError:
        return False
    return (
        len(address) <= _ADDRESS_CHARACTERS
        and address.isascii()
        and address.isprintable()
        and " " not in address
        and parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and not parts.fragment
    )


def _secret(request: SinkRequest) -> bytes | None:
    """Return the key that signs the bodies of a webhook, as given or newly made."""
    if request.kind is SinkKind.WEBHOOK and request.secret is None:
        return new_secret()
    if request.secret is None:
        return None
    try:
        secret = base64.b64decode(request.secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    fits = request.secret.startswith(_PREFIX) and len(secret) in range(24, 65)
    if not fits or request.kind is not SinkKind.WEBHOOK:
        raise refusals.notice.SINK_SECRET_INVALID()
    return secret


def shown_address(sink: SinkRow) -> str:
    """Return an address without its path and query, which may be secrets; a mail address whole."""
    if sink.kind is SinkKind.MAIL:
        return sink.address
    parts = urlsplit(sink.address)
    return f"{parts.scheme}://{parts.netloc}/…"


def _facts(sink: SinkRow) -> dict[str, object]:
    """Return the fields of a sink that the audit log records."""
    return {
        "kind": sink.kind,
        "address": shown_address(sink),
        "customers": sink.customers,
        "apps": sink.apps,
        "kinds": sink.kinds,
    }


def _view(sink: SinkRow, state: SinkState) -> SinkView:
    return SinkView(
        name=sink.name,
        kind=sink.kind,
        address=shown_address(sink),
        customers=sink.customers,
        apps=sink.apps,
        kinds=None if sink.kinds is None else [NoticeKind(kind) for kind in sink.kinds],
        created_at=epoch_ms(sink.created_at),
        created_by=sink.created_by,
        waiting=state.waiting,
        given_up=state.given_up,
        told_at=None if state.told_at is None else epoch_ms(state.told_at),
        error=state.error,
    )
