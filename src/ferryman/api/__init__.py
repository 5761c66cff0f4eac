"""The HTTP surfaces. Handlers read a request, call one use case, and answer."""
