"""Which ids a container service may call under, and the header that names one."""

import pytest

from ferryman.devtools.services.invocations import LIFE_SECONDS, MOST, Invocations
from ferryman.errors import Expired, Invalid, NotAuthenticated, PlatformError
from ferryman.functions.service_call import invocation_of


class Clock:
    """Seconds that the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    "header",
    [
        "Forge as=app,id=51f6285d",
        "forge as=app, id=51f6285d",
        "Forge id=51f6285d,as=app",
        "  Forge   as=app,id=51f6285d ",
    ],
)
def test_the_main_form_is_taken(header: str) -> None:
    assert invocation_of(header) == "51f6285d"


@pytest.mark.parametrize(
    ("header", "code", "found"),
    [
        (None, "missing", "no such header"),
        ("", "malformed", "another form"),
        ("Bearer secret", "malformed", "another form"),
        ("Forge", "malformed", "another form"),
        ("Forge 51f6285d", "malformed", "another form"),
        ("Forge as=app;id=51f6285d", "malformed", "another form"),
        ("Forge as=app,id=", "malformed", "another form"),
        (f"Forge as=app,id={'a' * 300}", "malformed", "another form"),
        ("Forge as=app,id=a,id=b", "malformed", "a parameter twice"),
        ("Forge as=user,id=51f6285d", "unsupported", "as=user"),
        ("Forge id=51f6285d", "unsupported", "no as=app"),
        ("Forge as=other,id=51f6285d", "unsupported", "no as=app"),
        ("Forge as=app", "unsupported", "the parameters as"),
        ("Forge as=app,installationId=i", "unsupported", "the parameters as, installationId"),
        ("Forge as=app,id=a,installationId=i", "unsupported", "the parameters as, id, inst"),
    ],
)
def test_any_other_is_refused_with_what_was_expected(
    header: str | None, code: str, found: str
) -> None:
    """Never with a value, which may be a secret of something else."""
    with pytest.raises(PlatformError) as error:
        invocation_of(header)
    assert error.value.code == f"service_authorization_{code}"
    assert "Forge as=app,id=ID" in error.value.expected
    assert error.value.found.startswith(found)


def test_an_id_opens_the_proxy_for_the_life_of_an_invocation() -> None:
    clock = Clock()
    invocations = Invocations(clock)
    invocations.begin("a", "token")
    clock.now += LIFE_SECONDS
    assert invocations.token("a") == "token"
    clock.now += 1
    with pytest.raises(Expired, match="its time has passed"):
        invocations.token("a")
    clock.now += LIFE_SECONDS
    invocations.begin("b", "token")
    with pytest.raises(NotAuthenticated):
        invocations.token("a")


def test_an_invocation_that_failed_is_over_by_its_first_reason() -> None:
    invocations = Invocations(Clock())
    for invocation in ("a", "b"):
        invocations.begin(invocation, "token")
    invocations.end("a", "the service answered 500")
    invocations.end("unknown", "nobody's")
    assert invocations.token("b") == "token"
    invocations.end_all("the program has ended")
    with pytest.raises(Expired, match="answered 500"):
        invocations.token("a")
    with pytest.raises(Expired, match="the program has ended"):
        invocations.token("b")


def test_an_id_is_used_once() -> None:
    """Else whoever knows one could put a token of their own in its place."""
    invocations = Invocations(Clock())
    invocations.begin("a", "token")
    with pytest.raises(Invalid):
        invocations.begin("a", "another")
    assert invocations.token("a") == "token"


def test_memory_stays_bounded() -> None:
    invocations = Invocations(Clock())
    for number in range(MOST + 1):
        invocations.begin(str(number), "token")
    assert invocations.token("1") == "token"
    with pytest.raises(NotAuthenticated):
        invocations.token("0")
