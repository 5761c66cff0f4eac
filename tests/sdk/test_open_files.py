"""The account of unfinished files: which earlier tries does a new one wait for?"""

from ferryman.sdk.open_files import OpenFile, OpenFiles


def test_a_new_try_waits_for_the_wire_of_failed_tries_of_its_key() -> None:
    files = OpenFiles()
    waited: list[str] = []

    def begin(key: str | None, name: str) -> OpenFile:
        file = files.begin("label", key)
        file.wait_for_wire = lambda: waited.append(name)
        return file

    files.fail(begin("k", "failed"), "no disk")
    files.fail(begin("other", "of another key"), "no disk")
    files.fail(begin(None, "without a key"), "no disk")
    files.end(begin("k", "abandoned"), registered=False)
    begin("k", "still open")
    files.wait_for_wire(begin("k", "itself"))
    assert waited == ["failed"]
