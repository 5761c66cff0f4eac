"""``python -m ferryman``: the command line, where no script is on the path."""

from ferryman.cli import main

main()
