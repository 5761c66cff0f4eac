"""The documentation is compared with the API, which is imported here."""

import warnings

with warnings.catch_warnings():
    # Litestar has a newer name for parameters of a query than the API uses.
    warnings.simplefilter("ignore", DeprecationWarning)
    import ferryman.api.application  # noqa: F401
