"""Frames of the chains as XTC files, one a walker, for MDAnalysis and VMD."""

from pathlib import Path

from openmm import app

from cvflow.state import Frame


class Trajectories:
    """Appends one frame a turn and walker. XTC rounds to 0.001 nm: for looking, never for going on from."""

    def __init__(self, folder: Path, topology: app.Topology, walkers: int, spacing: float, sizes: list[int]) -> None:
        """Open the files, cut to `sizes` bytes (a store's last commit; zeros for a new run).

        Args:
            folder: where `walker_<i>.xtc` lie.
            topology: for the number of atoms and the box.
            walkers: number of files.
            spacing: time between frames [ps], that of a local move.
            sizes: bytes that are committed.
        """
        self._paths = [folder / f"walker_{walker}.xtc" for walker in range(walkers)]
        self._files = []
        for path, size in zip(self._paths, sizes, strict=True):
            if size:
                with path.open("r+b") as file:
                    file.truncate(size)
            else:
                path.unlink(missing_ok=True)
            self._files.append(app.XTCFile(str(path), topology, spacing, append=bool(size)))

    def append(self, walker: int, frame: Frame) -> None:
        """Write a frame."""
        self._files[walker].writeModel(frame.positions, periodicBoxVectors=_vectors(frame))

    def sizes(self) -> list[int]:
        """Bytes written to each file."""
        return [path.stat().st_size if path.exists() else 0 for path in self._paths]


def _vectors(frame: Frame) -> list[app.topology.Vec3] | None:
    return None if frame.box is None else [app.topology.Vec3(*row) for row in frame.box]
