"""Run a file of the host's program: ``enter.py FILE ARGUMENTS…``.

Python compiles a script at each start, but keeps what it compiled of a module. So this file, which
is the script, is short, and ``host.py`` or ``init.py`` is a module. Its standard library is little,
for the same reason: importing costs more than all else that a new host does.
"""

import sys
from _frozen_importlib import module_from_spec
from _frozen_importlib_external import spec_from_file_location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HOME_PREFIX = "ferryman-host-"


def load_file(name: str, file: str) -> "Any":
    """Import a file as the module ``name``."""
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported")
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.argv[:] = sys.argv[1:]
    load_file("_ferryman_entered", sys.argv[0]).main()
