"""Shows that a change leaves the chains of short seeded runs as they were, bit by bit: see `__main__`."""
