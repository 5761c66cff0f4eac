"""The rules: pure functions of state, command and time. No IO, no clock, no randomness."""
