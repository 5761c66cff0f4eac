"""Read ``ferryman.toml``, which replaces parts of Forge for an app on this platform.

``[alias]`` maps a module to a file, ``[products]`` a product to a URL or to fixtures,
``[services]`` a container service to what runs it, and ``[test-handler]`` holds options of that
command. Forge ignores the file, so the app itself stays unchanged.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from msgspec import UNSET, Struct, UnsetType, field

from ferryman import refusals
from ferryman.errors import Invalid
from ferryman.functions.document import Node, is_web_address, read_toml
from ferryman.functions.fixtures import ProductFixtures, read_fixtures
from ferryman.functions.service_override import ServiceOverride, ServiceTable, read_service

FILE = "ferryman.toml"


class ProductTable(Struct, frozen=True, forbid_unknown_fields=True):
    """A product that files answer for; ``fixtures`` is their folder."""

    fixtures: str


class HandlerTestTable(Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """How `ferryman test-handler` reads the app's state, and what it does not report."""

    state: str | UnsetType = UNSET
    state_function: str | UnsetType = UNSET
    reset: str | UnsetType = UNSET
    unordered: bool = False
    ignore: list[str] = []


class OverridesFile(Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """The file: modules by the files that replace them, products by their URLs or fixtures."""

    alias: dict[str, str] = {}
    products: dict[str, str | ProductTable] = {}
    services: dict[str, ServiceTable] = {}
    test_handler: HandlerTestTable = field(default_factory=HandlerTestTable)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerTest:
    """How `ferryman test-handler` reads the app's state, and what it does not report."""

    state: str | None = None
    state_function: str | None = None
    reset: str | None = None
    unordered: bool = False
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overrides:
    """Files by the modules that they replace; URLs and fixtures by product; services by key."""

    alias: dict[str, Path]
    products: dict[str, str]
    handler_test: HandlerTest = HandlerTest()
    fixtures: dict[str, ProductFixtures] = dataclasses.field(default_factory=dict)
    services: dict[str, ServiceOverride] = dataclasses.field(default_factory=dict)


def read_overrides(source: Path) -> Overrides:
    """Return the overrides of ``source``, empty without a file; raise ``Invalid`` if malformed."""
    file = source / FILE
    # Its errors quote it, so a link must not lead to a file that is somebody else's.
    if not file.resolve().is_relative_to(source.resolve()):
        raise _malformed(str(file), "a file in the app's folder", "a link that leads out of it")
    if file.exists() and not file.is_file():
        raise _malformed(str(file), "a file", "something else")  # a pipe would be waited for
    try:
        root = read_toml(file, _malformed)
    except FileNotFoundError:
        return Overrides({}, {})
    except OSError as error:
        raise _malformed(str(source / FILE), "a file that can be read", str(error)) from error
    root.members(OverridesFile.__struct_encode_fields__)
    alias = {name: source / place.text() for name, place in root.get("alias").members()}
    for name, file in alias.items():
        if not file.is_file():
            raise refusals.manifest.ALIAS_FILE_MISSING(overrides=FILE, module=name, file=file)
    products, fixtures = {}, {}
    for name, place in root.get("products").members():
        if isinstance(place.value, dict):
            place.members(ProductTable.__struct_encode_fields__)
            fixtures[name] = read_fixtures(source, place.get("fixtures"), _malformed)
            continue
        if not is_web_address(place.text()):
            place.refuse("a whole http(s) address, such as http://127.0.0.1:2990")
        products[name] = place.text()
    services = {name: read_service(place) for name, place in root.get("services").members()}
    return Overrides(alias, products, _handler_test(root.get("test-handler")), fixtures, services)


def _handler_test(node: Node) -> HandlerTest:
    node.members(HandlerTestTable.__struct_encode_fields__)
    state, function = (_optional(node.get(name)) for name in ("state", "state-function"))
    if state is not None and function is not None:
        node.refuse("a table with state or state-function, not both")
    codes = [each.text() for each in node.get("ignore").items()]
    if codes:
        # Imported only if needed: no other part of the platform knows what faults do.
        from ferryman.domain.fault_oracle import CODES

        for code, place in zip(codes, node.get("ignore").items(), strict=True):
            if code not in CODES:
                place.refuse(f"one of {', '.join(CODES)}")
    return HandlerTest(
        state=state,
        state_function=function,
        reset=_optional(node.get("reset")),
        unordered=node.get("unordered").flag(),
        ignore=tuple(codes),
    )


def _optional(node: Node) -> str | None:
    return None if node.absent else node.text()


def _malformed(path: str, expected: str, found: str) -> Invalid:
    return refusals.manifest.OVERRIDES_MALFORMED(
        path=path, expected=expected, found=found, file=FILE
    )
