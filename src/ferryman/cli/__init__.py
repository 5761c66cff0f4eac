"""The command line."""


def main() -> None:
    """Run the ``ferryman`` command."""
    from ferryman.cli.app import app

    app()
