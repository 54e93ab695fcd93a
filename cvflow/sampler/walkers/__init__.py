"""Walkers that take their turns together, in worker processes or as one batch."""
