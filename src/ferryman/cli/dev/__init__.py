"""``ferryman dev``: the platform and one app, on a laptop."""
