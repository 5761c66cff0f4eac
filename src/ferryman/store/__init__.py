"""All SQL, one file per noun; nothing else in the package speaks to PostgreSQL."""
