"""The command line."""

from cvflow.cli.commands import execute, main

__all__ = ["execute", "main"]
