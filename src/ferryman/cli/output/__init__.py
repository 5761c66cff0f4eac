"""Show results: documents, tables, lines, progress bars."""
