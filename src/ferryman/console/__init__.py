"""Pages for people in a browser, made from the documented calls of the admin surface (ADR 72)."""
