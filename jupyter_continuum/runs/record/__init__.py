"""The run record: what ran where, under which versions, at which cost, and what crossed borders."""
