"""``ferryman transfer`` and ``message``: one app's part of a migration, and its events."""
