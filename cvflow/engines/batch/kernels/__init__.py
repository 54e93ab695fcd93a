"""Relaxation kernels: one step of a path that moves the CV, and what it adds to the work."""
