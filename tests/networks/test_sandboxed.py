"""Functions in a sandbox behind a private authority, of the platform and of its object store."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformBehind, PlatformProcess, free_port
from tests.networks.authority import Authority
from tests.networks.programs import HOST, scratch, tls_servers, with_hosts
from tools.ceph import Ceph

PYTHON = """\
import hashlib
from ferryman import Migration

def run(event, context):
    if not event["eventType"].endswith("uploaded:app_data"):
        return
    with Migration() as migration:
        with migration.get_app_data_payload(event["key"]) as payload:
            print(hashlib.sha256(payload.content()).hexdigest())
        print(migration.get_app_data_url(event["key"]).split("?")[0])
        migration.message_processed(event["transferId"], event["messageId"])
"""
JAVASCRIPT = """\
import { createHash } from 'node:crypto';
import { migration } from '@forge/migrations';

export async function run(event) {
  if (!event.eventType.endsWith('uploaded:app_data')) return;
  const payload = await migration.getAppDataPayload(event.key);
  const digest = createHash('sha256').update(Buffer.from(await payload.arrayBuffer()));
  console.log(digest.digest('hex'));
  await migration.messageProcessed(event.transferId, event.messageId);
}
"""
SEND = """\
import sys
from ferryman import Gateway

url, token, transfer = sys.stdin.read().split()
with Gateway(url, token, transfer) as gateway:
    with gateway.create_app_data("notes") as file:
        file.write(b"harbour" * 10_000)
"""
DATA = b"harbour" * 10_000
STORE = "127.0.0.1"
"""Ceph takes another name for that of a bucket."""


@dataclass(frozen=True)
class Private:
    """A platform whose public URL and object store only its own network knows and trusts."""

    platform: PlatformProcess
    url: str
    store: str
    known: tuple[str, ...]
    authorities: Path


@pytest.fixture(scope="module")
def platform(ceph: Ceph, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Private]:
    """A platform and a store behind TLS, at a name whose certificate a private authority signed.

    ``SSL_CERT_FILE`` is a link, as in the folders of distributions.
    """
    bucket = f"ferryman-{uuid4().hex[:8]}"
    keys = ceph.environment
    boto3.resource(
        "s3",
        endpoint_url=ceph.endpoint,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        region_name=keys["AWS_REGION"],
    ).Bucket(bucket).create()
    with scratch("private") as folder:
        authority = Authority(folder, "Harbour Root")
        link = folder / "authorities.pem"
        link.symlink_to(authority.file.name)
        port = free_port()
        with (
            tls_servers(port, {"platform": authority.issue(HOST)}) as front,
            tls_servers(
                int(ceph.endpoint.rpartition(":")[2]), {"store": authority.issue(STORE)}
            ) as store,
        ):
            platform = PlatformBehind(
                tmp_path_factory.mktemp("private") / "data",
                port=port,
                clock="real",
                object_store=f"s3://{bucket}/data?endpoint=https://{STORE}:{store['store']}",
                wrapper=with_hosts(folder),
                env={
                    **keys,
                    "FERRYMAN_FUNCTIONS": "sandboxed",
                    "FERRYMAN_PUBLIC_URL": f"https://{HOST}:{front['platform']}",
                    "SSL_CERT_FILE": str(link),
                },
            )
            with platform:
                url = f"https://{HOST}:{front['platform']}"
                origin = f"https://{STORE}:{store['store']}"
                yield Private(platform, url, origin, with_hosts(folder), link)


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_function_reads_what_a_private_authority_vouches_for(
    platform: Private,
    tmp_path: Path,
    language: str,
    request: pytest.FixtureRequest,
) -> None:
    running = platform.platform
    more: dict[str, Any] = {"code": PYTHON}
    if language == "javascript":
        request.getfixturevalue("javascript")
        more = {"code": JAVASCRIPT, "file": "index.js"}
    found = running.hosting()
    if not found.startswith("sandboxed"):
        pytest.skip(found)
    migration = FunctionMigration.begin(running, tmp_path / "app", **more)
    given = (platform.url, migration.tokens["serverToken"], migration.transfer_id)
    subprocess.run(
        [*platform.known, sys.executable, "-c", SEND],
        input=" ".join(given),
        env={**os.environ, "SSL_CERT_FILE": str(platform.authorities), "NO_PROXY": "*"},
        check=True,
        text=True,
    )
    said = migration.printed(migration.message_of("notes")).splitlines()
    assert said[0] == sha256(DATA).hexdigest()
    if language == "python":
        assert said[1].startswith(f"{platform.store}/")
