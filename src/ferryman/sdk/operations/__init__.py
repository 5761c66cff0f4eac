"""Every call of the platform as a value: what to send and how to read the answer, without IO.

``server`` holds the calls of a server app, ``cloud`` those of both kinds of cloud app and of
Forge, ``connect`` those that only Connect has.
"""
