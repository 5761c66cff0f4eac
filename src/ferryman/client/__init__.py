"""The admin client: typed calls of the admin API, and what its answers say in plain text.

The command line, the pytest plugin and the developer's tools speak to a platform through it.
"""
