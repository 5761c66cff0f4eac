"""A function that asks for a retry is called again then, and as often as any other."""

from typing import Any

import pytest

from tests.explain.lab import Lab
from tests.explain.situations import begun

CODE = """\
import { existsSync, writeFileSync } from 'node:fs';

export const run = () => {
  if (existsSync(`${__dirname}/ready`)) return undefined;
  return { _retry: true, retryOptions: { retryAfter: 240, retryReason: 'FUNCTION_RETRY_REQUEST' } };
};
"""


@pytest.mark.usefixtures("javascript")
def test_it_is_called_again_when_it_asked_to_be(lab: Lab) -> None:
    (lab.folder / "src").mkdir()
    (lab.folder / "src" / "index.js").write_text(CODE)
    ground = begun(lab.source())

    def message() -> Any:
        path = f"/admin/v1/transfers/{ground.transfer_id}/messages"
        return ground.admin.ok("GET", path)["items"][0]

    first = message()
    [attempt] = first["attempts"]
    assert (attempt["cause"], attempt["outcome"]) == ("retry_requested", "FAILED")
    assert 240_000 <= first["nextAttemptAt"] - attempt["startedAt"] < 300_000
    [link] = [each for each in lab.explain(ground)["links"] if each["name"] == "delivery"]
    assert link["cause"] == "retry_requested"
    assert "asked to be called again in 240 s (FUNCTION_RETRY_REQUEST)" in link["found"]
    ground.advance(minutes=3)
    assert len(message()["attempts"]) == 1
    (lab.folder / "src" / "ready").touch()
    ground.advance(minutes=2)
    assert [each["outcome"] for each in message()["attempts"]] == ["FAILED", "DELIVERED"]
