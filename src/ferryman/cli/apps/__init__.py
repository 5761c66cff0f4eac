"""``ferryman app``: register, install and list apps."""
