"""``ferryman data``: files of app data, for their app and for the operator."""
