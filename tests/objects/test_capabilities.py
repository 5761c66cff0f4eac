"""What is tried of a store at start: real stores, and habits of others by a proxy before Ceph."""

from unittest import mock

import pytest

from ferryman.errors import ConfigError, LimitExceeded, OutsideError, PlatformError
from ferryman.objects.s3.store import S3Store
from tools.ceph import Ceph

from .odd_store import (
    Asked,
    Said,
    Twist,
    busy_at_first,
    mixes_parts,
    odd_store,
    refuses_late_parts_and_is_harmed,
    refuses_parts,
    refuses_sha256,
    takes_late_parts,
    takes_parts,
)
from .s3_servers import S3Server, s3_at
from .serving import part_request, run


def refused(store: S3Store) -> PlatformError:
    """What a platform on it ends with; nothing is left behind."""
    with pytest.raises(PlatformError) as caught:
        run(store.check())
    assert run(left_behind(store)) == []
    return caught.value


async def left_behind(store: S3Store) -> list[str]:
    bucket = store._bucket.address.bucket
    uploads = await store._bucket.client.list_multipart_uploads(Bucket=bucket)
    files = await store._bucket.client.list_objects_v2(Bucket=bucket)
    return [each["Key"] for each in [*uploads.get("Uploads", ()), *files.get("Contents", ())]]


def test_ceph_does_all_but_take_fewer_parts(ceph: Ceph) -> None:
    with s3_at(ceph) as store, mock.patch("ferryman.objects.s3.capabilities.log") as log:
        run(store.check())
        assert run(left_behind(store)) == []
        assert (store.max_parts, store.compare_etags) == (10_000, False)
        assert store.checksums == ("sha256",)
        assert run(store.begin_single(part_request(1, b"small"))) is not None
    [told] = log.info.call_args_list
    assert (told.kwargs["habit"], told.kwargs["found"]) == ("takes_fewer_parts", False)
    assert not log.warning.called


def test_a_store_that_checks_no_digest_is_refused(moto: S3Server) -> None:
    with s3_at(moto) as store:
        error = refused(store)
    assert (type(error), error.code) == (ConfigError, "store_unsuitable")
    assert "Content-MD5" in error.expected
    assert "unverified=allow" in error.fix


@pytest.mark.parametrize("lost", ["", "x-amz-content-sha256"])
def test_a_store_that_refuses_the_right_sha256_is_given_the_md5(ceph: Ceph, lost: str) -> None:
    """Or one behind something that drops the header, which is the same to a client."""
    twist = (lambda _: None) if lost else refuses_sha256
    with odd_store(ceph, twist, drops=lost) as odd, s3_at(odd) as store:
        run(store.check())
        assert run(left_behind(store)) == []
        assert (store.checksums, store.compare_etags) == (("sha256", "md5"), False)
        assert run(store.begin_single(part_request(1, b"small"))) is not None


def test_allowed_it_has_the_etags_compared(moto: S3Server) -> None:
    with s3_at(moto, "&unverified=allow") as store:
        run(store.check())
        assert run(left_behind(store)) == []
        assert store.compare_etags
        assert store.checksums == ("sha256", "md5")
        # The URL of a plain PUT outlives the file, and its digest would be all that guards it.
        assert run(store.begin_single(part_request(1, b"small"))) is None


def test_it_is_refused_in_any_case_where_etags_tell_nothing(ceph: Ceph) -> None:
    def takes_anything(asked: object) -> tuple[int, dict[str, str], bytes] | None:
        return (200, {"ETag": '"no-md5"'}, b"") if getattr(asked, "part", 0) else None

    with odd_store(ceph, takes_anything) as odd, s3_at(odd, "&unverified=allow") as store:
        error = refused(store)
    assert (type(error), error.code) == (ConfigError, "store_unsuitable")
    assert "etags" in error.expected


@pytest.mark.parametrize(
    "said",
    [
        (501, {}, b"<Error><Code>NotImplemented</Code></Error>"),
        (404, {}, b""),
        (500, {}, b"<Error><Code>InternalError</Code></Error>"),
        (200, {}, b"<html>no such page"),
        (200, {}, b"<ListBucketResult></ListBucketResult>"),
    ],
    ids=["not implemented", "not found", "broken", "no XML", "a list of files"],
)
def test_a_store_that_lists_no_uploads_is_refused_by_that_name(ceph: Ceph, said: Said) -> None:
    """As s3rver and localbucket, which are there and answer."""

    def lists_none(asked: Asked) -> Said | None:
        return said if asked.method == "GET" and "uploads" in asked.query else None

    with (
        odd_store(ceph, lists_none) as odd,
        s3_at(odd) as store,
        pytest.raises(ConfigError) as caught,
    ):
        run(store.check())
    with s3_at(ceph) as store:
        assert run(left_behind(store)) == []
    assert caught.value.code == "store_unsuitable"
    assert "ListMultipartUploads" in caught.value.expected


@pytest.mark.parametrize("twist", [takes_late_parts, refuses_late_parts_and_is_harmed])
def test_a_store_that_takes_late_parts_is_refused_unless_allowed(ceph: Ceph, twist: Twist) -> None:
    with odd_store(ceph, twist) as odd:
        with s3_at(odd) as store:
            error = refused(store)
        assert (type(error), error.code) == (ConfigError, "store_unsuitable")
        assert "completed upload" in error.expected
        assert "late_parts=allow" in error.fix
        with s3_at(odd, "&late_parts=allow") as store:
            run(store.check())


@pytest.mark.parametrize(
    ("taken", "options", "most"),
    [
        (1_000, "", 1_000),
        (5_000, "", 1_000),
        (5_000, "&max_parts=4000", 4_000),
        (1_000, "&max_parts=4000", 1_000),
        (100, "&max_parts=100", 100),
    ],
)
def test_a_store_that_takes_fewer_parts_gets_fewer(
    ceph: Ceph, taken: int, options: str, most: int
) -> None:
    with odd_store(ceph, takes_parts(taken)) as odd, s3_at(odd, options) as store:
        run(store.check())
        assert store.max_parts == most
        with pytest.raises(LimitExceeded) as over:
            run(store.begin_single(part_request(most + 1, b"")))
        assert over.value.code == "too_many_parts"


def test_a_store_that_takes_hardly_any_parts_is_refused(ceph: Ceph) -> None:
    with odd_store(ceph, takes_parts(100)) as odd, s3_at(odd) as store:
        error = refused(store)
    assert (type(error), error.code) == (ConfigError, "store_unsuitable")
    assert "max_parts" in error.fix


def test_a_store_that_makes_files_of_other_parts_is_refused(ceph: Ceph) -> None:
    with odd_store(ceph, mixes_parts) as odd, s3_at(odd, "&late_parts=allow") as store:
        error = refused(store)
    assert (type(error), error.code) == (ConfigError, "store_unsuitable")
    assert "parts listed" in error.expected


def test_a_store_that_refuses_every_signed_url_has_shown_nothing(ceph: Ceph) -> None:
    with odd_store(ceph, refuses_parts) as odd, s3_at(odd) as store:
        error = refused(store)
    assert (type(error), error.code) == (OutsideError, "store_refused")


def test_a_busy_store_is_asked_again(ceph: Ceph) -> None:
    with odd_store(ceph, busy_at_first(2)) as odd, s3_at(odd) as store:
        run(store.check())
