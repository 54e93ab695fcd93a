"""A small MD program, as a user's own would be: `python program.py STEPS SEED TIMESTEP KT [MOOD]`.

One particle of unit mass in the plane. It reads its state, x.bin and y.txt, and plumed.dat, of which it understands the
CV x and CVFLOW, and writes what PLUMED would (COLVAR, jumps.dat), its state into after/, and energies.dat. A state file
is padded with as many spaces as the last path had steps, so that its length varies. In a MOOD it fails, now and
then or always: see `main`.
"""

import math
import os
import random
import re
import signal
import struct
import sys
import time
from pathlib import Path


def energy(x, y):
    """An asymmetric double well whose two coordinates are not independent."""
    return 5.0 * (x * x - 1) ** 2 + 0.8 * x + 3.0 * (y - x) ** 2


def force(x, y):
    return -20.0 * x * (x * x - 1) - 0.8 + 6.0 * (y - x), -6.0 * (y - x)


def restraint():
    """κ, λ_0, λ̃ of the steered restraint; none without CVFLOW."""
    line = re.search(r"CVFLOW.*", Path("plumed.dat").read_text())
    if line is None:
        return None
    words = dict(re.findall(r"(\w+)=(\S+)", line[0]))
    return tuple(float(words[key]) for key in ("KAPPA", "FROM", "TO"))


def path(x, y, steps, dt, kT, rng):
    """Velocity Verlet from fresh velocities; the total energies, the biases and the work of the protocol."""
    kappa, start, end = restraint() or (0.0, 0.0, 0.0)
    vx, vy = (rng.gauss(0.0, math.sqrt(kT)) for _ in range(2))
    centre, protocol = start, 0.0
    before = energy(x, y) + 0.5 * (vx * vx + vy * vy)
    biases, values = [0.5 * kappa * (x - centre) ** 2], [x]
    for step in range(1, steps + 1):
        fx, fy = force(x, y)
        vx, vy = vx + 0.5 * dt * (fx - kappa * (x - centre)), vy + 0.5 * dt * fy
        middle = centre
        centre = start + (end - start) * step / steps
        protocol += 0.25 * kappa * ((x - centre) ** 2 - (x - middle) ** 2)
        x, y = x + dt * vx, y + dt * vy
        protocol += 0.25 * kappa * ((x - centre) ** 2 - (x - middle) ** 2)
        fx, fy = force(x, y)
        vx, vy = vx + 0.5 * dt * (fx - kappa * (x - centre)), vy + 0.5 * dt * fy
    biases.append(0.5 * kappa * (x - centre) ** 2)
    values.append(x)
    return x, y, before, energy(x, y) + 0.5 * (vx * vx + vy * vy), biases, values, protocol


def read_state(folder):
    """The particle's coordinates, one file each."""
    return struct.unpack("<d", (folder / "x.bin").read_bytes())[0], float((folder / "y.txt").read_text())


def write_state(folder, x, y, padding=0):
    (folder / "x.bin").write_bytes(struct.pack("<d", x))
    (folder / "y.txt").write_text(f"{y!r}{' ' * padding}\n")


def main(steps, seed, timestep, kT, mood=""):
    always = mood
    if not mood or seed % 3:
        mood = ""
    if mood == "crash":
        print("first words\nlast words: the forces are wrong")
        sys.exit(3)
    if mood == "hang":
        time.sleep(600)
    if mood == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    x, y = read_state(Path())
    x, y, before, after, biases, values, protocol = path(x, y, steps, timestep, kT, random.Random(seed))
    after = math.nan if mood == "nan" else after
    values[1] = math.nan if mood == "lost" else values[1]
    if always == "timed":  # as MOVINGRESTRAINT, or TIME in a bias
        biases[1] += 0.2 * steps * timestep
    if always == "drifting":  # as a CV that averages over what it has seen
        values[1] += 0.01 * steps * timestep
    ends = zip((0.0, steps * timestep), values, biases, strict=True)
    rows = [f"{when} {value!r} {bias!r}" for when, value, bias in ends]
    Path("COLVAR").write_text("\n".join(["#! FIELDS time x jump.bias", *rows[: 1 if mood == "short" else 2], ""]))
    Path("jumps.dat").write_text(f"#! FIELDS protocol_work decision\n{protocol!r} NA\n")
    if mood != "nothing":
        write_state(Path("after"), x, y, steps)
    Path("energies.dat").write_text(f"{before!r} {after!r}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), *sys.argv[5:])
