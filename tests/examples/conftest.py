"""The examples are programs in folders of their own, not packages: put them on the path."""

import sys
import warnings
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

sys.path += [str(EXAMPLES), str(EXAMPLES / "trac"), str(EXAMPLES / "noticeboard")]

with warnings.catch_warnings():
    # Trac finds its plugins through pkg_resources, which warns that it is old.
    warnings.simplefilter("ignore")
    import trac.env  # noqa: F401


@pytest.fixture(scope="session")
def go_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Go keeps what it has compiled, for all workers: its library takes the most time."""
    return tmp_path_factory.getbasetemp().parent / "go-cache"
