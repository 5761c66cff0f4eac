"""Send small files of many transfers, by the SDK of any build.

``_fill.py URL COUNT < LINES``, each of which holds a server token and a transfer.
"""

import sys

from ferryman import Gateway


def main(url: str, count: int) -> None:
    """Send ``count`` files of each transfer."""
    for line in sys.stdin:
        token, transfer_id = line.split()
        with Gateway(url, token, transfer_id) as gateway:
            files = ((f"file-{number}", b"x" * 1000) for number in range(count))
            gateway.upload_many(files, concurrency=4)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
