"""Mistakes in ferryman.toml, beside a sound app."""

from tests.doctor.apps import CONTAINER_APP, FORGE
from tests.doctor.mistakes import M, Mistake

OVERRIDES_MISTAKES = [
    Mistake(
        "manifest_endpoint_service",
        CONTAINER_APP,
        "ferryman.toml",
        "[services.importer]",
        "[services.other]",
        "service: importer",
        found_in=M,
        says="[services.importer]",
    ),
    Mistake(
        "service_unknown",
        CONTAINER_APP,
        "ferryman.toml",
        '"./importer"\n',
        '"./importer"\n\n[services.importr]\ncommand = "true"\n',
        "[services.importr]",
        says="'importer'",
    ),
    Mistake(
        "overrides_malformed",
        CONTAINER_APP,
        "ferryman.toml",
        '"./importer"\n',
        '"./importer"\nport = 70_000\n',
        "port = 70_000",
        says="a port from 1 to 65535",
    ),
    Mistake(
        "service_unknown",
        FORGE,
        "ferryman.toml",
        "",
        '# Nothing of ours.\n[services.importer]\ncommand = [\n  "true",\n]\n',
        "services.importer",
        says="none is declared",
    ),
    Mistake("overrides_malformed", FORGE, "ferryman.toml", "", "# a\n[alias\n", "[alias"),
    Mistake(
        "overrides_malformed",
        FORGE,
        "ferryman.toml",
        "",
        "[alias]\n[product]\n",
        "[product]",
        says="products",
    ),
    Mistake(
        "overrides_malformed",
        FORGE,
        "ferryman.toml",
        "",
        "[test-handler]\nstate-funktion = ''\n",
        "state-funktion",
        says="state-function",
    ),
    Mistake("alias_file_missing", FORGE, "ferryman.toml", "", '[alias]\n"a" = "b.js"\n'),
]
