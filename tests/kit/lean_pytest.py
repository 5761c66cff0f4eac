"""Options for a pytest that a test starts: without the plugins of our own tests.

A developer of an app has none of them, and importing them takes seconds of a processor each time.
"""

_OURS = ("faker", "hypothesispytest", "randomly", "schemathesis")

LEAN = tuple(option for name in _OURS for option in ("-p", f"no:{name}"))
