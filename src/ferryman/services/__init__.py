"""Use cases, one file per noun: load, decide by the rules, save, in one transaction."""
