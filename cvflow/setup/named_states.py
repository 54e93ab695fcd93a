"""The named states of a config, and the starts that are given for them."""

from collections.abc import Iterable, Sequence

from cvflow.config.settings import Config, ConfigError
from cvflow.core.states import States


def check_named(config: Config, given: Iterable[str], what: str) -> None:
    """Check that starts are given for states that have names; `what` is what the starts are called.

    Raises:
        ConfigError: there are no two states, or one is given a start and is none of them.
    """
    _check_two(config)
    for state in given:
        if state not in config.states:
            raise ConfigError(f"{what}: unknown state {state!r}; states has {', '.join(config.states)}")


def _check_two(config: Config) -> None:
    if len(config.states) < 2:
        raise ConfigError('at least two named states are needed: [states] compact = "r < 4.62", extended = ...')


def checked_states(config: Config, cv_names: Sequence[str]) -> States:
    """The named states.

    Raises:
        ValueError: there are fewer than two, or an expression does not parse.
    """
    _check_two(config)
    return States(dict(config.states), list(cv_names))
