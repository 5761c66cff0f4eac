"""Explain the state of a transfer or message, with pure rules over a snapshot (ADR 0026)."""
