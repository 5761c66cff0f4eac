"""Which packages of a workspace an app's bundle may be made of."""

import json
import os
from pathlib import Path

import pytest

from ferryman.functions.workspace import apps_within, readable, why_missing, workspace_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with two apps and a package, and what is none of it beside it."""
    folder = tmp_path / "root"
    for name in ("apps/notes", "apps/other", "packages/shared", "packages/deep", "private"):
        place = folder / name
        (place / "node_modules").mkdir(parents=True)
        (place / "package.json").write_text("{}")
    for app in ("apps/notes", "apps/other"):
        (folder / app / "manifest.yml").write_text("")
    (folder / "node_modules" / "@scope").mkdir(parents=True)
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "package.json").write_text("{}")
    members(folder, "apps/*", "packages/*")
    return folder


def members(root: Path, *patterns: str) -> None:
    (root / "package.json").write_text(json.dumps({"workspaces": patterns}))


def link(place: Path, target: Path | str) -> None:
    place.symlink_to(target if isinstance(target, str) else os.path.relpath(target, place.parent))


def seen(root: Path) -> set[str]:
    found = readable(root / "apps" / "notes")
    return {os.path.relpath(each, root) for each in found}


def test_packages_that_are_linked_to(root: Path) -> None:
    """From the app, from the root, or from another such package; with what is installed there."""
    link(root / "apps" / "notes" / "node_modules" / "shared", root / "packages" / "shared")
    link(root / "packages" / "shared" / "node_modules" / "deep", root / "packages" / "deep")
    assert seen(root) == {"node_modules", "packages/shared", "packages/deep"}


def test_scopes_and_other_ways_to_write_it(root: Path) -> None:
    link(root / "node_modules" / "@scope" / "shared", root / "packages" / "shared")
    (root / "package.json").write_text(
        '{"workspaces": {"packages": ["./apps/**/", "packages/s*"]}}'
    )
    assert seen(root) == {"node_modules", "packages/shared"}
    (root / "package.json").unlink()
    (root / "pnpm-workspace.yaml").write_text("packages: ['**', '!packages/shared']\n")
    assert seen(root) == {"node_modules"}


REFUSED = {
    "the file system": ("/", "no other package of the workspace"),
    "outside the workspace": ("beside", "no other package of the workspace"),
    "the workspace": ("root", "no other package of the workspace"),
    "no member": ("root/private", "no other package of the workspace"),
    "above the app": ("root/apps", "no other package of the workspace"),
    "another app": ("root/apps/other", "the folder of another app"),
    "in another app": ("root/apps/other/src", "no other package of the workspace"),
}


@pytest.mark.parametrize(("target", "reason"), REFUSED.values(), ids=REFUSED)
def test_links_that_open_nothing(root: Path, target: str, reason: str) -> None:
    """Whoever makes them: they say why."""
    (root / "apps" / "other" / "src").mkdir()
    place = root / "apps" / "notes" / "node_modules" / "leak"
    link(place, "/" if target == "/" else root.parent / target)
    link(root / "node_modules" / "leak", place)
    assert seen(root) == {"node_modules"}
    assert reason in str(why_missing(root / "apps" / "notes", "leak/part.js"))


def test_a_member_within_another_app_is_refused(root: Path) -> None:
    """However the root names it."""
    (root / "apps" / "other" / "src").mkdir()
    (root / "apps" / "other" / "src" / "package.json").write_text("{}")
    members(root, "apps/*", "apps/*/src")
    link(root / "apps" / "notes" / "node_modules" / "leak", root / "apps" / "other" / "src")
    assert seen(root) == {"node_modules"}


@pytest.mark.parametrize("text", ['{"workspaces": ["packages/*"]}', "{}", "no JSON", "[]"])
def test_nothing_is_opened_unless_the_root_names_the_app(root: Path, text: str) -> None:
    link(root / "apps" / "notes" / "node_modules" / "shared", root / "packages" / "shared")
    (root / "package.json").write_text(text)
    # What the app says of itself counts for nothing.
    (root / "apps" / "notes" / "package.json").write_text('{"workspaces": ["../../packages/*"]}')
    assert seen(root) == set()
    found = why_missing(root / "apps" / "notes", "shared")
    assert found is not None
    assert "no workspace above names the app" in found


def test_what_is_installed_as_a_link_elsewhere_is_not_shown(root: Path) -> None:
    (root / "node_modules" / "@scope").rmdir()
    (root / "node_modules").rmdir()
    link(root / "node_modules", root.parent)
    assert seen(root) == set()
    assert why_missing(root / "apps" / "notes", "nothing") is None


def test_links_that_lead_round_in_a_circle_open_nothing(root: Path) -> None:
    modules = root / "apps" / "notes" / "node_modules"
    for name, target in (("self", "self"), ("one", "other"), ("other", "one")):
        link(modules / name, target)
    link(modules / "shared", root / "packages" / "shared")
    assert seen(root) == {"node_modules", "packages/shared"}
    assert why_missing(root / "apps" / "notes", "one") is None


def test_an_app_within_a_package_is_closed(root: Path) -> None:
    """A folder with the manifest of something else is not, unless the root names it as a member."""
    members(root, "apps/*", "packages/*", "packages/*/kept")
    shared = root / "packages" / "shared"
    for name in (
        *("examples/one/manifest.yml", "kept/manifest.json"),
        *("dist/manifest.json", "node_modules/installed/manifest.yml"),
    ):
        (shared / name).parent.mkdir(parents=True)
        (shared / name).write_text("")
    link(root / "apps" / "notes" / "node_modules" / "shared", shared)
    source = root / "apps" / "notes"
    assert seen(root) == {"node_modules", "packages/shared"}
    within = {each.relative_to(shared).as_posix() for each in apps_within(source, readable(source))}
    assert within == {"examples/one", "kept"}


def test_packages_as_pnpm_installs_them(root: Path) -> None:
    """As links into a folder that is shown anyway: no link is why a module is missing there."""
    place = root / "node_modules" / ".pnpm" / "x@1" / "node_modules" / "x"
    place.mkdir(parents=True)
    (place / "package.json").write_text('{"main": "none.js"}')
    link(root / "apps" / "notes" / "node_modules" / "x", place)
    assert seen(root) == {"node_modules"}
    assert why_missing(root / "apps" / "notes", "x") is None


@pytest.mark.parametrize("scope", ["", "@scope"])
def test_links_elsewhere_tell_nothing(root: Path, scope: str) -> None:
    """A folder of packages that is a link itself would show where links in any folder lead."""
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    link(elsewhere / "told", root.parent / "beside")
    modules = root / "apps" / "notes" / "node_modules"
    if not scope:
        modules.rmdir()
    link(modules / scope if scope else modules, elsewhere)
    assert why_missing(root / "apps" / "notes", f"{scope}/told".lstrip("/")) is None
    assert seen(root) == {"node_modules"}


def test_names_of_any_length(root: Path) -> None:
    """No folder has such a name."""
    assert why_missing(root / "apps" / "notes", "a" * 5_000) is None


def test_patterns_take_no_time(root: Path) -> None:
    """A regular expression made of this one would try more ways than there are atoms."""
    source = root / "apps" / ("a" * 200)
    source.mkdir()
    for hard in ("apps/" + "*a" * 90 + "b", "**/" * 300 + "b"):
        members(root, hard, "apps/*")
        found = workspace_of(source)
        assert found is not None
        assert found.root == root


@pytest.mark.parametrize("text", ["x: !!bool maybe", "x: !!timestamp no", "x: !!float ''", "? ["])
def test_a_workspace_that_is_no_yaml_names_nobody(root: Path, text: str) -> None:
    (root / "package.json").unlink()
    (root / "pnpm-workspace.yaml").write_text(f"packages: ['**']\n{text}\n")
    assert seen(root) == set()
