"""``ferryman faults`` and ``test-handler``: an app's handler under faults."""
