"""The real ``@forge/object-store`` from npm, unchanged, keeps its objects in the platform."""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ferryman.functions.call import FunctionCall
from ferryman.functions.pool import FunctionPool
from tests.docs.pages import ROOT, Reader, blocks
from tests.functions.packages import installed
from tests.kit.app_objects import ObjectApp
from tests.kit.platform import PlatformProcess

APP = """\
import { createHash } from 'node:crypto';
import objectStore, { errorCodes } from '@forge/object-store';

const data = Buffer.from('harbour');
const checksum = (kind, bytes = data) => createHash(kind).update(bytes).digest('base64');
const upload = {
  key: 'a b/♥', length: data.length, checksum: checksum('sha1'), checksumType: 'SHA1',
};

export const run = async () => {
  const said = [];
  const told = async (name, call) =>
    said.push([name, await call.catch((e) => `${e.name} ${e.code} ${e.responseDetails?.status}`)]);
  await told('nothing', objectStore.get('a').then(String));
  await told('no url', objectStore.createDownloadUrl('a').then(String));
  const { url } = await objectStore.createUploadUrl(upload);
  const sent = await fetch(url, { method: 'PUT', body: data });
  said.push(['sent', sent.status]);
  await told('metadata', objectStore.get(upload.key).then(({ createdAt, ...rest }) => rest));
  const read = await objectStore.createDownloadUrl(upload.key);
  said.push(['read', await fetch(read.url).then((answer) => answer.text())]);
  said.push(['range', await fetch(read.url, { headers: { range: 'bytes=-2' } })
    .then((answer) => answer.text())]);
  const open = await objectStore.createPublicUploadUrl({ ...upload, cdn: true });
  await fetch(open.url, { method: 'PUT', body: data, headers: { 'content-type': 'text/css' } });
  const shown = await objectStore.createCDNUrl(upload.key, { ttlSeconds: 60 });
  said.push(['cdn', await fetch(shown.url).then((answer) => answer.headers.get('content-type'))]);
  await told('exists', objectStore.createUploadUrl({ ...upload, overwrite: false }));
  await told('large', objectStore.createUploadUrl({ ...upload, length: 2 ** 30 + 1 }));
  await told('delete', objectStore.delete(upload.key).then(() => objectStore.get(upload.key))
    .then(String));
  await told('delete again', objectStore.delete(upload.key).then(String));
  said.push(['code', errorCodes.APP_NOT_ENABLED]);
  console.log(JSON.stringify(said));
};
"""
SAID: dict[str, Any] = {
    "nothing": "undefined",
    "no url": "undefined",
    "sent": 200,
    "metadata": {
        "key": "a b/♥",
        "checksum": "YWi3kCY+Sqkj7dOAcDXAL7DeMiU=",
        "size": 7,
        "contentType": "application/octet-stream",
    },
    "read": "harbour",
    "range": "ur",
    "cdn": "text/css",
    "exists": "ForgeObjectStoreError OBJECT_EXISTS 409",
    "large": "ForgeObjectStoreError OBJECT_TOO_LARGE 400",
    "delete": "undefined",
    "delete again": "undefined",
    "code": "APP_NOT_ENABLED",
}


@pytest.fixture(scope="session")
def forge_object_store(javascript: None) -> Path:
    """A folder with the package and what it needs."""
    return installed("@forge/object-store@3.0.0")


def test_the_package_from_npm_works_unchanged(
    forge_object_store: Path, platform_process: PlatformProcess, tmp_path: Path
) -> None:
    own = ObjectApp.begin(platform_process, tmp_path / "python")
    app = tmp_path / "app"
    app.mkdir()
    (app / "index.js").write_text(APP)
    (app / "node_modules").symlink_to(forge_object_store / "node_modules")
    variables = {"FERRYMAN_URL": platform_process.url, "FERRYMAN_TOKEN": own.token}

    async def call() -> str:
        async with FunctionPool(concurrency=1) as pool:
            outcome = await pool.invoke(
                FunctionCall(
                    source=app, handler="index.run", event={}, context={}, environment=variables
                )
            )
            assert outcome.ok, outcome.error
            return outcome.output

    assert dict(json.loads(asyncio.run(call()))) == SAID
    [kept] = own.listed()
    assert (kept["cdn"], kept["key"], kept["contentType"]) == (True, "a b/♥", "text/css")


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_a_reader_can_follow_the_page(forge_object_store: Path, tmp_path: Path) -> None:
    """An app as vendors write them, in the sandbox, with what npm would install for it."""
    page = ROOT / "docs" / "how-to" / "keep-objects-in-forges-store.md"
    shutil.copytree(forge_object_store / "node_modules", tmp_path / "pictures" / "node_modules")
    if os.geteuid() == 0:
        # Functions of `dev` may write to the app's folder, so none of them runs as root.
        os.chown(tmp_path / "pictures", 65534, 65534)
    with Reader(tmp_path, env={"FERRYMAN_FUNCTIONS": "sandboxed"}) as reader:
        for block in blocks(page):
            reader.follow(block)
        assert "trusted" not in reader.said
