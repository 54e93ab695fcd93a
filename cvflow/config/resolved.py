"""A config's settings as a run uses them: a number or a name in the place of every "auto"."""

from dataclasses import dataclass

from cvflow.config.settings import Config, RunSection

TUNED = {"steps": 1000, "friction": 0.0, "schedule": "linear"}
"""Keys of `[path]` that are found before a run where they are "auto", and what their search begins with."""


@dataclass(frozen=True)
class PathSettings:
    """The steered paths, as `[path]` gives them.

    Attributes:
        kernel: what moves the configuration while the CV is driven.
        steps: time steps of a path between the states.
        timestep: of the dynamics [ps, or reduced units].
        friction: of the paths [1/ps, or reduced units].
        schedule: "linear" or "cosine".
        way: of positions.
        kappa: spring constants of the restraint, one number for all CVs or one a CV [kJ/mol, or the model's own unit,
            per CV unit squared]; None where they follow from equilibration.
        early_rejection: whether paths of production that cannot be accepted any more are given up.
        within_states: whether jumps of production within a state are realised.
    """

    kernel: str
    steps: int
    timestep: float
    friction: float
    schedule: str
    way: str
    kappa: float | tuple[float, ...] | None
    early_rejection: bool
    within_states: bool

    @property
    def restrained(self) -> bool:
        """Whether paths are steered by a soft restraint, so that a path's first centre strays from ξ(x)."""
        return self.kernel == "restraint"

    @property
    def has_friction(self) -> bool:
        """Whether the kernel has momenta, which friction refreshes."""
        return self.kernel in ("langevin", "constrained", "restraint")


@dataclass(frozen=True)
class Settings:
    """What a run is told.

    Attributes:
        run: lengths and the seed.
        path: the steered paths.
        local_timestep: of the moves between jumps [ps, or reduced units].
    """

    run: RunSection
    path: PathSettings
    local_timestep: float


def with_timestep(config: Config, timestep: float) -> Config:
    """The config with this time step [ps, or reduced units], if it has none of its own."""
    return config if "timestep" in config.path.model_fields_set else config.changed(path={"timestep": timestep})


def to_tune(config: Config) -> frozenset[str]:
    """Keys of `[path]` that are "auto" and are found before the run; kappa follows from equilibration alone."""
    return frozenset(key for key in TUNED if getattr(config.path, key) == "auto")


def resolved(config: Config) -> Settings:
    """The settings, with what a search begins with in the place of what is still to be found."""
    given = config.path.model_dump() | {key: TUNED[key] for key in to_tune(config)}
    kappa = given.pop("kappa")
    springs = None if kappa == "auto" else tuple(kappa) if isinstance(kappa, list) else kappa
    return Settings(config.run, PathSettings(kappa=springs, **given), config.run.local_timestep or config.path.timestep)
