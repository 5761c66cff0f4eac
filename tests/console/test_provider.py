"""Sign-in by a real identity provider, in a real browser, on hosts of two sites."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from ferryman.vocab import EventType
from tests.console.people import Console
from tests.console.real_provider import PEOPLE, SECRET, RealProvider, install
from tests.console.test_looks import faults
from tests.kit.migration import AppMigration
from tests.kit.platform import Caller, PlatformProcess, free_port, wait_until

pytestmark = pytest.mark.timeout(600)


@dataclass
class Site:
    """A platform, and the provider by which its people sign in."""

    platform: PlatformProcess
    provider: RealProvider

    @property
    def url(self) -> str:
        return f"{self.provider.console}/console/"

    @property
    def admin(self) -> Caller:
        return self.platform.caller(self.platform.operator_token)

    def sign_in(self, page: Page, name: str) -> None:
        """Begin at the console, and tell the provider who it is."""
        page.goto(f"{self.url}sign-in")
        page.get_by_role("link", name="Sign in with").click()
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Go on").click()

    def actors(self) -> list[tuple[str, str]]:
        rows = self.admin.ok("GET", "/admin/v1/audit?pageSize=20")["items"]
        return [(row["operation"], row["actor"]) for row in rows]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("provider"), free_port()
    provider = RealProvider(install(folder / "npm"), port)
    provider.start()
    try:
        with PlatformProcess(folder / "data", port=port, env=provider.settings) as platform:
            # Browsers alone know the name of its public address.
            platform.url = f"http://127.0.0.1:{port}"
            admin = platform.caller(platform.operator_token)
            for customer in ("acme", "bolt"):
                admin.ok("POST", "/admin/v1/customers", {"customer": customer})
            yield Site(platform, provider)
    finally:
        provider.stop()


@pytest.fixture(scope="module")
def chromium(site: Site, browser: Browser) -> Browser:
    """Begun after the platform, whose start needs a loop of its own."""
    return browser


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with chromium.new_context() as context:
        context.set_default_timeout(60_000)
        yield context


@pytest.fixture
def tab(context: BrowserContext) -> Page:
    return context.new_page()


def test_a_person_comes_by_a_link_in_a_mail(site: Site, tab: Page) -> None:
    """From another site to the page that was sent, through the provider, and without a loop."""
    tab.goto(f"{site.provider.issuer}/mail?to={site.url}messages?state=any")
    tab.get_by_role("link").click()
    tab.get_by_role("link", name="Sign in with").click()
    tab.get_by_label("Name").fill("ada")
    tab.get_by_role("button", name="Go on").click()
    expect(tab.get_by_role("heading", name="Messages")).to_be_visible()
    assert tab.url == f"{site.url}messages?state=any"
    tab.goto(f"{site.provider.issuer}/mail?to={site.url}apps")
    tab.get_by_role("link").click()
    expect(tab.get_by_role("heading", name="Apps")).to_be_visible()
    tab.locator("summary .who").click()
    expect(tab.locator(".menu")).to_contain_text("ada@acme.example (ada)")
    assert ("sign_in", "ada@acme.example (ada)") in site.actors()


def test_what_a_person_does_is_in_the_audit_log_under_their_name(site: Site, tab: Page) -> None:
    site.sign_in(tab, "ada")
    tab.get_by_role("button", name="+15 min").click()
    wait_until(lambda: site.actors()[0] == ("advance_clock", "ada@acme.example (ada)"))


def test_groups_give_a_role_and_customers(site: Site, tab: Page) -> None:
    site.sign_in(tab, "bo")
    expect(tab.get_by_role("heading", name="Overview")).to_be_visible()
    tab.locator("summary .who").click()
    expect(tab.locator(".menu")).to_contain_text("viewer, of acme")
    answer = tab.goto(f"{site.url}audit")
    assert answer is not None
    assert answer.status == 403


def test_the_overview_can_be_of_one_customer(site: Site) -> None:
    console = Console(site.platform)
    console.sign_in(site.platform.operator_token)
    assert '<option value="acme">acme</option>' in console.text()
    assert '<option value="acme" selected>acme</option>' in console.text("overview?customer=acme")
    assert console.get("overview?customer=nobody").status == 404


def test_a_trial_is_for_a_customer(site: Site) -> None:
    """Chosen where there are several; the next event goes to the open trial for that one."""
    made = AppMigration.register_app(site.platform)
    app = f"{made.registration['cloudAppKey']}@development"
    console = Console(site.platform)
    console.sign_in(site.platform.operator_token)
    page = console.text("try")
    for form in ("event", "drop"):
        assert f'<select id="{form}-customer" name="customer">' in page
    event = {"app": app, "event": EventType.UPLOADED.value, "label": "boards", "body": "three"}
    places = [
        console.send("try/event", customer=customer, **event).headers["location"]
        for customer in ("bolt", "acme", "bolt")
    ]
    sent = [dict(parse_qsl(urlsplit(place).query)) for place in places]
    assert [each["customer"] for each in sent] == ["bolt", "acme", "bolt"]
    assert sent[0]["sent"] == sent[2]["sent"] != sent[1]["sent"]
    found = site.admin.ok("GET", f"/admin/v1/transfers?cloudAppKey={app}&customer=bolt")["items"]
    assert [each["transferId"] for each in found] == [sent[0]["sent"]]
    begun = console.send("try/step", step="begin", app=app, customer="acme")
    assert begun.json["transferId"]


def test_a_plan_names_its_customer(site: Site) -> None:
    """Its key is that customer's alone, and others find nothing there: no page, copy or archive."""
    app = AppMigration.register_app(site.platform)
    fields = {"name": "Wave", "site": "https://wave.example", "source": "s", "key": "k"}
    fields["apps"] = app.registration["cloudAppKey"]
    consoles, places = {}, {}
    for customer in ("acme", "bolt"):
        made = {"name": f"of-{customer}", "role": "operator", "customers": [customer]}
        consoles[customer] = Console(site.platform)
        consoles[customer].sign_in(site.admin.ok("POST", "/admin/v1/tokens", made)["token"])
        assert '<select id="customer"' not in consoles[customer].text("migrations/new")
        reply = consoles[customer].send("migrations", **fields)
        assert reply.status == 303
        places[customer] = reply.headers["location"].rpartition("/")[2]
    operator = Console(site.platform)
    operator.sign_in(site.platform.operator_token)
    assert '<select id="customer" name="customer">' in operator.text("migrations/new")
    same = operator.send("migrations", **fields, customer="bolt").headers["location"]
    assert len({*places.values(), same.rpartition("/")[2]}) == 3
    own, foreign = places["acme"], places["bolt"]
    unknown = own[:-4] + ("0000" if own[-4:] != "0000" else "1111")
    for action in ("copy", "archive", "unarchive", "start"):
        answers = [
            consoles["acme"].send(f"migrations/{each}/{action}", name="Mine", key="k")
            for each in (foreign, unknown)
        ]
        assert [each.status for each in answers] == [404, 404]
        bodies = [each.body.decode() for each in answers]
        assert bodies[0].replace(foreign, "") == bodies[1].replace(unknown, "")
    assert consoles["acme"].send(f"migrations/{own}/copy", name="Mine", key="k").status == 303


