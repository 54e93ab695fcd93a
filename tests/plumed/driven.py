"""`plumed driver` on made-up trajectories, and its files as columns."""

import os
import subprocess
import time

import numpy as np

from cvflow.proposals.export import to_cvf

INPUT = """
LOAD FILE={library}
{before}
r: DISTANCE ATOMS=1,2 NOPBC
phi: TORSION ATOMS=1,2,3,4 NOPBC
jump: CVFLOW ARG={arguments} {model} {words}
PRINT ARG=r,phi,jump.* FILE=COLVAR FMT=%.17g
"""


def frames(r, phi):
    """Positions [nm] of four atoms at these distances 1-2 [nm] and torsions [rad]."""
    made = np.zeros((len(r), 4, 3))
    made[:, 0] = [1.0, 0.0, 0.0]
    made[:, 0, 0] = np.sqrt(r**2 - 0.04)
    made[:, 1, 2], made[:, 2, 2] = 0.2, 0.5
    made[:, 3] = np.stack([np.cos(phi), -np.sin(phi), 0.9 + 0 * phi], axis=1)
    return made


def wandering(count, seed=0):
    """A trajectory whose torsion crosses ±π several times."""
    rng = np.random.default_rng(seed)
    phi = np.pi + 0.6 * np.sin(np.arange(count) / 7) + 0.05 * rng.standard_normal(count)
    r = 1.0 + 0.3 * np.cos(np.arange(count) / 11) + 0.02 * rng.standard_normal(count)
    return frames(r, phi)


def xyz(positions):
    """The frames as text."""
    return "".join(
        "4\n9 9 9\n" + "".join(f"X {x!r} {y!r} {z!r}\n" for x, y, z in frame.tolist()) for frame in positions
    )


class Driver:
    """PLUMED's driver in a folder of its own."""

    def __init__(self, plumed, library, folder):
        self.plumed, self.library, self.folder = plumed, library, folder

    def has(self, proposal, names, units):
        (self.folder / "flow.cvf").write_bytes(to_cvf(proposal, names, units))

    def _command(self, trajectory, words, arguments="phi,r", before="", model="MODEL=flow.cvf"):
        text = INPUT.format(library=self.library, before=before, arguments=arguments, words=words, model=model)
        (self.folder / "plumed.dat").write_text(text)
        program = [self.plumed.program, "driver", "--plumed", "plumed.dat"]
        return [*program, "--ixyz", trajectory, "--length-units", "nm"]

    def runs(self, positions, words, *options, **more):
        """The finished process."""
        command = self._command("traj.xyz", words, **more)
        (self.folder / "traj.xyz").write_text(xyz(positions))
        return subprocess.run(
            [*command, *options], cwd=self.folder, capture_output=True, text=True, timeout=300,
            env=os.environ | {"PLUMED_MAXBACKUP": "100"},
        )  # fmt: skip

    def killed_after(self, positions, words, row):
        """Feed it these frames, and kill it as it waits for the next one, once this file has a row."""
        process = subprocess.Popen(self._command("-", words), cwd=self.folder, stdin=subprocess.PIPE, text=True)
        try:
            process.stdin.write(xyz(positions))
            process.stdin.flush()
            patience = time.monotonic() + 60
            while not self._has_row(row):
                assert process.poll() is None
                assert time.monotonic() < patience, f"no row in {row}"
                time.sleep(0.02)
        finally:
            process.kill()
            process.communicate()

    def _has_row(self, name):
        path = self.folder / name
        return path.exists() and any(not line.startswith("#!") for line in path.read_text().splitlines())

    def columns(self, name="COLVAR"):
        """A file of PLUMED's as arrays by name; words stay words."""
        lines = (self.folder / name).read_text().splitlines()
        names = next(line.split()[2:] for line in lines if line.startswith("#! FIELDS"))
        rows = [line.split() for line in lines if not line.startswith("#!")]
        return {
            key: np.array(values) if key == "decision" else np.array(values, dtype=float)
            for key, values in zip(names, zip(*rows, strict=True), strict=True)
        }

    def steered(self, positions, words, *options, **more):
        """COLVAR of a run that went well."""
        done = self.runs(positions, words, *options, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return self.columns()
