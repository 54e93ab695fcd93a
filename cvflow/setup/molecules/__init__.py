"""Runs of atoms on an engine inside cvflow: OpenMM, LAMMPS, ASE."""
