"""The data that the checks look at, read once: the checks themselves open no file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ferryman.devtools.doctor.finding import SourceLine
from ferryman.devtools.doctor.location import Location, UnreadableDocument
from ferryman.errors import PlatformError
from ferryman.functions.descriptor import on_connect
from ferryman.functions.manifest import UNSENT_EVENTS
from ferryman.functions.overrides import Overrides


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A source file, relative to the app's folder, with its comments blanked out."""

    file: str
    text: str

    @property
    def python(self) -> bool:
        """Return whether it is Python; otherwise it is JavaScript or TypeScript."""
        return self.file.endswith(".py")

    def line_of(self, position: int) -> int:
        """Return the line of a character, counted from 1."""
        return self.text.count("\n", 0, position) + 1

    def where(self, position: int) -> SourceLine:
        """Return the file and the line of a character."""
        return SourceLine(self.file, self.line_of(position))


@dataclass(frozen=True, slots=True)
class Handler:
    """The file of a function's handler, or the reason why the handler cannot be loaded."""

    file: str | None = None
    refusal: PlatformError | None = None


@dataclass(frozen=True, slots=True)
class AppKeys:
    """The keys of the app in a plan or in options; ``where`` is their place."""

    where: SourceLine
    cloud_app: str | None = None
    server_app: str | None = None
    forge_app_id: str | None = None
    environment: str | None = None


def sent(trigger: Location) -> list[Location]:
    """Return the events of a trigger, except those that Ferryman never sends."""
    return [event for event in trigger.get("events").items() if event.text not in UNSENT_EVENTS]


@dataclass(frozen=True, slots=True)
class AppSnapshot:
    """An app's folder at one moment.

    ``handlers`` are keyed by their names in the manifest. ``node``, ``overrides`` and ``plan``
    hold the reason why Node.js, ferryman.toml or a plan cannot be used, None if they can.
    ``stand_ins`` is what ferryman.toml says, ``overrides_text`` its text; ``typescript`` is
    tsconfig.json.
    """

    manifest: Location | UnreadableDocument | None = None
    descriptor: Location | UnreadableDocument | None = None
    package: Location | UnreadableDocument | None = None
    overrides: PlatformError | None = None
    stand_ins: Overrides = field(default_factory=lambda: Overrides({}, {}))
    overrides_text: str = ""
    typescript: SourceFile | None = None
    sources: tuple[SourceFile, ...] = ()
    handlers: dict[str, Handler] = field(default_factory=dict)
    node: PlatformError | None = None
    keys: tuple[AppKeys, ...] = ()
    plan: tuple[SourceLine, PlatformError] | None = None

    @property
    def root(self) -> Location:
        """Return the manifest's document; an absent one if it cannot be read."""
        return self.manifest if isinstance(self.manifest, Location) else Location("manifest.yml", 1)

    @property
    def on_connect(self) -> bool:
        """Return whether the manifest is that of a Connect app."""
        document = self.root.document
        return isinstance(document, dict) and on_connect(document)

    @property
    def modules(self) -> Location:
        """Return ``modules`` of the manifest."""
        return self.root.get("modules")

    def entries(self, *names: str) -> list[Location]:
        """Return the entries of a list in the manifest."""
        return self.root.get(*names).items()

    def migration_triggers(self) -> list[Location]:
        """Return the triggers that list a migration event, even a misspelt one."""
        return [
            trigger
            for trigger in self.entries("modules", "trigger")
            if any("migration" in event.text for event in sent(trigger))
        ]

    def functions_used(self) -> list[Location]:
        """Return the functions that receive migration events."""
        return self._used("function", ("modules", "function"))

    def endpoints_used(self) -> list[Location]:
        """Return the endpoints that receive migration events."""
        return self._used("endpoint", ("modules", "endpoint"))

    def _used(self, member: str, place: Iterable[str]) -> list[Location]:
        named = {trigger.get(member).text for trigger in self.migration_triggers()}
        return [entry for entry in self.entries(*place) if entry.get("key").text in named - {""}]

    def matches(self, find: Callable[[SourceFile], bool]) -> bool:
        """Return whether ``find`` is true for any source."""
        return any(map(find, self.sources))
