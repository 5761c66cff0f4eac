"""The SQL databases of apps, in a MariaDB (ADR 90)."""
