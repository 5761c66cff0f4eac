"""Taking messages to the cloud apps: the worker, and the ways a message goes."""
