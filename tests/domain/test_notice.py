"""A trouble is told once when it begins and once when it is over, and not what follows from it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.domain.notice import (
    GRACE,
    HOLD,
    LONGEST_HOLD,
    OpenNotice,
    Trouble,
    decide,
    hold,
    wanted,
)
from ferryman.notice_vocab import NoticeKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def trouble(kind: NoticeKind, app: str | None = "boards", customer: str | None = None) -> Trouble:
    environment = None if app is None else "production"
    return Trouble(
        kind=kind, customer=customer, cloud_app_key=app, environment=environment, since=NOW
    )


ENDPOINT = trouble(NoticeKind.ENDPOINT_LEFT_ALONE)
STALLED = trouble(NoticeKind.STALLED, customer="acme")
NO_WORKER = trouble(NoticeKind.NO_WORKER, app=None)


def opened(of: Trouble, **changes: object) -> OpenNotice:
    """The notice of a trouble, told when the trouble began."""
    notice = OpenNotice(
        notice_id=uuid4(),
        kind=of.kind,
        subject=of.subject,
        app=of.app,
        seen_at=of.since,
        noticed_at=of.since,
        gone_at=None,
    )
    return replace(notice, **changes)  # type: ignore[arg-type]


def test_a_trouble_is_told_when_it_is_seen_and_then_no_more() -> None:
    assert decide([], [ENDPOINT], NOW).begin == ((ENDPOINT, None),)
    seen_again = decide([opened(ENDPOINT)], [ENDPOINT], NOW + timedelta(days=1))
    assert seen_again == decide([], [], NOW)


@pytest.mark.parametrize("kind", GRACE)
def test_what_may_pass_at_once_is_told_only_if_it_lasts(kind: NoticeKind) -> None:
    passing = trouble(kind, app=None)
    assert decide([], [passing], NOW).suspect == (passing,)
    suspicion = opened(passing, noticed_at=None)
    before = decide([suspicion], [passing], NOW + GRACE[kind] - SECOND)
    assert (before.begin, before.suspect, before.forget) == ((), (), ())
    lasting = decide([suspicion], [passing], NOW + GRACE[kind])
    assert lasting.begin == ((passing, suspicion.notice_id),)
    assert decide([suspicion], [], NOW + SECOND).forget == (suspicion.notice_id,)


def test_it_is_over_once_it_has_been_gone_for_a_while() -> None:
    notice = opened(ENDPOINT)
    assert decide([notice], [], NOW).fade == (notice.notice_id,)
    gone = replace(notice, gone_at=NOW)
    assert decide([gone], [], NOW + HOLD - SECOND) == decide([], [], NOW)
    assert decide([gone], [], NOW + HOLD).end == (notice.notice_id,)
    assert decide([gone], [ENDPOINT], NOW + HOLD).back == (notice.notice_id,)


@given(st.integers(1, 100))
def test_what_comes_and_goes_takes_longer_each_time(times: int) -> None:
    assert hold(1) == HOLD
    assert HOLD <= hold(times) <= hold(times + 1) <= LONGEST_HOLD
    gone = opened(ENDPOINT, gone_at=NOW, times=times)
    assert decide([gone], [], NOW + hold(times)).end
    assert not decide([gone], [], NOW + hold(times) - SECOND).end


@pytest.mark.parametrize(
    ("cause", "hides"),
    [
        (ENDPOINT, True),
        (trouble(NoticeKind.GIVEN_UP, customer="acme"), True),
        (trouble(NoticeKind.AGENT_GONE, customer="acme"), True),
        (NO_WORKER, True),
        (trouble(NoticeKind.STORE_FULL, app=None), True),
        (trouble(NoticeKind.STORE_AWAY, app=None), True),
        (trouble(NoticeKind.ENDPOINT_LEFT_ALONE, app="notes"), False),
        (trouble(NoticeKind.QUOTA_NEAR), False),
        (trouble(NoticeKind.UNCLAIMED, customer="acme"), False),
    ],
)
@pytest.mark.parametrize("told", [True, False])
def test_what_follows_from_a_told_trouble_is_not_told(
    cause: Trouble, hides: bool, told: bool
) -> None:
    """Nor before that cause is told, and what was told already is not taken back."""
    known = [opened(cause)] if told else []
    begun = [each.kind for each, _ in decide(known, [cause, STALLED], NOW).begin]
    assert (NoticeKind.STALLED not in begun) is hides
    assert decide([*known, opened(STALLED)], [cause, STALLED], NOW).fade == ()
    # Its cause is over: now it is told.
    assert decide([], [STALLED], NOW).begin == ((STALLED, None),)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({}, True),
        ({"kinds": ["stalled"]}, True),
        ({"kinds": ["settled"]}, False),
        ({"customers": ["acme"]}, True),
        ({"customers": ["bolt"]}, False),
        ({"apps": ["boards@production"]}, True),
        ({"apps": ["boards@staging"]}, False),
        ({"customers": ["acme"], "apps": ["notes@production"]}, False),
    ],
)
def test_a_sink_is_told_what_it_wants(limits: dict[str, list[str]], told: bool) -> None:
    chosen: dict[str, list[str] | None] = {"kinds": None, "customers": None, "apps": None}
    found = wanted(STALLED.kind, STALLED.customer, STALLED.app, **{**chosen, **limits})
    assert found is told
    if limits.keys() & {"customers", "apps"}:
        assert not wanted(NO_WORKER.kind, None, None, **{**chosen, **limits})
