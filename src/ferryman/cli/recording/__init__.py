"""``ferryman record`` and ``replay``: record what an app saw, and replay it."""
