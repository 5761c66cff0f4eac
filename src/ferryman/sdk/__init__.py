"""The SDK for apps: gateway and agent beside a server app, migration client in a cloud app.

``operations`` describes each call, ``exchange`` decides what to send, retry and read, both without
any IO; ``http`` and ``async_http`` carry it out, so that both faces of the SDK share every
decision.
"""
