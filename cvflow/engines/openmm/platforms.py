"""OpenMM's platforms: which there are, what each takes, and what a worker's context gets."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

import openmm

from cvflow.host.worker import worker_number

GPU_PLATFORMS = ("CUDA", "HIP", "OpenCL")
PRECISIONS = ("single", "mixed", "double")
TESTED = ("CPU", "Reference")
"""Where the tests of the one jump run wherever cvflow's tests do; the others are verified on the machine in use."""

Properties = tuple[tuple[str, str], ...]
"""Names and values, as OpenMM has them."""

_DEFAULTS = {
    # A walker process has one core.
    "CPU": {"Threads": "1"},
    # Positions, velocities and energies in double precision, or the work is lost in the energies' rounding.
    **{name: {"Precision": "mixed"} for name in GPU_PLATFORMS},
}
_INSTALLING = {"CUDA": "pip install 'openmm[cuda12]'", "HIP": "pip install 'openmm[hip6]'"}


class PlatformInUse(NamedTuple):
    """Where a context computes.

    Attributes:
        platform: OpenMM's name.
        precision: single, mixed or double; empty where the platform has one alone.
        device: its name; empty where it is the processor.
    """

    platform: str
    precision: str
    device: str

    @property
    def words(self) -> str:
        """For people."""
        precision = f" in {self.precision} precision" if self.precision else ""
        return f"OpenMM's {self.platform} platform{precision}{f' on {self.device}' if self.device else ''}"


def installed() -> list[str]:
    """Names of the platforms that OpenMM has loaded."""
    return [openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())]


def platform_named(name: str) -> openmm.Platform:
    """OpenMM's platform.

    Raises:
        ValueError: it is not here; with the right spelling where a letter is wrong.
    """
    here = installed()
    if name in here:
        return openmm.Platform.getPlatform(name)
    known = {each.lower(): each for each in (*here, *GPU_PLATFORMS)}
    close = get_close_matches(name.lower(), known, n=1)
    meant = f"; did you mean {known[close[0]]!r}?" if close and known[close[0]] != name else ""
    mend = f"; {_INSTALLING[name]} brings it" if name in _INSTALLING else ""
    raise ValueError(f"OpenMM has no platform {name!r} here; installed: {', '.join(here)}{meant}{mend}")


def properties(platform: str, precision: str | None, threads: int | None, devices: tuple[int, ...]) -> Properties:
    """The platform's properties, all but the device, which is each worker's own.

    Args:
        platform: its name.
        precision: single, mixed or double.
        threads: of a worker.
        devices: numbers of those that are shared among the workers.

    Raises:
        ValueError: the platform is not here, or does not take one of these.
    """
    platform_named(platform)
    gpus = f"{', '.join(GPU_PLATFORMS[:-1])} and {GPU_PLATFORMS[-1]}"
    if precision is not None and platform not in GPU_PLATFORMS:
        raise ValueError(f"engine.precision is for {gpus}; the platform {platform} has one precision: leave it out")
    if precision not in (None, *PRECISIONS):
        raise ValueError(f"engine.precision must be single, mixed or double, got {precision!r}")
    if devices and platform not in GPU_PLATFORMS:
        raise ValueError(f"engine.devices is for {gpus}; the platform {platform} has no devices: leave it out")
    if threads is not None and platform != "CPU":
        raise ValueError(f"engine.threads is for the platform CPU; {platform} has none: leave it out")
    words = {"Precision": precision, "Threads": threads}
    return tuple((key, str(value)) for key, value in words.items() if value is not None)


def platform_notes(name: str) -> tuple[str, ...]:
    """What a run's report says of the platform."""
    if name not in GPU_PLATFORMS:
        return ()
    return (
        f"platform {name}: a path that is run again, as after a resume, may differ in its last digits, and the chain "
        "from there on; it is as right as the other (`cvflow verify` says whether paths are repeated bit by bit)",
    )


def context_properties(
    name: str, known: Sequence[str], given: Properties, devices: tuple[int, ...]
) -> dict[str, str]:
    """What a context in this worker gets: worker k of n devices has device k mod n.

    Args:
        name: of the platform.
        known: the properties that it has.
        given: those that are asked for.
        devices: to be shared among the workers.
    """
    device = {"DeviceIndex": str(devices[worker_number() % len(devices)])} if devices else {}
    # A path is a function of its arguments, as far as the platform can promise it; the CPU's sums are in order already.
    in_order = {"DeterministicForces": "true"} if "DeterministicForces" in known and name in GPU_PLATFORMS else {}
    return _DEFAULTS.get(name, {}) | in_order | device | dict(given)


def in_use(context: openmm.Context) -> PlatformInUse:
    """Where a context computes."""
    platform = context.getPlatform()
    known = platform.getPropertyNames()
    asked = [platform.getPropertyValue(context, key) if key in known else "" for key in ("Precision", "DeviceName")]
    return PlatformInUse(platform.getName(), *asked)
