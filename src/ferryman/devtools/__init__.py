"""Tools for developers of apps: checks, fault injection, recordings. No part of the platform."""
