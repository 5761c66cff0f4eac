"""What apps use: the gateway beside a server app, the migration client in a cloud app, the agent.

What to send and what an answer means is decided without any IO (``operation``, ``exchange`` and
the ``*_calls`` modules); ``http`` and ``aio`` only carry it out, so that the two faces of the
SDK share every decision.
"""
