"""The copy of an app's folder: as it was before each run, with around it what is around the app."""

from pathlib import Path

from ferryman.devtools.faults.app_folder import prepare, restore


def test_a_copy_is_what_the_folder_was(tmp_path: Path) -> None:
    """What a run wrote, changed or put in the place of a link is gone; links lead into the copy."""
    source, work = tmp_path / "app", tmp_path / "work"
    (source / "src" / "deep").mkdir(parents=True)
    (source / "node_modules" / "dear").mkdir(parents=True)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "common.js").write_text("common")
    (source / "src" / "index.js").write_text("as it was")
    (source / "lib").symlink_to("src", target_is_directory=True)
    (source / "src" / "shared").symlink_to(tmp_path / "shared", target_is_directory=True)
    (source / "read.me").symlink_to(tmp_path / "shared" / "common.js")
    for _ in range(2):
        restore(source, work)
        assert (work / "lib" / "index.js").read_text() == "as it was"
        assert (work / "lib").resolve() == (work / "src").resolve()
        assert (work / "src" / "shared" / "common.js").read_text() == "common"
        assert (work / "node_modules").resolve() == source / "node_modules"
        assert not (work / "store").exists()
        assert not (work / "read.me").is_symlink()
        (work / "lib" / "index.js").write_text("written by a run")
        (work / "read.me").write_text("the same")
        (work / "store").mkdir()
        (work / "lib").unlink()
        (work / "lib").mkdir()
        (work / "node_modules").unlink()
        (work / "node_modules").symlink_to(tmp_path)
    assert (source / "src" / "index.js").read_text() == "as it was"
    assert (tmp_path / "shared" / "common.js").read_text() == "common"


def test_around_a_copy_is_what_is_around_the_app(tmp_path: Path) -> None:
    """Up to the top of its project: what a workspace keeps above its packages is found."""
    project, place = tmp_path / "project", tmp_path / "place"
    app = project / "packages" / "app"
    app.mkdir(parents=True)
    (app / "index.js").write_text("")
    (project / "packages" / "common").mkdir()
    (project / "packages" / "common" / "kinds.js").write_text("kinds")
    (project / "node_modules" / "dear").mkdir(parents=True)
    (project / "package.json").write_text('{"workspaces": ["packages/*"]}')
    (project / ".git").mkdir()
    (tmp_path / "package.json").write_text("of somebody else")
    work = prepare(app, place)
    restore(app, work)
    assert work == place / "packages" / "app"
    assert (work / "../common/kinds.js").read_text() == "kinds"
    assert (work / "../../package.json").exists()
    assert (work / "../../node_modules/dear").is_dir()
    assert not (place / ".git").exists()
    assert not work.is_symlink()


def test_an_app_of_no_project_has_its_neighbours(tmp_path: Path) -> None:
    """And no more, whatever is above."""
    app = tmp_path / "plain" / "app"
    app.mkdir(parents=True)
    (tmp_path / "plain" / "alias.mjs").write_text("an alias")
    work = prepare(app, tmp_path / "place")
    restore(app, work)
    assert (work / "../alias.mjs").read_text() == "an alias"
    assert work == tmp_path / "place" / "app"
