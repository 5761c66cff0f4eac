"""Makes a Trac project with content to migrate: ``python project.py FOLDER``.

Everything goes through Trac's own API and comes from one seed, so two projects are alike but
for the time stamps of the wiki pages that Trac itself brings along.
"""

import io
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trac.attachment import Attachment
from trac.env import Environment
from trac.ticket.model import Ticket
from trac.web.session import DetachedSession
from trac.wiki.model import WikiPage

TICKETS = 150
ATTACHMENTS = 40
START = datetime(2024, 2, 29, 8, 30, tzinfo=UTC)

USERS = {
    "asta": "Ásta Björk",
    "brigid": "Brigid O'Shea",
    "chidi": "Chidi Ọkafọr",
    "dmitri": "Дмитрий Орлов",
    "élodie": "Élodie Lefèvre",
    "fatima": "فاطمة الزهراء",
    "hanako": "山田花子",
    "ines": "Inês Conceição",
    "jürgen": "Jürgen Weiß",
    "thandi": "Thandi Mbeki 🛶",
}
# They wrote tickets and have left since: nobody mapped them to a cloud account.
DEPARTED = ["quentin", "olaf"]

THINGS = ["ramp", "winch", "gangway", "mooring line", "ticket office", "naïve timetable", "Fähre"]
FAULTS = ["sticks", "is too slow", "fails at low tide", "shows 10 °C as “cold”", "löst nicht aus"]
NOTES = [
    "Seen again this morning, second sailing.",
    "The log says ''timeout after 30 s''; see [wiki:Harbour/Über uns].",
    "Fixed on the test bench — needs a look on board.",
    "再現しました。\n\n 1. 桟橋に着く\n 2. 待つ",
    "Cannot reproduce. ¯\\_(ツ)_/¯",
]
FILES = [
    ("log.txt", 4_000),
    ("Schaltplan größer.svg", 30_000),
    ("写真.jpg", 120_000),
    ("dump (2).bin", 1_500_000),
    ("empty.dat", 0),
    ("README", 700),
    ("video 🎬.mp4", 3_000_000),
    ("table.csv", 60_000),
    ("Fahrplan « été ».pdf", 240_000),
    ("one", 1),
    ("ж и к.tar.gz", 65_536),
    ("trace.log.1", 9_999),
    ("Screenshot 12:30?.png", 350_000),
]


class Maker:
    """Fills a new Trac environment; time passes by a few minutes with everything it does."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.random = random.Random(1884)  # noqa: S311 - content, not secrets
        self.now = START

    def later(self) -> datetime:
        """The next moment that something happens."""
        self.now += timedelta(seconds=self.random.randint(60, 7200), microseconds=250_001)
        return self.now

    def person(self) -> str:
        """Somebody who does it."""
        return self.random.choice([*USERS, *DEPARTED])

    def users(self) -> None:
        """People who have logged in once and said who they are."""
        for name, full_name in USERS.items():
            session = DetachedSession(self.env, name)
            session.update(name=full_name, email=f"{name}@harbour.example")
            session.save()

    def pages(self) -> None:
        """A few pages with a history, beside the sixty that Trac brings along."""
        for name in ("Harbour", "Harbour/Über uns", "Harbour/時刻表", "Harbour/Ebb & flow?"):
            for version in range(1, self.random.randint(2, 5)):
                page = WikiPage(self.env, name)
                page.text += f"\n== {version}. {name} ==\n\n{self.random.choice(NOTES)}\n"
                page.save(self.person(), f"Version №{version}", t=self.later())

    def ticket(self) -> None:
        """One ticket and what became of it."""
        ticket = Ticket(self.env)
        thing, fault = self.random.choice(THINGS), self.random.choice(FAULTS)
        ticket["summary"] = f"The {thing} {fault}"
        ticket["description"] = "\n\n".join(self.random.sample(NOTES, 2))
        ticket["reporter"], ticket["owner"] = self.person(), self.person()
        ticket["cc"] = ", ".join(self.random.sample(list(USERS), self.random.randint(0, 3)))
        ticket["keywords"] = f"{thing} größe"
        ticket["vessel"] = self.random.choice(["MS Älvsborg", "渡し船", "Charon"])
        ticket["status"] = "new"
        ticket.insert(when=self.later())
        for _ in range(self.random.randint(0, 5)):
            ticket["owner"] = self.person()
            ticket["priority"] = self.random.choice(["blocker", "major", "minor"])
            ticket.save_changes(self.person(), self.random.choice(NOTES), when=self.later())
        if self.random.random() < 0.4:
            ticket["status"], ticket["resolution"] = "closed", "fixed"
            ticket.save_changes(self.person(), "", when=self.later())

    def attachment(self, number: int) -> None:
        """One file on a ticket or, every fourth time, on a page."""
        name, size = FILES[number % len(FILES)]
        realm, parent = ("wiki", "Harbour") if number % 4 == 0 else ("ticket", str(number + 1))
        attachment = Attachment(self.env, realm, parent)
        attachment.author = self.person()
        attachment.description = f"№ {number}: {self.random.choice(FAULTS)}"
        content = io.BytesIO(self.random.randbytes(size))
        attachment.insert(name, content, size, t=self.later())


def make(folder: Path) -> None:
    """Create the project in ``folder``, which must not exist yet."""
    options = [
        ("project", "name", "Harbour"),
        ("logging", "log_type", "none"),
        ("ticket-custom", "vessel", "text"),
    ]
    env = Environment(str(folder), create=True, options=options)
    try:
        maker = Maker(env)
        with env.db_transaction:  # one commit instead of a thousand
            maker.users()
            maker.pages()
            for _ in range(TICKETS):
                maker.ticket()
            for number in range(ATTACHMENTS):
                maker.attachment(number)
    finally:
        env.shutdown()


if __name__ == "__main__":
    make(Path(sys.argv[1]))
