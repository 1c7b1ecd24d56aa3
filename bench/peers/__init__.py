"""What people would use instead, each in an environment of its own. `plain.py` is ours; the rest are others' clients as they come."""