def test_whoever_has_no_role_is_told_why(site: Site, tab: Page, axe: str) -> None:
    site.sign_in(tab, "cy")
    expect(tab.get_by_role("heading", name="You are not signed in")).to_be_visible()
    expect(tab.locator("main")).to_contain_text("'staff'")
    assert faults(tab, axe) == []
    assert not [each for each in _sessions(site) if "cy@" in each]


def test_whom_the_provider_refuses_loses_the_session_too(site: Site, tab: Page, axe: str) -> None:
    """They signed in an hour ago and must do so again; by now their account is blocked."""
    site.sign_in(tab, "bo")
    expect(tab.get_by_role("heading", name="Overview")).to_be_visible()
    assert [each for each in _sessions(site) if each.startswith("bo@")]
    before = _sessions(site)
    tab.context.clear_cookies(domain="127.0.0.1")
    site.sign_in(tab, "nobody")
    expect(tab.get_by_role("heading", name="You are not signed in")).to_be_visible()
    expect(tab.locator("main")).to_contain_text("access_denied")
    assert faults(tab, axe) == []
    assert len(_sessions(site)) == len(before) - 1
    tab.goto(site.url)
    expect(tab.get_by_role("link", name="Sign in with")).to_be_visible()


def test_a_session_ends_when_a_person_leaves(site: Site, tab: Page) -> None:
    site.sign_in(tab, "bo")
    expect(tab.get_by_role("heading", name="Overview")).to_be_visible()
    tab.locator("summary .who").click()
    tab.get_by_role("button", name="Sign out").click()
    expect(tab.get_by_role("link", name="Sign in with")).to_be_visible()
    wait_until(lambda: site.actors()[0] == ("sign_out", "bo@acme.example (bo)"))


