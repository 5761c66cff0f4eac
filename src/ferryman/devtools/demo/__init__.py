"""The engine of ``ferryman demo``: a real Trac project, migrated by real processes."""
