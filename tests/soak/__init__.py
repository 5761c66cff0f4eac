"""``make soak``: platform, store and database are killed at random, for an hour or more."""
