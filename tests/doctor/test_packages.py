"""What an app imports: the package that has a stand-in, its types, and modules from npm."""

from pathlib import Path

import pytest

from ferryman.functions import toolchain
from tests.doctor.apps import FORGE
from tests.doctor.mistakes import examined


@pytest.mark.usefixtures("javascript")
def test_types_make_no_calls(tmp_path: Path) -> None:
    """The file that `ferryman app types` writes names messageProcessed; nobody calls it there."""
    source = FORGE["src/index.js"].replace("messageProcessed", "messageFailed")
    types = {"src/forge-migrations.d.ts": (toolchain.HERE / "migrations.d.ts").read_text()}
    findings = examined(tmp_path, {**FORGE, "src/index.js": source, **types})
    assert [each.check for each in findings] == ["never_acknowledged"]


@pytest.mark.usefixtures("javascript")
def test_the_stand_in_may_be_an_optional_dependency(tmp_path: Path) -> None:
    """As the fix says: npm leaves it out where the registry lacks it."""
    package = FORGE["package.json"]
    [missing] = examined(tmp_path, {**FORGE, "package.json": package.replace("@forge/", "@x/")})
    assert '"optionalDependencies": {"@forge/migrations": "^2.1.2"}' in missing.fix
    assert "npm install @forge" not in missing.fix
    fixed = package.replace('"dependencies"', '"optionalDependencies"')
    assert examined(tmp_path, {**FORGE, "package.json": fixed}) == []


@pytest.mark.usefixtures("javascript")
@pytest.mark.parametrize(
    ("module", "declared", "command"),
    [
        ("left-pad/lib", "left-pad", "npm install in"),
        ("left-pad/lib", "other", "npm install left-pad in"),
        ("@scope/left-pad/lib", "other", "npm install @scope/left-pad in"),
    ],
)
def test_npm_installs_a_module_that_is_declared(
    tmp_path: Path, module: str, declared: str, command: str
) -> None:
    source = f"import pad from '{module}';\nconsole.log(pad);\n" + FORGE["src/index.js"]
    package = FORGE["package.json"].replace(
        '"@forge/migrations"', f'"{declared}": "1", "@forge/migrations"'
    )
    findings = examined(tmp_path, {**FORGE, "src/index.js": source, "package.json": package})
    [found] = [each for each in findings if each.check == "module_missing"]
    assert command in found.fix
