"""A function that has the test look at its weight, and tells the priority it was loaded with."""

import os
import urllib.request

LOADED = os.getpriority(os.PRIO_PROCESS, 0)


def tell(event, context):
    with urllib.request.urlopen(f"http://127.0.0.1:{event['targets']['platform']}/") as answer:
        answer.read()
    print(LOADED)


tell_too = tell
