"""The agent for Java obeys the same variables as all other clients, through real proxies, too."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.java import JAVA, classpath
from tests.networks.proxy_cases import CHOSEN, DIRECT, LOGIN, LOGIN_HEADER, PROXY, WRONG

HTTPS = "https://a.example"


@pytest.fixture(scope="module")
def ask(listeners: Path) -> Callable[[list[tuple[dict[str, str], str]]], list[str]]:
    """Ask one JVM for the proxies of many URLs, each in an environment of its own."""
    command = [*JAVA, "-cp", classpath(listeners)]

    def asked(cases: list[tuple[dict[str, str], str]]) -> list[str]:
        lines = "\n".join(json.dumps({"env": env, "url": url}) for env, url in cases)
        return subprocess.run(
            [*command, "io.ferryman.http.ProxyTable"],
            input=lines,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()

    return asked


def test_proxies_are_chosen_as_in_python(
    ask: Callable[[list[tuple[dict[str, str], str]]], list[str]],
) -> None:
    cases = [(variables, url) for variables, url, _ in CHOSEN]
    cases += [({"ALL_PROXY": PROXY, "NO_PROXY": names}, url) for names, url, _ in DIRECT]
    expected = [proxy for _, _, proxy in CHOSEN]
    expected += [None if direct else PROXY for _, _, direct in DIRECT]
    found = ask([*cases, ({"ALL_PROXY": LOGIN}, HTTPS)])
    assert found.pop() == f"{PROXY} {LOGIN_HEADER}"
    wrong = [
        (case, given, wanted)
        for case, given, wanted in zip(cases, found, expected, strict=True)
        if given != ("direct" if wanted is None else f"{wanted} null")
    ]
    assert not wrong


def test_a_wrong_setting_is_told_without_its_password(
    ask: Callable[[list[tuple[dict[str, str], str]]], list[str]],
) -> None:
    said = ask([({"HTTPS_PROXY": given}, HTTPS) for given in WRONG])
    assert len(said) == len(WRONG)
    for each in said:
        assert each.startswith("expected http://[USER:PASSWORD@]HOST:PORT in HTTPS_PROXY or ALL")
        assert "secret" not in each
