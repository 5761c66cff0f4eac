"""``ferryman mcp``: the platform's answers as tools of a developer's coding assistant."""
