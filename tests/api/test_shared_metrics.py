"""What several API processes counted is one set of metrics, and no counter ever falls."""

from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import TemporaryFile

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ferryman.api.shared_metrics import SharedMetrics


class Counting:
    """What one process counts, in a registry of its own."""

    def __init__(self, files: list[int], number: int) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter("calls", "Calls", ["path"], registry=self.registry)
        self.running = Gauge("running", "Running", registry=self.registry)
        self.seconds = Histogram("seconds", "Seconds", buckets=(1, 2), registry=self.registry)
        self.free = Gauge("ferryman_disk_free_bytes", "Free", registry=self.registry)
        self.shared = SharedMetrics(files, number, self.registry.collect)

    def count(self, calls: int) -> None:
        self.calls.labels("/a").inc(calls)
        self.running.set(1)
        self.free.set(100 + calls)
        self.seconds.observe(1.5)

    def found(self) -> dict[str, float]:
        """Return what a scrape of this process shows."""
        return {
            f"{sample.name}{sorted(sample.labels.values())}": sample.value
            for metric in self.shared.of_all(self.registry.collect())
            for sample in metric.samples
        }


@pytest.fixture
def files() -> Iterator[list[int]]:
    with ExitStack() as stack:
        yield [stack.enter_context(TemporaryFile()).fileno() for _ in range(2)]


def test_the_one_that_is_scraped_adds_up_all(files: list[int]) -> None:
    first, second = Counting(files, 0), Counting(files, 1)
    first.count(3)
    second.count(4)
    first.shared.write()
    second.shared.write()
    assert first.found() == second.found()
    found = first.found()
    assert found["calls_total['/a']"] == 7
    assert found["running[]"] == 2
    assert found["seconds_bucket['2.0']"] == found["seconds_count[]"] == 2
    assert found["seconds_bucket['1.0']"] == 0
    assert found["ferryman_disk_free_bytes[]"] == 104, "one disk, looked at by both"


def test_a_new_process_goes_on_from_the_one_before(files: list[int]) -> None:
    killed, other = Counting(files, 0), Counting(files, 1)
    killed.count(3)
    killed.shared.write()
    assert other.found()["calls_total['/a']"] == 3
    following = Counting(files, 0)
    assert following.found()["calls_total['/a']"] == 3
    assert following.found()["running[]"] == 0, "what it did is not done by anyone now"
    following.count(2)
    following.shared.write()
    assert other.found()["calls_total['/a']"] == 5
    assert Counting(files, 0).found()["calls_total['/a']"] == 5


def test_half_a_file_is_no_count(files: list[int]) -> None:
    """A process that is killed while it writes leaves what cannot be read, and harms nobody."""
    first, second = Counting(files, 0), Counting(files, 1)
    first.count(3)
    second.count(4)
    first.shared.write()
    with open(files[0], "r+b", closefd=False) as file:
        file.seek(20)
        file.write(b"torn")
    assert second.found()["calls_total['/a']"] == 4
