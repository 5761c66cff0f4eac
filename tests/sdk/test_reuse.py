"""A second run sends what changed; what the platform has from the first is not sent again."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from ferryman import Gateway, Migration
from tests.kit.platform import free_port

from .cutting import Cutting, cutting_proxy
from .running import Platform, Running, serving

MIB = 1 << 20
SMALL = 100
SIZE = 40_000
LARGE = 16 * MIB


def export(gateway: Gateway, files: Iterator[tuple[str, bytes]], large: bytes) -> dict[str, str]:
    """Send everything as a listener does; returns the keys by label."""
    keys = {receipt.label or "": receipt.key for receipt in gateway.upload_many(files)}
    with gateway.create_app_data("large") as stream:
        for start in range(0, len(large), MIB):
            stream.write(large[start : start + MIB])
    assert stream.receipt is not None
    gateway.complete_export()
    return keys | {"large": stream.receipt.key}


def check(running: Running, keys: dict[str, str], labels: dict[str, bytes]) -> None:
    """Read files as the cloud app does."""
    with Migration(running.url, running.cloud_token) as migration:
        for label, data in labels.items():
            with migration.get_app_data_payload(keys[label]) as payload:
                assert payload.read() == data


def test_a_second_run_sends_what_changed_and_a_third_survives_a_kill() -> None:
    small = {str(number): os.urandom(SIZE) for number in range(SMALL)}
    large = os.urandom(LARGE)
    port = free_port()
    with (
        tempfile.TemporaryDirectory(prefix="ferryman-sdk-") as name,
        cutting_proxy(f"http://127.0.0.1:{port}") as way,
        ExitStack() as stack,
    ):
        folder = Path(name)
        folder.chmod(0o755)

        def serve() -> Platform:
            data = folder / "data"
            return stack.enter_context(serving(data, port, public_url=way.url, part_bytes=5 * MIB))

        platform = serve()
        running = platform.transfer()

        def run(transfer_id: str, files: Iterator[tuple[str, bytes]]) -> tuple[dict[str, str], int]:
            before = came(way)
            with Gateway(way.url, running.server_token, transfer_id) as gateway:
                keys = export(gateway, files, large)
            return keys, came(way) - before

        first, sent = run(running.transfer_id, iter(small.items()))
        assert sent > SMALL * SIZE + LARGE

        small["0"] = os.urandom(SIZE)  # one in a hundred
        second, sent_again = run(platform.start_again(running), iter(small.items()))
        assert sent_again <= sent * 0.02
        assert not set(first.values()) & set(second.values())
        check(running, second, {**{n: small[n] for n in ("0", "1", "2")}, "large": large})

        def killed_in_the_middle() -> Iterator[tuple[str, bytes]]:
            for number, (label, data) in enumerate(small.items()):
                if number == SMALL // 2:
                    platform.kill()
                    serve()
                yield label, data

        third, _ = run(platform.start_again(running), killed_in_the_middle())
        assert len(third) == SMALL + 1
        check(running, third, {**{n: small[n] for n in ("0", "50", "99")}, "large": large})


def came(way: Cutting) -> int:
    """Bytes that came to the platform by now, calls included."""
    return sum(way.came)
