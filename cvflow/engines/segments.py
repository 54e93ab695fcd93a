"""Paths that are interrupted on their way, at points that read the same backwards."""

REFRESH_STEPS = 25
"""Time steps between two velocity refreshments of a path with friction, and at least between two looks at a path."""


def between_stops(steps: int, friction: float, looked_at: bool) -> int:
    """Time steps after which a path is interrupted, to refresh its velocities or to look at it; about 20 looks."""
    if friction:
        return REFRESH_STEPS
    return max(REFRESH_STEPS, steps // 20) if looked_at else steps


def palindromic_segments(steps: int, longest: int) -> list[int]:
    """Split a path into an odd number of segments that read the same backwards, each about `longest` steps or fewer.

    The count is odd so that any number of steps can be split evenly: what is left over goes to the middle and to pairs.
    """
    count = 2 * (steps // (2 * longest)) + 1
    length, left_over = divmod(steps, count)
    segments = [length] * count
    middle = count // 2
    segments[middle] += left_over % 2
    for i in range(left_over // 2):
        segments[i] += 1
        segments[-1 - i] += 1
    return segments


def evenly_spread(count: int, most: int) -> list[int]:
    """Which of `count` stops to keep, `most` of them: evenly, and the same read backwards; both numbers are even."""
    if count <= most:
        return list(range(count))
    first = [(2 * i + 1) * count // (2 * most) for i in range(most // 2)]
    return first + [count - 1 - i for i in reversed(first)]
