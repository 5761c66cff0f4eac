"""The agent's own JSON, read and written by one JVM, against Python's."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.kit.java import JAVA, classpath

VALUES: list[Any] = [
    {},
    [],
    {"a": [], "b": {}, "": None},
    [True, False, None, 0, -1, 12, 10**17, -(2**63), 2**63 - 1, 1.5, -2e-3, 1e300],
    ["", "plain", 'a "quoted" \\ text/', "tab\t line\n \x00 \x1f", "é Straße 漢字 \U0001f30a"],
    {"files": [{"upload": {"key": "k", "size": 20_000, "headers": {"a": "b"}}, "problem": None}]},
]
ESCAPED = [r'"\u00e9\/\b\f\n\r\t\"\\"', r'"\ud83c\udf0a"', ' { "a" : [ 1 , 2 ] } ']
WRONG = ["", "{", '{"a"}', "[1 2]", '"open', r'"\u12"', r'"\x"', "tru", "1x", "-", "{} {}", "'a'"]


def test_json_is_read_and_written_as_by_python(listeners: Path) -> None:
    right = [*map(json.dumps, VALUES), *(json.dumps(v, ensure_ascii=False) for v in VALUES)]
    right += ESCAPED
    done = subprocess.run(
        [*JAVA, "-cp", classpath(listeners), "io.ferryman.json.Echo"],
        input="\n".join([*right, *WRONG]) + "\n",
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    said = done.stdout.split("\n")[:-1]
    assert [json.loads(each) for each in said[: len(right)]] == [json.loads(t) for t in right]
    assert said[len(right) :] == ["refused"] * len(WRONG)
