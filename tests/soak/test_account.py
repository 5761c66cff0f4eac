"""The account of a soak finds what is missing; that it finds nothing else, ``make soak`` shows."""

from pathlib import Path

from tests.soak.account import Account
from tests.soak.ledger import Ledger


def test_what_the_platform_lost_is_named(database: str, tmp_path: Path) -> None:
    """The apps noted a transfer, a receipt and an event; the platform knows none of them."""
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.write("INSERT INTO transfer (id, app, files) VALUES ('T', 0, 2)")
    add = "INSERT INTO file VALUES ('T', ?, 1, '00', ?, ?)"
    ledger.write(add, "accepted", "key", "message")
    ledger.write(add, "unanswered", None, None)
    account = Account(ledger, database)
    account._files()
    account._messages()
    account._transfers()
    found = [problem.partition(":")[0] for problem in account.problems]
    assert found == [
        "files without a receipt",
        "files accepted and not there",
        "events accepted and lost",
        "transfers that are gone",
    ]
    ledger.close()


def test_a_session_goes_on_with_what_was_noted(tmp_path: Path) -> None:
    """Each thing is there once it was answered for, and an event is worked at once."""
    event = {"messageId": "M", "transferId": "T", "label": "L", "key": "K"}
    first = Ledger(tmp_path / "ledger.db")
    assert first.begin(7) == 1
    assert first.setting("port", "1") == "1"
    assert first.take(event)
    second = Ledger(tmp_path / "ledger.db")  # the first is not closed, as after a SIGKILL
    assert second.begin(7) == 2
    assert second.setting("port", "2") == "1"
    assert not second.take(event)
    assert second.rows("SELECT message, times FROM event") == [("M", 2)]
    first.close()
    second.close()
