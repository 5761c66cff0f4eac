"""Run the agent for listeners written in Java, in place of this process."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from ferryman import refusals
from ferryman.java import java_command


def become_java_agent(
    classpath: str,
    listener: str,
    *,
    url: str,
    token: str,
    keys: Sequence[str],
    options: Mapping[str, object],
    unsupported: Mapping[str, object],
) -> NoReturn:
    """Replace this process by a JVM that runs ``listener``, a class of ``classpath``.

    ``options`` go to the agent: True is one without a value, None and False are left out. Raises
    ``ConfigError``: ``option_not_for_java`` for one of ``unsupported`` that was given, and what
    ``java_command`` raises.
    """
    for name, value in unsupported.items():
        if value:
            raise refusals.command.OPTION_NOT_FOR_JAVA(option=name)
    words = ["--listener", listener]
    words += [word for key in keys for word in ("--key", key)]
    for name, value in options.items():
        if value is True:
            words.append(name)
        elif value is not None and value is not False:
            words += [name, str(value)]
    command = java_command(classpath, *words)
    # In the environment: a command line is seen by other users.
    access = {"FERRYMAN_URL": url, "FERRYMAN_SERVER_TOKEN": token}
    sys.stdout.flush()
    os.execve(command[0], command, {**os.environ, **access})  # noqa: S606 - no shell is wanted
