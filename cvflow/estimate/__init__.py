"""Estimates from a run's record; they read the store and nothing else."""

import logging

logging.getLogger("pymbar").setLevel(logging.ERROR)  # it greets every import with warnings about itself
