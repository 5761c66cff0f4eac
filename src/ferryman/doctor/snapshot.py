"""All that the checks look at, read once: they themselves touch no file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ferryman.doctor.finding import Where
from ferryman.doctor.place import Broken, Place
from ferryman.errors import PlatformError
from ferryman.functions.descriptor import on_connect
from ferryman.functions.manifest import UNSENT_EVENTS
from ferryman.functions.overrides import Overrides


@dataclass(frozen=True, slots=True)
class Source:
    """A file of code, as seen from the app's folder, with comments blanked out line by line."""

    file: str
    text: str

    @property
    def python(self) -> bool:
        """Whether it is Python; else it is JavaScript or TypeScript."""
        return self.file.endswith(".py")

    def line_of(self, position: int) -> int:
        """The line that a character is on, from 1."""
        return self.text.count("\n", 0, position) + 1

    def where(self, position: int) -> Where:
        """The place of a character."""
        return Where(self.file, self.line_of(position))


@dataclass(frozen=True, slots=True)
class Handler:
    """What a function's handler leads to: a file, or why it leads nowhere."""

    file: str | None = None
    refusal: PlatformError | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """What the app is called elsewhere: in a plan, or as options; ``where`` says it."""

    where: Where
    cloud_app: str | None = None
    server_app: str | None = None
    forge_app_id: str | None = None
    environment: str | None = None


def sent(trigger: Place) -> list[Place]:
    """The events of a trigger, without those that are never sent here."""
    return [each for each in trigger.get("events").items() if each.text not in UNSENT_EVENTS]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One app's folder at one moment.

    ``handlers`` are by the manifest's name for them; ``node`` is why Node.js cannot be used;
    ``plan`` is where a plan lies that cannot be read, and why; ``overrides`` is why
    ferryman.toml cannot be used, ``stand_ins`` what it says; ``typescript`` is tsconfig.json.
    """

    manifest: Place | Broken | None = None
    descriptor: Place | Broken | None = None
    package: Place | Broken | None = None
    overrides: PlatformError | None = None
    stand_ins: Overrides = field(default_factory=lambda: Overrides({}, {}))
    typescript: Source | None = None
    sources: tuple[Source, ...] = ()
    handlers: dict[str, Handler] = field(default_factory=dict)
    node: PlatformError | None = None
    keys: tuple[Keys, ...] = ()
    plan: tuple[Where, PlatformError] | None = None

    @property
    def root(self) -> Place:
        """The manifest's document; absent if it cannot be read."""
        return self.manifest if isinstance(self.manifest, Place) else Place("manifest.yml", 1)

    @property
    def on_connect(self) -> bool:
        """Whether the manifest is that of a Connect app."""
        document = self.root.document
        return isinstance(document, dict) and on_connect(document)

    @property
    def modules(self) -> Place:
        """``modules`` of the manifest."""
        return self.root.get("modules")

    def entries(self, *names: str) -> list[Place]:
        """The entries of a list of the manifest."""
        return self.root.get(*names).items()

    def migration_triggers(self) -> list[Place]:
        """Triggers that name an event of a migration, were it misspelt."""
        return [
            trigger
            for trigger in self.entries("modules", "trigger")
            if any("migration" in event.text for event in sent(trigger))
        ]

    def functions_used(self) -> list[Place]:
        """The functions that events of a migration go to."""
        return self._used("function", ("modules", "function"))

    def endpoints_used(self) -> list[Place]:
        """The endpoints that events of a migration go to."""
        return self._used("endpoint", ("modules", "endpoint"))

    def _used(self, member: str, place: Iterable[str]) -> list[Place]:
        named = {trigger.get(member).text for trigger in self.migration_triggers()}
        return [each for each in self.entries(*place) if each.get("key").text in named - {""}]

    def matches(self, find: Callable[[Source], bool]) -> bool:
        """Whether any source is as asked for."""
        return any(map(find, self.sources))
