"""A function that asks for a retry is called again then, and as often as any other."""

import json
from typing import Any

import pytest

from tests.explain.apps import Apps
from tests.explain.cases import begun

CODE = """\
import { existsSync, writeFileSync } from 'node:fs';

export const run = (event) => {
  writeFileSync(`${__dirname}/context`, JSON.stringify(event.retryContext ?? null));
  if (existsSync(`${__dirname}/ready`)) return undefined;
  const retryData = { page: (event.retryContext?.retryData.page ?? 0) + 1, odd: '\\ud83d\\0' };
  const retryReason = 'FUNCTION_RETRY_REQUEST';
  return { _retry: true, retryOptions: { retryAfter: 240, retryReason, retryData } };
};
"""


@pytest.mark.usefixtures("javascript")
def test_it_is_called_again_when_it_asked_to_be(apps: Apps) -> None:
    (apps.folder / "src").mkdir()
    (apps.folder / "src" / "index.js").write_text(CODE)
    migration = begun(apps.source())

    def message() -> Any:
        path = f"/admin/v1/transfers/{migration.transfer_id}/messages"
        return migration.admin.ok("GET", path)["items"][0]

    def context() -> Any:
        return json.loads((apps.folder / "src" / "context").read_text())

    first = message()
    [attempt] = first["attempts"]
    assert context() is None
    assert (attempt["cause"], attempt["outcome"]) == ("retry_requested", "FAILED")
    assert 240_000 <= first["nextAttemptAt"] - attempt["startedAt"] < 300_000
    [link] = [each for each in apps.explain(migration)["links"] if each["name"] == "delivery"]
    assert link["cause"] == "retry_requested"
    assert "asked to be called again in 240 s (FUNCTION_RETRY_REQUEST)" in link["found"]
    migration.advance(minutes=3)
    assert len(message()["attempts"]) == 1
    migration.advance(minutes=2)
    odd = "\ud83d\0"
    asked = {"retryReason": "FUNCTION_RETRY_REQUEST", "retryData": {"page": 1, "odd": odd}}
    assert context() == {"retryCount": 1, **asked}
    (apps.folder / "src" / "ready").touch()
    migration.advance(minutes=5)
    outcomes = [each["outcome"] for each in message()["attempts"]]
    assert outcomes == ["FAILED", "FAILED", "DELIVERED"]
    asked["retryData"] = {"page": 2, "odd": odd}
    assert context() == {"retryCount": 2, **asked}
