"""Numbers that are right in another unit: femtoseconds for picoseconds, °C for K."""

from cvflow.config.settings import Config, ConfigError

LONGEST_TIMESTEP = 0.25
"""Time step [ps] from which molecules cannot be meant: 0.5 and 2 are what one writes in fs."""

COLDEST = 100.0
"""Temperature [K] below which °C may be meant: 25 and 37 are what one writes there."""


def check_timestep(config: Config) -> None:
    """Check that the time step of molecules is one in ps.

    Raises:
        ConfigError: it would be one in fs.
    """
    timestep = config.path.timestep
    if timestep >= LONGEST_TIMESTEP:
        raise ConfigError(
            f"path.timestep = {timestep:g} ps is refused: time steps are in ps, not fs; {timestep:g} fs is "
            f"{timestep / 1000:g}"
        )


def temperature_notes(temperature: float) -> tuple[str, ...]:
    """A warning of temperatures that look like °C."""
    if temperature >= COLDEST:
        return ()
    return (f"warning: the temperature is {temperature:g} K; if °C are meant, it is {temperature + 273.15:g} K",)
