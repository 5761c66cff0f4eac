"""Services that Forge gives an app and Ferryman does not, each with its stand-in: one table.

What stands in for a service is named in ``ferryman.toml``, as a module or as a product.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ferryman.doctor.finding import Finding, warning
from ferryman.doctor.snapshot import Snapshot, Source

_FAILS = "Forge runs it; here the call fails, and with it the event whose handler makes it."


@dataclass(frozen=True, slots=True)
class Service:
    """``use`` finds it in a source; ``alias`` or ``product`` is what a stand-in is named by."""

    name: str
    use: re.Pattern[str]
    alias: str = ""
    product: str = ""
    only_with: str = ""
    """A module that the file has to import, or the name means something else."""

    @property
    def lines(self) -> str:
        """What to write into ferryman.toml."""
        if self.product:
            return f'[products] {self.product} = "http://127.0.0.1:2990"'
        return f'[alias] "{self.alias}" = "local/{self.alias.rpartition("/")[2]}.js"'


def _imported(module: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?:\bfrom\s*|\brequire\s*\(\s*|\bimport\s*\(?\s*)([\"']{re.escape(module)}[\"'])"
    )


def _module(name: str) -> Service:
    return Service(name, _imported(name), alias=name)


def _product(product: str, call: str) -> Service:
    use = re.compile(rf"\b({call})\s*\(")
    return Service(call, use, product=product, only_with="@forge/api")


SERVICES = (
    _module("@forge/kvs"),
    _module("@forge/sql"),
    _module("@forge/events"),
    Service(
        "storage of @forge/api",
        re.compile(
            r"\{[^{}]*\b(storage)\b[^{}]*\}\s*(?:from|=\s*require\s*\()\s*[\"']@forge/api[\"']"
        ),
        alias="@forge/api",
    ),
    _product("jira", "requestJira"),
    _product("confluence", "requestConfluence"),
    _product("bitbucket", "requestBitbucket"),
)


def services(seen: Snapshot) -> Iterator[Finding]:
    """Each use of a service that has no stand-in."""
    for source in seen.sources:
        for service in () if source.python else SERVICES:
            if service.alias in seen.stand_ins.alias or service.product in seen.stand_ins.products:
                continue
            if not service.only_with or _imported(service.only_with).search(source.text):
                yield from _uses(source, service)


def consumers(seen: Snapshot) -> Iterator[Finding]:
    """Modules whose functions are called by a queue, which is not here."""
    for consumer in seen.entries("modules", "consumer"):
        yield warning(
            "consumer_not_called",
            consumer.where,
            f"The consumer {consumer.get('key').text!r} is never called here.",
            why="Ferryman has no queue of @forge/events; what the app puts off by it is not done.",
            fix="Name a file in place of @forge/events that calls the consumer's function, in "
            'ferryman.toml: [alias] "@forge/events" = "local/events.js".',
        )


def _uses(source: Source, service: Service) -> Iterator[Finding]:
    for found in service.use.finditer(source.text):
        yield warning(
            "forge_service_missing",
            source.where(found.start(1)),
            f"{service.name} is used, and nothing stands in for it.",
            why=_FAILS,
            fix=f"Write into ferryman.toml: {service.lines}",
        )


CHECKS = (services, consumers)
