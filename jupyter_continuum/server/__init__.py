"""The server extension: hands what the panel asks to the broker, and the broker's events to the panel."""
