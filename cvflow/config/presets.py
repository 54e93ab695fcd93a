"""Settings of the built-in demos; docs/architecture.md says how such settings are found."""

from typing import Any

POLYMER: dict[str, Any] = {
    "run": {"walkers": 4, "adapt_jumps": 40, "jumps": 600, "local_steps": 25},
    "system": {"name": "polymer"},
    "path": {"steps": "auto", "timestep": 0.014, "within_states": False},
    "flow": {"labels": True},
}
"""`cvflow polymer`."""

POLYMER_QUICK: dict[str, Any] = {"run": {"jumps": 150}, "path": {"steps": 500}}
"""What `--quick` changes."""

POLYMER_BEADS: dict[str, Any] = {
    "run": {"walkers": 4, "adapt_jumps": 120, "jumps": 200, "local_steps": 500},
    "system": {"name": "polymer"},
    "cv": [
        {"name": "r", "type": "distance", "atoms": [0, 8], "unit": ""},
        {"name": "beads", "type": "positions", "atoms": list(range(9)), "unit": ""},
    ],
    "path": {"kernel": "langevin", "steps": 2500, "timestep": 0.014},
    "flow": {"retrain_every": 160},
}
"""`cvflow polymer --cv beads`."""

POLYMER_BEADS_QUICK: dict[str, Any] = {"run": {"adapt_jumps": 60, "jumps": 60}, "path": {}}
"""What `--quick` changes."""
