"""Settings of the built-in demos; docs/architecture.md says how such settings are found."""

from typing import Any

POLYMER: dict[str, Any] = {
    "run": {"walkers": 4, "adapt_jumps": 80, "jumps": 700, "local_steps": 250},
    "system": {"name": "polymer"},
    "path": {"steps": 800, "timestep": 0.014},
}
"""`cvflow polymer`."""

POLYMER_QUICK: dict[str, Any] = {"adapt_jumps": 40, "jumps": 100}
"""What `--quick` changes in [run]."""
