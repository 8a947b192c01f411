"""The server extension: the panel's questions go to the broker, its events to the panel."""
