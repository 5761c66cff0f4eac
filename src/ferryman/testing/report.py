"""Report what happened on the platform when a test fails."""

from collections.abc import Iterator

from ferryman.client.text import clean
from ferryman.devtools.dev.calls import calls_in
from ferryman.testing.platform import TestPlatform

_TAIL_LINES = 20
_MOST_MIGRATIONS = 5


def sections(platform: TestPlatform, begin: int) -> Iterator[tuple[str, str]]:
    """Yield a section for each migration of the test, and one for the calls of apps.

    ``begin`` is where the platform's log ended when the test began. Nothing is raised, so that
    the failure of the test stays visible.
    """
    try:
        # Asking them for their stories touches them.
        for migration in list(platform.touched)[-_MOST_MIGRATIONS:]:
            yield f"Ferryman: transfer {migration.transfer_id}", migration.explain()
        lines = calls_in(platform.log, begin)
        if lines:
            yield "Ferryman: calls of apps", "\n".join(text for text, _ in lines)
    except Exception as error:  # noqa: BLE001 - reported in place of the report
        log_lines = platform.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        yield "Ferryman: the platform does not answer", clean("\n".join([repr(error), *log_lines]))
