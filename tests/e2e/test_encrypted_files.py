"""A platform that is given a key encrypts what comes, and what was there by a command."""

import base64
import json
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.kit.app_objects import ObjectApp
from tests.kit.command import Command
from tests.kit.platform import PlatformProcess, wait_until

pytestmark = pytest.mark.e2e

MARKER = b"the harbour master's own words, "
LARGE = MARKER * ((11 << 20) // len(MARKER))
PART = 5 << 20


class Upload:
    """A file whose parts are sent one by one, over a kill."""

    def __init__(self, app: ObjectApp, data: bytes) -> None:
        self._server = app.migration.server
        path = f"/server/v1/transfers/{app.migration.transfer_id}/app-data"
        begun = self._server.ok("POST", path, {"label": "resumed"})
        self._path, self.key = f"/server/v1/uploads/{begun['uploadId']}", begun["key"]
        self._chunks = [data[start : start + PART] for start in range(0, len(data), PART)]

    def send(self, *numbers: int) -> None:
        for number in numbers:
            data = self._chunks[number - 1]
            wanted = {"parts": [self._part(number)]}
            [signed] = self._server.ok("POST", f"{self._path}/parts", wanted)["parts"]
            sent = urllib3.request("PUT", signed["url"], body=data, headers=signed["headers"])
            assert sent.status == 200, sent.data

    def held(self) -> list[int]:
        return [part["number"] for part in self._server.ok("GET", self._path)["parts"]]

    def complete(self) -> None:
        parts = [self._part(number) for number in range(1, len(self._chunks) + 1)]
        named = [part | {"etag": part["sha256"]} for part in parts]
        self._server.ok("POST", f"{self._path}/complete", {"parts": named})

    def _part(self, number: int) -> dict[str, Any]:
        data = self._chunks[number - 1]
        return {"number": number, "size": len(data), "sha256": sha256(data).hexdigest()}


def plain_files(folder: Path) -> list[Path]:
    """Return the files in which some of the marker is to be read."""
    found = []
    for path in folder.rglob("*"):
        # A platform runs there, whose files come and go.
        with suppress(FileNotFoundError):
            if path.is_file() and MARKER[:12] in path.read_bytes():
                found.append(path)
    return found


def test_no_plain_byte_is_in_the_data_folder(tmp_path: Path, database: str) -> None:
    keys, data = tmp_path / "object-keys", tmp_path / "data"
    keys.write_text(base64.b64encode(os.urandom(32)).decode())
    with PlatformProcess(data, database_url=database) as platform:
        app = ObjectApp.begin(platform, tmp_path / "app")
        app.put("before", MARKER)
        resumed = Upload(app, LARGE)
        resumed.send(1)
        platform.kill()
        platform.env = {"FERRYMAN_OBJECT_KEY_FILE": str(keys)}
        platform.start()
        before = plain_files(data)
        assert len(before) == 2, "the object, and the part that came before the key"

        told = "it answers, and encrypts files"
        wait_until(lambda: platform.readiness()["checks"]["objectStore"]["found"] == told)
        resumed.send(2)
        platform.kill()
        platform.start()
        assert resumed.held() == [1, 2]
        resumed.send(3)
        resumed.complete()
        app.put("after", LARGE)
        small = {str(number): MARKER + os.urandom(number) for number in range(20)}
        with app.migration.gateway() as gateway:
            receipts = list(gateway.upload_many(iter(small.items())))
            with gateway.create_app_data("stream") as stream:
                stream.write(LARGE)
        assert stream.receipt is not None
        sent = {receipt.key: small[receipt.label or ""] for receipt in receipts}
        sent |= {stream.receipt.key: LARGE, resumed.key: LARGE}
        [moved] = set(plain_files(data)) - set(before)
        assert moved.parent.name == resumed.key, "the part that came before the key, completed"

        environment = {**os.environ, "FERRYMAN_OBJECT_KEY_FILE": str(keys)}
        seal = ("data", "seal", "--data-dir", str(data))
        ferryman = Command(environment)
        counted = ferryman(*seal, "--check", "--json")
        # The app's own first file came before the key, too.
        assert (counted.returncode, json.loads(counted.stdout)["plain"]["files"]) == (1, 3)
        assert "Encrypted 3 files." in ferryman.ok(*seal)
        assert plain_files(data) == []

        assert (app.get("before"), app.get("after")) == (MARKER, LARGE)
        with app.migration.client() as migration:
            for key, expected in sent.items():
                with migration.get_app_data_payload(key) as payload:
                    assert payload.read() == expected
        # Whatever way it is read, damage is told before the first byte, or breaks the answer.
        [damaged] = (data / "objects").rglob(f"{receipts[0].key}.sealed")
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
        path = f"/app/migration/forge/v1/data/{receipts[0].key}/payload"
        reply = app.migration.cloud.call("GET", path)
        assert (reply.status, reply.json["type"]) == (503, "urn:ferryman:error:store_damaged")
        platform.stop()
        keys.write_text(base64.b64encode(os.urandom(32)).decode())
        for env in ({}, platform.env):
            platform.env = env
            with pytest.raises(AssertionError, match="object_key_missing"):
                platform.start()
