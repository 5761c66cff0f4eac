"""Run the functions of apps, and the bundler, in a sandbox made by bubblewrap.

``command`` builds the command line, ``init`` is the first process inside, ``filter`` the system
calls it refuses, ``listeners`` and ``names`` are the only network, ``limits`` bounds what it uses,
``launch`` starts a host in it, and ``probe`` tries it all on this machine.
"""
