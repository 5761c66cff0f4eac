"""The trace of a call goes with its message to the app that gets it."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ferryman import tracing
from ferryman.api.application import create_app
from ferryman.api.auth import Credentials
from ferryman.domain.outcome import Outcome
from ferryman.services import app as app_service
from ferryman.services.key_ring import KeyRing
from ferryman.tokens import SigningKey
from ferryman.vocab import EventType
from ferryman.wire.app import AppCredentials, AppRegistration
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess
from tests.kit.receiver import receiving
from tests.kit.services import Services, open_services
from tests.kit.worker import running_worker, until

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


def listening_at(url: str) -> dict[str, object]:
    """A manifest whose one remote gets every file."""
    return {
        "app": {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"},
        "remotes": [{"key": "remote", "baseUrl": url, "operations": ["compute"]}],
        "modules": {
            "endpoint": [{"key": "endpoint", "remote": "remote", "route": {"path": "/in"}}],
            "trigger": [
                {"key": "trigger", "endpoint": "endpoint", "events": [EventType.TRIGGERED.value]}
            ],
        },
    }


async def have_listen_at(services: Services, url: str) -> AppCredentials:
    """Have the app listen at ``url`` from now on."""
    request = AppRegistration(
        kind=services.app.kind,
        server_app_key=services.app.server_app_key,
        cloud_app_key=services.app.cloud_app_key,
        manifest=listening_at(url),
    )
    return await app_service.register(services.platform, request)


def test_a_remote_goes_on_with_the_trace_of_the_call(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Claiming owes the first event; the second claim comes without a trace, which begins one."""
    with receiving() as receiver:
        for headers in ({"traceparent": PARENT}, {"traceparent": "00-nonsense"}):
            migration = FunctionMigration.begin(
                platform_process, app_folder, claim=False, manifest=listening_at(receiver.url)
            )
            request = {
                "serverAppKeys": [migration.registration["serverAppKey"]],
                "agentId": "agent",
                "waitSeconds": 0,
            }
            path = "/server/v1/listeners/claim"
            assert migration.server.call("POST", path, request, headers=headers).status == 200
            migration.advance(1)
        first, second = (
            {k.lower(): v for k, v in got.headers.items()} for got in receiver.received
        )
    for headers in (first, second):
        assert tracing.parse(headers["traceparent"]) is not None
        assert headers["x-b3-traceid"] in headers["traceparent"]
        assert headers["x-b3-spanid"] in headers["traceparent"]
    assert first["x-b3-traceid"] == TRACE_ID
    assert first["traceparent"].endswith("-01")
    assert second["x-b3-traceid"] != TRACE_ID


async def test_a_call_its_message_and_its_delivery_are_spans_of_one_trace(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API and a worker in this process, where OpenTelemetry keeps what they made."""
    for name in ("REMOTE", "HEARTBEAT"):  # one attempt is enough, however slow the machine
        monkeypatch.setenv(f"FERRYMAN_{name}_SECONDS", "60")
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracers", [provider.get_tracer("ferryman")])

    async def post(*_: object, **__: object) -> Outcome:
        raise AssertionError("no Connect app is here")

    async def scene(url: str) -> None:
        async with open_services(database, tmp_path) as services:
            token = (await have_listen_at(services, url)).server_token
            await services.create_transfer()
            credentials = Credentials("an operator's token", KeyRing(SigningKey.generate()))
            api: Any = create_app(services.platform, credentials, asyncio.Event(), post)
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app=api), base_url="http://platform"
            ) as client:
                answer = await client.post(
                    "/server/v1/listeners/claim",
                    json={"serverAppKeys": [services.app.server_app_key], "waitSeconds": 0},
                    headers={"Authorization": f"Bearer {token}", "traceparent": PARENT},
                )
            assert answer.status_code == 200

            async def delivered() -> bool:
                return (await services.message_states())["DELIVERED"] == 1

            async with running_worker(services, database):
                await until(delivered)

    with receiving() as receiver:
        await scene(receiver.url)
    call, delivery = exporter.get_finished_spans()
    assert call.name == "POST /server/v1/listeners/claim"
    assert delivery.name == f"deliver {EventType.TRIGGERED.value}"
    assert delivery.attributes is not None
    assert delivery.attributes["ferryman.delivered"] is True
    for span, parent in ((call, int(PARENT[36:52], 16)), (delivery, call.context.span_id)):
        assert f"{span.context.trace_id:032x}" == TRACE_ID
        assert span.parent is not None
        assert span.parent.span_id == parent
    [got] = receiver.received
    headers = {name.lower(): value for name, value in got.headers.items()}
    assert headers["traceparent"] == f"00-{TRACE_ID}-{delivery.context.span_id:016x}-01"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        PARENT.upper(),
        PARENT + "-00",
        PARENT.replace(TRACE_ID, "0" * 32),
        "00-" + TRACE_ID + "-" + "0" * 16 + "-01",
        "ff" + PARENT[2:],
    ],
)
def test_what_is_no_trace_is_left_out(header: str | None) -> None:
    assert tracing.parse(header) is None


def test_a_trace_ends_with_its_block() -> None:
    with tracing.span("call", PARENT, "server"):
        assert tracing.current() == PARENT
        with tracing.span("attempt", None, "client"):
            assert tracing.current() is None
        assert tracing.current() == PARENT
    assert tracing.current() is None
