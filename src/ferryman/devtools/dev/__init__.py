"""The engine of ``ferryman dev``: an app in a folder, beside a platform of its own."""
