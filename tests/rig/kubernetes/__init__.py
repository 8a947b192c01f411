"""A real Kubernetes of one node on this machine, for tests."""
