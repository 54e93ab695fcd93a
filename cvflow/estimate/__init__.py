"""Estimates from a run's record; they read the store and nothing else."""
