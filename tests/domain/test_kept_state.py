"""What an app keeps, compared between runs: without times and what the server fills in."""

import json
from typing import Any

import pytest

from ferryman.domain.kept_state import comparable, made_by_database

DEFINITION = """CREATE TABLE `n` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `it's ``at``` timestamp(6) NULL DEFAULT current_timestamp(6),
  `changed` datetime DEFAULT NULL ON UPDATE current_timestamp(),
  `uuid` varchar(36) DEFAULT uuid(),
  `ms` bigint(20) DEFAULT (1000 * unix_timestamp()),
  `two` int(11) DEFAULT (1 + 1) CHECK (abs(`two`) < 9),
  `twice` int(11) GENERATED ALWAYS AS (`times` * 2) VIRTUAL,
  `times` int(11) DEFAULT 1 COMMENT 'no AUTO_INCREMENT, it''s DEFAULT uuid()',
  `text` varchar(99) NOT NULL DEFAULT 'now() ON UPDATE',
  `json` longtext DEFAULT NULL CHECK (json_valid(`json`)),
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=utf8mb4"""
ABOUT = {"key": "k", "cdn": True, "size": 1, "contentType": "a/b", "checksum": "x"}


def test_columns_that_the_server_fills() -> None:
    """By their attributes, not by what their names, comments and texts say."""
    assert made_by_database(DEFINITION) == {"id", "it's `at`", "changed", "uuid", "ms", "twice"}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([{"key": "k", "secret": True, "createdAt": 1}], [["k", True, None]]),
        ([{"key": "k", "entity": "e", "value": {"b": 1}}], [["e", "k", False, {"b": 1}]]),
        (
            [
                {"table": "n", "definition": DEFINITION, "rows": 1},
                {"table": "n", "row": {"id": 1, "text": "t"}},
            ],
            [
                {"table": "n", "definition": DEFINITION.replace(" AUTO_INCREMENT=17", "")},
                {"table": "n", "row": {"text": "t"}},
            ],
        ),
        ([{"table": "m", "row": {"id": 1}}], [{"table": "m", "row": {"id": 1}}]),
        (
            [{**ABOUT, "checksumType": "SHA1", "createdAt": 5, "file": "objects/1"}],
            [{"object": ["k", True, 1, "a/b", "SHA1", "x"]}],
        ),
    ],
    ids=["secret", "entity", "table", "row", "object"],
)
def test_lines_are_compared_by_what_the_app_chose(lines: list[Any], expected: list[Any]) -> None:
    assert [json.loads(line) for line in comparable(lines)] == expected
