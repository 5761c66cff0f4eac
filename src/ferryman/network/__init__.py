"""The network of this machine: proxies, trusted authorities, and why a connection failed.

Every client of ours asks here: the SDK, the command line, the agent, and the platform for S3 and
for its own posts. Nothing here knows Ferryman's API.
"""
