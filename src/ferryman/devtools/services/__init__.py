"""Container services of an app in ``ferryman dev``: their programs, and the proxies beside them."""
