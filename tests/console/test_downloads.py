"""Lists as files, and the pages of notices and queues, without a browser."""

import csv
import io
import json
import re
from html import unescape
from pathlib import Path

from tests.console.people import Console
from tests.kit.function_app import FunctionMigration
from tests.kit.migration import AppMigration
from tests.kit.platform import PlatformProcess, wait_until
from tests.kit.queues import QueueApp

FORMULA = '=HYPERLINK("http://harbour.example";"click")'


def rows_of(console: Console, link: str) -> list[dict[str, str]]:
    reply = console.get(link)
    assert reply.status == 200, reply.body[:500]
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="\w+\.csv"', reply.headers["content-disposition"])
    return list(csv.DictReader(io.StringIO(reply.body.decode("utf-8-sig"), newline="")))


def download_of(console: Console, page: str) -> list[dict[str, str]]:
    """Download what a page lists, by its own link."""
    found = re.search(r'<a href="\./([\w.]+\.csv[^"]*)" download>', console.text(page))
    assert found is not None, page
    return rows_of(console, unescape(found[1]))


def test_a_list_is_downloaded_by_its_filters(console: Console, failing: FunctionMigration) -> None:
    """Whole, however many pages it has; what a spreadsheet would run is text."""
    app = failing.registration["cloudAppKey"]
    failing.create(name=FORMULA)
    failing.start()
    failing.claim()
    [transfer] = download_of(console, f"migrations?app={app}&text=hyperlink&columns=app")
    assert transfer["transferId"] == failing.transfer_id
    assert transfer["migrationDetails.name"] == f"'{FORMULA}"
    assert transfer["cloudAppKey"] == app
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", transfer["createdAt"])
    assert len(download_of(console, f"migrations?app={app}")) == 2
    assert download_of(console, f"migrations?app={app}&status=SKIPPED") == []

    sent = f"messages?state=any&app={app}&event=avi:ecosystem.migration:uploaded:app_data"
    [message] = download_of(console, sent)
    assert message["label"] == "boards"
    [audited, *_] = download_of(console, f"audit?target={failing.migration_id}")
    assert audited["target"] == failing.migration_id
    assert console.get("migrations.csv?app=nobody").status == 404


def test_mappings_are_downloaded_and_loaded_again(
    console: Console, platform_process: PlatformProcess
) -> None:
    """More than a page of them: for a spreadsheet, and exactly."""
    here, there = (AppMigration.register_app(platform_process) for _ in range(2))
    for each in (here, there):
        each.create(sourceId=each.registration["serverAppKey"])
    pages = [f"migrations/{each.migration_id}/mappings" for each in (here, there)]
    lines = [f"jira:issue,{number},1{number}" for number in range(1_100)]
    rows = "\n".join(["namespace,serverKey,cloudKey", *lines, 'jira:name,"=1+1","a ""b"""'])
    assert console.send(pages[0], rows=rows).status == 200
    text = console.text(f"mappings?migration={here.migration_id}")
    links = re.findall(r'href="\./(migrations/[^"]+/mappings\.\w+)[^"]*" download', text)
    assert links == [f"{pages[0]}.csv", f"{pages[0]}.ndjson"]
    table = rows_of(console, f"{links[0]}?namespace=jira:name")
    assert [(each["serverKey"], each["cloudKey"]) for each in table] == [("'=1+1", 'a "b"')]
    assert len(rows_of(console, links[0])) == 1_101
    exact = console.get(links[1]).body.decode()
    assert console.send(pages[1], rows=exact).status == 200
    read = [json.loads(each) for each in console.get(f"{pages[1]}.ndjson").body.splitlines()]
    keys = ("namespace", "serverKey", "cloudKey")
    assert [[each[key] for key in keys] for each in read] == [
        [json.loads(each)[key] for key in keys] for each in exact.splitlines()
    ]
    assert console.get(f"{pages[0]}.csv?prefix=none").body.count(b"\n") == 1
    assert console.get("migrations/0/mappings.csv").status == 404
    for each in (here, there):
        each.cancel()


def test_nobody_downloads_without_a_session(platform_process: PlatformProcess) -> None:
    reply = Console(platform_process).get("audit.csv")
    assert reply.status == 303
    assert "sign-in" in reply.headers["location"]


def test_what_was_told_is_listed(console: Console, failing: FunctionMigration) -> None:
    """Also on the page of one kind, or of what lasts."""
    failing.admin.ok("POST", f"/admin/v1/transfers/{failing.transfer_id}/cancel")
    failing.advance(3700)
    row = f'href="./transfers/{failing.transfer_id}"'
    wait_until(lambda: row in console.text("notices?kind=settled"))
    assert row in console.text("notices")
    assert row not in console.text("notices?kind=settled&open=true")
    assert "Where they are told" in console.text("notices")


def test_queues_of_an_app_are_on_a_page_of_it(
    console: Console, platform_process: PlatformProcess, app_folder: Path
) -> None:
    pushing = QueueApp.begin(platform_process, app_folder)
    job = pushing.push({"text": "giraffe"}, delayInSeconds=800)
    page = f"apps/{pushing.migration.tokens['appId']}"
    assert f'href="../{page}/queues"' in console.text(page)
    text = console.text(f"{page}/queues?state=PENDING")
    assert job in text
    assert "giraffe" not in text
    assert job not in console.text(f"{page}/queues?state=FAILED")
    assert "No event matches." in console.text(f"{page}/queues?queue=other")
    assert console.get("apps/nobody/queues").status == 404
