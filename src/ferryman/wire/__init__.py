"""The JSON that crosses the network, as msgspec structs shared by the API and the SDK.

One module per noun, and no logic: ``domain`` decides what a value means.
"""
