"""Ferryman carries an app's data from a self-hosted server into the cloud."""
