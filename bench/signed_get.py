"""Reading a file of the local store by its signed URL, against nginx giving the same file.

Both read from the page cache. Ours checks the signature first. SIZE=256M makes the file smaller.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench._platform import await_answer, begin_transfer, cloud_token, free_port, serving
from bench.report import Figure, MissingError
from bench.s3 import carried, timed
from bench.uploads import parse_size, show_size, write_source
from ferryman import Migration

_CONF = """\
{user}daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    sendfile on;
    client_body_temp_path {folder}/t1;
    proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


def run() -> list[Figure]:
    """Measure one reader, then eight in parallel."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise MissingError("no nginx here: apt-get install nginx-light")
    size = parse_size(os.environ.get("SIZE", "1G"))
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded database runs as a user of its own under root
        write_source(folder / "source", size)
        with serving(folder / "data") as platform, _nginx(program, folder) as peer:
            token, transfer_id = begin_transfer(platform)
            carried("_send", token, platform.url, transfer_id, str(folder / "source"))
            with Migration(platform.url, cloud_token(platform)) as migration:
                [file] = migration.iter_app_data(transfer_id)
                url = migration.get_app_data_url(file.key)
            for readers in (1, 8):
                theirs = timed("_read", str(readers), given=f"{peer}/source")
                ours = timed("_read", str(readers), given=url)
                figures.append(
                    Figure(
                        figure=f"signed GET of {show_size(size)}, {readers} at once",
                        unit="s",
                        ours=ours,
                        peer=theirs,
                        peer_name="nginx",
                    )
                )
    return figures


@contextmanager
def _nginx(program: str, folder: Path) -> Iterator[str]:
    port = free_port()
    user = "user root;\n" if os.geteuid() == 0 else ""
    conf = folder / "nginx.conf"
    conf.write_text(_CONF.format(user=user, folder=folder, port=port))
    process = subprocess.Popen([program, "-c", str(conf), "-e", str(folder / "nginx.log")])
    try:
        await_answer(f"http://127.0.0.1:{port}/nginx.conf", "nginx")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)
