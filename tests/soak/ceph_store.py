"""A Ceph that outlives the SIGKILL of each of its processes: its objects are in a file."""

import os
import re
import shutil
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3

from tests.soak.kept import Kept, wait_for
from tools.ceph import ACCESS_KEY, ON_DISK, REGION, SECRET_KEY, commands, create

BUCKET = "soak"
GATEWAY, OBJECTS, MONITOR = "radosgw", "ceph-osd", "ceph-mon"


class CephStore:
    """A monitor, an OSD and the S3 gateway before them, in a folder that it may have had before."""

    def __init__(self, folder: Path) -> None:
        self.servers: dict[str, Kept] = {}
        self._log = folder / "servers.log"
        conf = folder / "ceph.conf"
        if (folder / "made").exists():
            for program, *words in commands(folder):
                self._keep(program, *words)
            port = re.search(r"endpoint=127\.0\.0\.1:(\d+)", conf.read_text())
            assert port is not None
            self.endpoint = f"http://127.0.0.1:{port[1]}"
            wait_for("Ceph", self.answers)
            return
        shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed while it made it
        folder.mkdir(parents=True)
        with (folder / "start.log").open("ab") as log:
            self.endpoint = create(folder, log, self._keep, ON_DISK)
        self._client().create_bucket(Bucket=BUCKET)
        (folder / "made").touch()

    def _keep(self, program: str, *words: str) -> None:
        self.servers[program] = Kept([program, *words], self._log, os.environ)

    def answers(self) -> bool:
        """Whether its gateway answers anything at all."""
        with suppress(OSError), urllib.request.urlopen(self.endpoint, timeout=2):  # noqa: S310
            return True
        return False

    @property
    def environment(self) -> dict[str, str]:
        """The keys, by which the platform reaches it."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
        }

    def objects(self) -> int:
        """Count what the bucket holds."""
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return sum(page["KeyCount"] for page in pages)

    def close(self) -> None:
        """End its servers; the gateway first, which asks the others."""
        for program in (GATEWAY, OBJECTS, MONITOR):
            if program in self.servers:
                with suppress(Exception):  # the next start takes it from its journal
                    self.servers[program].close(gently=program != GATEWAY)

    def _client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name=REGION,
        )
