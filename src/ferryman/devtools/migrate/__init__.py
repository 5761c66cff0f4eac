"""A whole migration of files on this machine to an app: plan, export, run."""