def test_an_admin_ends_a_session(site: Site, tab: Page) -> None:
    """Every replica refuses it within five seconds, as it does a revoked token."""
    site.sign_in(tab, "bo")
    expect(tab.get_by_role("heading", name="Overview")).to_be_visible()
    for session in site.admin.ok("GET", "/admin/v1/sessions")["items"]:
        if session["name"].startswith("bo@"):
            site.admin.ok("POST", f"/admin/v1/sessions/{session['sessionId']}/end")
    wait_until(lambda: _is_out(tab, site))


def test_a_session_ends_with_that_at_the_provider(site: Site, tab: Page) -> None:
    """The provider calls, and all of that sign-in is over; other people go on."""
    other = Console(site.platform)
    other.sign_in(site.platform.operator_token)
    site.sign_in(tab, "bo")
    expect(tab.get_by_role("heading", name="Overview")).to_be_visible()
    tab.goto(f"{site.provider.issuer}/session/end")
    tab.get_by_role("button", name="Yes").click()
    wait_until(lambda: _is_out(tab, site))
    assert ("sign_out", "bo@acme.example (bo)") in site.actors()
    assert other.get().status == 200


@pytest.mark.parametrize("short_tokens", [False, True])
def test_new_keys_of_the_provider_are_found(
    site: Site, chromium: Browser, short_tokens: bool
) -> None:
    """A restart brings keys that nobody has seen; groups come in either of two ways."""
    site.provider.stop()
    site.provider.start(short_tokens=short_tokens)

    def enters() -> bool:
        with chromium.new_context() as context:
            context.set_default_timeout(60_000)
            page = context.new_page()
            site.sign_in(page, "ada")
            page.locator("h1").wait_for()
            return "Overview" in page.locator("h1").inner_text()

    assert wait_until(enters)


def test_a_provider_that_is_down_is_named(site: Site, tab: Page) -> None:
    """Signing in by a token still works, and nothing is begun."""
    person = Console(site.platform)
    assert person.get("provider").status == 303
    site.provider.stop()
    try:
        begun = person.get("provider")
        assert begun.status == 303, "what the provider said of itself is kept for an hour"
        [state] = parse_qs(urlsplit(begun.headers["location"]).query)["state"]
        back = {"state": state, "code": "x", "iss": site.provider.issuer}
        reply = person.get(f"signed-in?{urlencode(back)}")
        assert (reply.status, b"identity_provider_unavailable" in reply.body) == (503, True)
        assert person.get().status == 303
        tab.goto(f"{site.url}sign-in")
        tab.get_by_text("Sign in by an access token").click()
        tab.get_by_label("Access token").fill(site.platform.operator_token)
        tab.get_by_role("button", name="Sign in").click()
        expect(tab.get_by_role("heading", name="Overview")).to_be_visible()
    finally:
        site.provider.start()


def test_no_secret_is_in_the_log(site: Site) -> None:
    said = site.platform.log.read_text()
    assert "request.answered" in said
    assert SECRET not in said
    assert not re.search(r"fm_session_|code=|state=|ey[A-Za-z0-9_-]{20}", said)
    assert not [person for person in PEOPLE if f'"{person}@acme.example"' in said]


def _is_out(tab: Page, site: Site) -> bool:
    """Whether the cookies of a browser open nothing."""
    copied = Console(site.platform)
    copied.cookies = {
        str(each.get("name")): str(each.get("value")) for each in tab.context.cookies(site.url)
    }
    assert copied.cookies
    return copied.get().status == 303


def _sessions(site: Site) -> list[str]:
    return [each["name"] for each in site.admin.ok("GET", "/admin/v1/sessions")["items"]]
