"""Engines: what moves the atoms."""
