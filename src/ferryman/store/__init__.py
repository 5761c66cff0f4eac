"""All SQL, one module per noun. No other package talks to PostgreSQL."""
