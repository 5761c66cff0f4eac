"""The JSON that crosses the network, as msgspec structs shared by the API and the SDK.

One file per noun. No logic lives here: what a value means is decided in ``domain``.
"""
