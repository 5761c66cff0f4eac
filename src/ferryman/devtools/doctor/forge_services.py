"""The table of services that Forge has and Ferryman lacks, each with its stand-in.

A stand-in is set in ``ferryman.toml``, as a module under [alias], or as fixtures or a URL under
[products].
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ferryman.devtools.doctor.finding import Finding, error, warning
from ferryman.devtools.doctor.snapshot import AppSnapshot, SourceFile

_OBJECTS = "@forge/object-store"
_FAILS = "Forge has this service, Ferryman does not: the call fails, and the handler with it."


@dataclass(frozen=True, slots=True)
class Service:
    """A service of Forge; ``use`` finds its uses, ``alias`` or ``product`` its stand-in."""

    name: str
    use: re.Pattern[str]
    alias: str = ""
    product: str = ""
    only_with: str = ""
    """A module that the file must import; otherwise the name means something else."""
    why: str = _FAILS

    @property
    def lines(self) -> str:
        """Return the lines to add to ferryman.toml."""
        if self.product:
            return f'[products.{self.product}] fixtures = "{self.product}/"'
        return f'[alias] "{self.alias}" = "local/{self.alias.rpartition("/")[2]}.js"'


def _imported(module: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?:\bfrom\s*|\brequire\s*\(\s*|\bimport\s*\(?\s*)([\"']{re.escape(module)}[\"'])"
    )


def _product(product: str, call: str) -> Service:
    use = re.compile(rf"\b({call})\s*\(")
    return Service(call, use, product=product, only_with="@forge/api")


def _of_api(name: str, use: str) -> Service:
    return Service(name, re.compile(use), alias="@forge/api", only_with="@forge/api")


_CALLED = (
    *("requestGraph", "requestTeamworkGraph", "requestConnectedData", "requestAtlassian"),
    *("invokeRemote", "invokeService", "withProvider"),
)
_APP_EVENTS = Service(
    "appEvents of @forge/events",
    re.compile(r"\bappEvents\s*\.\s*(publish)\s*\("),
    alias="@forge/events",
    only_with="@forge/events",
    why="Ferryman delivers no app events: the call returns an error of type OTHER.",
)
SERVICES = (
    _APP_EVENTS,
    _product("jira", "requestJira"),
    _product("confluence", "requestConfluence"),
    _product("bitbucket", "requestBitbucket"),
    *(_of_api(name, rf"\b({name})\s*\(") for name in _CALLED),
    _of_api("webTrigger.getUrl", r"\bwebTrigger\s*\.\s*(getUrl)\s*\("),
    _of_api("reportPersonalData", r"\bprivacy\s*\.\s*(reportPersonalData)\s*\("),
)


def services(seen: AppSnapshot) -> Iterator[Finding]:
    """Yield each use of a service that has no stand-in."""
    for source in seen.sources:
        for service in () if source.python else SERVICES:
            stand_ins = seen.stand_ins
            answered = {*stand_ins.products, *stand_ins.fixtures}
            if service.alias in stand_ins.alias or service.product in answered:
                continue
            if not service.only_with or _imported(service.only_with).search(source.text):
                yield from _uses(source, service)


def consumers(seen: AppSnapshot) -> Iterator[Finding]:
    """Yield each consumer module that names an endpoint which is not there."""
    known = {endpoint.get("key").text for endpoint in seen.entries("modules", "endpoint")}
    for consumer in seen.entries("modules", "consumer"):
        named = consumer.get("endpoint").text
        if named and named not in known:
            yield warning(
                "consumer_not_called",
                consumer.where,
                f"The consumer {consumer.get('key').text!r} is never called.",
                why=f"There is no endpoint {named!r}: pushing to its queue is refused.",
                fix="Name a key of the modules `endpoint`, or a function.",
            )


def object_store(seen: AppSnapshot) -> Iterator[Finding]:
    """Yield the first use of the object store without its module."""
    if _OBJECTS in seen.stand_ins.alias or seen.entries("modules", "objectStore"):
        return
    for source in seen.sources:
        use = None if source.python else _imported(_OBJECTS).search(source.text)
        if use:
            yield error(
                "object_store_module_missing",
                source.where(use.start(1)),
                f"{_OBJECTS} is used, but the manifest has no module `objectStore`.",
                why="Each call is refused with APP_NOT_ENABLED, on Forge as well.",
                fix="Add to the modules: `objectStore: [{key: main, storageClass: standard}]`.",
            )
            return


def _uses(source: SourceFile, service: Service) -> Iterator[Finding]:
    for match in service.use.finditer(source.text):
        yield warning(
            "forge_service_missing",
            source.where(match.start(1)),
            f"{service.name} is used, but has no stand-in.",
            why=service.why,
            fix=f"Add to ferryman.toml: {service.lines}",
        )


CHECKS = (services, consumers, object_store)
