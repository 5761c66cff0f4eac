"""What the report of a failed test says of the platform."""

from collections.abc import Iterator

from ferryman.cli.dev_log import calls_in
from ferryman.cli.render import clean
from ferryman.testing.platform import Platform

_TAIL_LINES = 20
_MOST_MIGRATIONS = 5


def sections(platform: Platform, begin: int) -> Iterator[tuple[str, str]]:
    """One for each migration of the test, and one for the calls of apps since ``begin``.

    ``begin`` is where the platform's log ended when the test began. Nothing is raised: the
    failure of the test is what is to be seen.
    """
    try:
        # Asking them for their stories touches them.
        for migration in list(platform.touched)[-_MOST_MIGRATIONS:]:
            yield f"Ferryman: transfer {migration.transfer_id}", migration.explain()
        lines, _ = calls_in(platform.log, begin)
        if lines:
            yield "Ferryman: calls of apps", "\n".join(text for text, _ in lines)
    except Exception as error:  # noqa: BLE001 - whatever keeps us from telling is told instead
        said = platform.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        yield "Ferryman: the platform does not answer", clean("\n".join([repr(error), *said]))
