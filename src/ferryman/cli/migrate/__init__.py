"""``ferryman migrate`` and ``plan``: a whole migration of files on this machine."""
