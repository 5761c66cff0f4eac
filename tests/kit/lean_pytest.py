"""Options for a pytest that a test starts: without the plugins of our own tests.

A developer of an app has none of them, and importing them takes seconds of a processor each time.
"""

_OURS = ("faker", "hypothesispytest", "randomly", "schemathesis")

LEAN = tuple(option for name in _OURS for option in ("-p", f"no:{name}"))

FORKED = (*LEAN, "-W", "ignore::pytest.PytestAssertRewriteWarning")
"""The same for a pytest that is a fork, where plugins may have been imported already."""
