"""The page that maps the originals to ours names what is there, and all of it."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import ferryman
from ferryman.sdk import listener

PAGE = Path(__file__).parents[2] / "docs/reference/sdk-map.md"
TEXT = PAGE.read_text(encoding="utf-8")
SPANS = set(re.findall(r"`([^`]+)`", TEXT))
ORIGINALS = [
    *("onStartAppMigration", "onRerunAppMigration", "getTransferDefinitions", "getForgeAppId"),
    *("getForgeEnvironmentName", "getCloudAppKey", "getServerAppKey", "getDataAccessScopes"),
    *("getTransferId", "createAppData", "getPaginatedMapping", "getMappingById", "completeExport"),
    *("getPaginatedContainers", "getCloudFeedbackIfPresent", "sendKeyValuePair", "sendSqlData"),
    *("createOsData", "convertIdToMappingId", "isPreloadSupported", "getAppDataForPreload"),
    *("getAvailableChecks", "executeCheck", "getSupportedCustomFieldMappings"),
    *("getServerToForgeMacroMapping", "getAppDataList", "getAppDataPayload", "messageProcessed"),
    *("messageFailed", "getMappings", "getContainers", "addLog", "limit", "cursor", "getOne"),
    *("getMany", "json", "text", "arrayBuffer", "ok", "statusText", "headers"),
]


def ours() -> Iterator[str]:
    """What the middle columns name."""
    for row in re.findall(r"^\|(.+)\|$", TEXT, re.MULTILINE):
        cells = row.split("|")
        if not set(cells[1]) <= set("-"):
            yield from re.findall(r"`([^`]+)`", cells[1])


def test_each_of_our_names_exists() -> None:
    names = {span.partition("(")[0] for span in ours()} | {s for s in SPANS if owner(s)}
    assert len(names) > 40
    for name in names:
        if owned := owner(name):
            attribute = name.partition(".")[2]
            set_in_init = f"self.{attribute}: " in inspect.getsource(owned)
            assert hasattr(owned, attribute) or set_in_init, name
        elif name not in ferryman.__all__:
            assert name in inspect.getsource(listener), name


def test_no_public_name_is_left_out() -> None:
    wanted = set(ferryman.__all__)
    for face in (
        *(ferryman.Gateway, ferryman.AppDataStream, ferryman.PaginatedMapping),
        *(ferryman.PaginatedContainers, ferryman.Migration, ferryman.QueryBuilder),
        *(ferryman.Payload, ferryman.ConnectMigration),
    ):
        wanted |= {f"{face.__name__}.{name}" for name in members(face)}
    assert wanted - SPANS - {span.partition(".")[0] for span in SPANS} == set()


def test_every_method_of_the_originals_is_placed() -> None:
    words = {word for span in SPANS for word in re.findall(r"\w+", span)}
    assert [name for name in ORIGINALS if name not in words] == []


def owner(span: str) -> type | None:
    """The class of ours that a dotted name begins with."""
    head, dot, _ = span.partition(".")
    found = getattr(ferryman, head) if dot and head in ferryman.__all__ else None
    return found if isinstance(found, type) else None


def members(face: type) -> set[str]:
    """Methods and properties that we wrote, shared ones named for the class that has them."""
    return {
        name
        for base in face.__mro__
        if base.__module__.startswith("ferryman.")
        for name, member in vars(base).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    }
