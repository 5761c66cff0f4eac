"""``ferryman migration`` and ``mapping``: plan migrations, start them, load mappings."""
