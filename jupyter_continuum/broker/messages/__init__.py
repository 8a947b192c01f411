"""What the broker and its faces say to each other: one JSON object a line, over a Unix socket.

Request  ``{"id": 7, "method": "launch", "params": {...}}``
Answer   ``{"id": 7, "result": ...}``
Error    ``{"id": 7, "error": {"kind": "PlanRefused", "message": "..."}}``
Event    ``{"event": {"kind": "cluster", ...}}`` after ``subscribe``.

These models are the wire: server extension, CLI, kernel, scheduler plugin and the
TypeScript types all follow them. Times are ISO 8601 in UTC.
"""
