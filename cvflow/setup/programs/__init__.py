"""Runs whose paths an external program makes."""
