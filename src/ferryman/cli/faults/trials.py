"""Set up the trials of ``ferryman test-handler`` from its options and ferryman.toml."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferryman import refusals
from ferryman.cli.migration.group import parse_container
from ferryman.functions.overrides import HandlerTest, read_overrides
from ferryman.vocab import AppKind

if TYPE_CHECKING:
    from ferryman.devtools.faults.state import Trial


def chosen_test(folder: Path, given: HandlerTest) -> HandlerTest:
    """Return the settings of the test: the options, else those in ferryman.toml."""
    kept = read_overrides(folder).handler_test
    by_hand = given.state is not None or given.state_function is not None
    if given.state is not None and given.state_function is not None:
        raise refusals.fault.STATE_AMBIGUOUS()
    return HandlerTest(
        ignore=(*kept.ignore, *_codes(given.ignore)),
        state=given.state if by_hand else kept.state,
        state_function=given.state_function if by_hand else kept.state_function,
        reset=given.reset or kept.reset,
        unordered=given.unordered or kept.unordered,
    )


def _codes(given: tuple[str, ...]) -> tuple[str, ...]:
    from ferryman.domain.fault_oracle import CODES

    for code in given:
        if code not in CODES:
            raise refusals.fault.COMPLAINT_UNKNOWN(known=", ".join(CODES), complaint=code)
    return given


def trial_of(
    folder: Path,
    work: Path,
    names: tuple[str | None, str | None, str],
    chosen: HandlerTest,
    export: Any,
    containers: list[str],
) -> "Trial":
    """Build the trial; ``work`` is the folder for the copy of the app that runs."""
    from ferryman.client.admin import AdminClient
    from ferryman.client.local import URL
    from ferryman.devtools.dev.app import DevApp
    from ferryman.devtools.faults.app_folder import prepare
    from ferryman.devtools.faults.state import Trial

    registration = DevApp(AdminClient(URL, ""), folder, work, *names).registration()
    if registration.kind is AppKind.CONNECT:
        raise refusals.definition.APP_NOT_TESTABLE()
    return Trial(
        source=folder,
        work=prepare(folder, work / "around"),
        registration=registration,
        files=export.files,
        mappings=export.mappings,
        containers=tuple(parse_container(text) for text in containers),
        state=chosen.state,
        state_function=chosen.state_function,
        reset=chosen.reset,
        unordered=chosen.unordered,
        ignored=frozenset(chosen.ignore),
    )
