"""``ferryman token``, ``customer``, ``key`` and ``audit``: who may what, and who did what."""
