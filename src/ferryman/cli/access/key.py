"""``ferryman key``: list and rotate the signing keys."""

from typing import Annotated

import typer

from ferryman.cli.clock import read_duration
from ferryman.cli.command import command
from ferryman.cli.output.printing import print_json
from ferryman.cli.session import Session
from ferryman.client.text import field_lines, instant, table
from ferryman.wire.key import KeySet, SealedSecrets

app = typer.Typer(help="List and rotate the keys that sign tokens.", no_args_is_help=True)


@command(app, "list")
def list_keys(session: Session) -> None:
    """List the signing keys in use; remotes find them in /.well-known/jwks.json."""
    session.show(session.admin.keys.list(), _text)


@command(app, "export")
def export(session: Session) -> None:
    """Print the public keys as a JWK set, to keep beside reports that you verify offline."""
    print_json(session.admin.keys.public())


@command(app, "rotate")
def rotate(
    session: Session,
    *,
    grace: Annotated[
        str,
        typer.Option(
            "--grace", metavar="DURATION", help="How long the old key counts; 0 if it has leaked."
        ),
    ] = "2h",
) -> None:
    """Sign with a new key from now on; until the grace period ends, both keys are valid."""
    session.show(session.admin.keys.rotate(int(read_duration(grace))), _text)


@command(app, "seal")
def seal(session: Session) -> None:
    """Encrypt all stored secrets with the first key of FERRYMAN_SECRET_KEY_FILE.

    Run it after you give the platform its first key, or a new key before the old one.
    """

    def text(sealed: SealedSecrets) -> str:
        state = "encrypted" if sealed.encrypted else "stored as they are, without a key"
        return field_lines({"secrets": sealed.secrets, "state": state})

    session.show(session.admin.keys.seal(), text)


def _text(keys: KeySet) -> str:
    rows = (
        (key.kid, "signs" if key.signs else f"counts until {instant(key.expires_at)}")
        for key in keys.keys
    )
    return table(("KEY", "STATE"), rows)
