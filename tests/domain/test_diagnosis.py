"""Explanations hold for any state that a transfer can be in, and any way an attempt can fail."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.domain.diagnosis.attempt import link_of
from ferryman.domain.diagnosis.causes import CAUSES
from ferryman.domain.diagnosis.record import AttemptRecord, MessageRecord
from ferryman.domain.diagnosis.snapshot import (
    AppFacts,
    EventCounts,
    Failing,
    ListenerPoll,
    OpenBreaker,
    RefusalFact,
    TransferSnapshot,
    UnfinishedFile,
    Workers,
)
from ferryman.domain.diagnosis.transfer import chain
from ferryman.domain.outcome import Raised
from ferryman.domain.transfer import Transfer
from ferryman.vocab import AppKind, EventType, FailureCause, MessageState, TransferStatus

NOW = datetime(2026, 1, 12, 12, tzinfo=UTC)
# Few choices, made in one draw each: what counts is on which side of a limit an instant lies.
BEFORE = [0, 1, 7, 8, 14, 15, 16, 60, 61, 24 * 60, 12 * 24 * 60, 14 * 24 * 60, 20 * 24 * 60]
INSTANTS = [NOW - timedelta(minutes=minutes) for minutes in BEFORE]
instants = st.sampled_from(INSTANTS)
maybe = st.sampled_from([None, *INSTANTS])
texts = st.sampled_from(["", "no", "\n", "a {brace}", "{0}", "%s"])
some = st.sampled_from([None, "", "no", "a {brace}", "{0}"])


def attempt(
    cause: str | None, error: str = "", what: Raised | None = None, outcome: str = "FAILED"
) -> AttemptRecord:
    return AttemptRecord(
        number=1,
        target="events",
        duration_ms=1,
        outcome=outcome,
        status=None,
        error=error,
        cause=cause,
        error_class=what.error_class if what else None,
        error_message=what.message if what else None,
        error_frame=what.frame if what else None,
    )


@pytest.mark.parametrize("cause", FailureCause)
def test_every_cause_of_a_failure_has_words(cause: FailureCause) -> None:
    link = link_of("delivery", attempt(cause, "no"), connect=False, message="m")
    assert (link.cause, link.holds) == (cause, False)
    assert link.found
    assert link.fix


@pytest.mark.parametrize("cause", [None, "", "of_a_newer_release"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("", "no reason was kept"),
        ("\n  The name of the remote could not be resolved: x\nmore", "could not be resolved: x"),
        ("ModuleNotFoundError: x", "ModuleNotFoundError: x"),
        ("the process that made this attempt died", "died"),
    ],
)
def test_no_cause_is_found_in_words(cause: str | None, error: str, said: str) -> None:
    """An attempt of an earlier or a newer release: its first line that says something."""
    link = link_of("delivery", attempt(cause, error), connect=False, message="m")
    assert link.cause == "delivery_failed"
    assert link.found.startswith("events: ")
    assert link.found.endswith(said)


def test_what_was_raised_is_said_in_one_line() -> None:
    what = Raised("Missing", "page 7\n  is gone", "src/index.ts:7 in run")
    failed = attempt("function_raised", "Traceback", what)
    link = link_of("delivery", failed, connect=False, message="m")
    assert link.found == "events: raised Missing: page 7 is gone (src/index.ts:7 in run)"


@st.composite
def transfers(draw: st.DrawFn) -> Transfer:
    files = draw(st.integers(0, 5))
    succeeded = draw(st.integers(0, files))
    status = draw(st.sampled_from(TransferStatus))
    return Transfer(
        kind=draw(st.sampled_from(AppKind)),
        status=status,
        started_at=draw(maybe),
        last_upload_at=draw(maybe),
        last_success_at=draw(maybe),
        export_completed_at=draw(maybe),
        cancel_requested_at=draw(maybe),
        settled_at=draw(instants) if status.final else None,
        listener_errored=draw(st.booleans()),
        files=files,
        succeeded=succeeded,
        failed=draw(st.integers(0, files - succeeded)),
    )


def facts(kind: AppKind) -> st.SearchStrategy[AppFacts]:
    return st.builds(
        AppFacts,
        key=st.just("shop"),
        environment=st.just("production"),
        kind=st.just(kind),
        installed=st.booleans(),
        uninstalled_at=maybe,
        install_error=some,
        has_manifest=st.booleans(),
        routed=st.frozensets(st.sampled_from(EventType)),
        others=st.just(("staging",)),
    )


refusals = st.builds(
    RefusalFact,
    app=st.just("other@staging"),
    own=st.booleans(),
    call=st.sampled_from(
        [
            "POST /server/v1/listeners/claim",
            "POST /server/v1/transfers/{transfer_id}/app-data",
            "POST /server/v1/transfers/{transfer_id}/complete-export",
            "POST /app/migration/forge/v1/message/{transfer_id}/status",
        ]
    ),
    code=st.sampled_from(["token_invalid", "transfer_settled"]),
    found=texts,
    fix=texts,
    times=st.integers(1, 3),
    at=instants,
)
messages = st.builds(
    MessageRecord,
    message_id=st.just("m"),
    event_type=st.sampled_from([event.value for event in EventType]),
    key=st.none(),
    label=st.none(),
    state=st.sampled_from(MessageState),
    reason=some,
    acknowledgement=st.none(),
    attempts=st.lists(
        st.builds(
            attempt,
            st.sampled_from([None, *FailureCause]),
            texts,
            st.sampled_from([None, Raised("", "{0}", None), Raised("Err", "{0}", None)]),
            st.sampled_from(["DELIVERED", "FAILED", "LOST"]),
        ),
        max_size=2,
    ).map(tuple),
)


SILENCE = timedelta(seconds=10)
WORKERS = st.sampled_from(
    [
        Workers(0, (), SILENCE),
        Workers(1, (), SILENCE),
        Workers(1, (Failing("w", NOW, "a {brace}"),), SILENCE),
        Workers(2, (Failing("w", NOW, ""),), SILENCE),
        Workers(1, (), SILENCE, 1),
    ]
)


@st.composite
def snapshots(draw: st.DrawFn) -> TransferSnapshot:
    transfer = draw(transfers())
    return TransferSnapshot(
        now=NOW,
        transfer_id="t",
        transfer=transfer,
        migration_id="m",
        migration_started_at=draw(maybe),
        released_at=draw(maybe),
        skipped_by=draw(st.sampled_from([None, "other"])),
        waits_for=draw(st.sampled_from([(), ("other",)])),
        app=draw(facts(transfer.kind)),
        asked=draw(st.none() | st.builds(ListenerPoll, st.sampled_from([None, "agent"]), instants)),
        asked_elsewhere=draw(st.sampled_from([(), ("staging",)])),
        claimed_at=draw(maybe),
        claimed_by=draw(st.sampled_from([None, "agent"])),
        exception=draw(st.sampled_from([None, "ValueError"])),
        claim_confirmed=draw(st.booleans()),
        claim_silence=draw(st.sampled_from([timedelta(0), timedelta(seconds=11), timedelta(1)])),
        unfinished=tuple(
            draw(
                st.lists(
                    st.builds(
                        UnfinishedFile,
                        st.sampled_from([None, "a {brace}"]),
                        st.sampled_from([None, "ValueError at a.py:1"]),
                        instants,
                    ),
                    max_size=2,
                )
            )
        ),
        events=tuple(
            draw(
                st.lists(
                    st.builds(EventCounts, st.sampled_from(EventType), *[st.integers(0, 2)] * 3)
                )
            )
        ),
        not_routed=draw(st.sampled_from([(), (EventType.SETTLED.value,)])),
        workers=draw(WORKERS),
        troubled=tuple(draw(st.lists(messages, max_size=2))),
        open_breakers=draw(st.sampled_from([(), (OpenBreaker("https://a.example", NOW, None),)])),
        refusals=tuple(draw(st.lists(refusals, max_size=3))),
        wrong_keys=(),
        outstanding=("a",) * transfer.outstanding,
        outstanding_since=draw(maybe),
        reported_at=draw(maybe),
        ignored_at=draw(maybe),
        status_message=draw(some),
    )


@given(snapshots())
def test_any_state_can_be_explained(found: TransferSnapshot) -> None:
    """Each link once; the broken one is there, does not hold and says what to do.

    No transfer that is settled as anything but SUCCESS is said to be well.
    """
    links, broken = chain(found)
    names = [link.name for link in links]
    assert len(set(names)) == len(names)
    for link in links:
        assert link.found
        assert link.holds == (link.cause is None)
        assert link.cause is None or link.cause in {*CAUSES, *(r.code for r in found.refusals)}
    if broken is None:
        assert all(link.holds for link in links)
    else:
        [link] = [link for link in links if link.name == broken]
        assert not link.holds
    state = found.transfer
    if state.status.final and state.status is not TransferStatus.SUCCESS:
        assert broken is not None
    well = replace(
        state, status=TransferStatus.SUCCESS, settled_at=NOW, cancel_requested_at=None, failed=0
    )
    assert chain(replace(found, transfer=well))[0][-1].holds
