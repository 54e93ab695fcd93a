"""Segments of paths."""

import pytest

from cvflow.engines.segments import palindromic_segments


@pytest.mark.parametrize("steps", [1, 2, 24, 25, 49, 50, 51, 99, 100, 101, 149, 150, 700, 1001])
def test_segments_are_a_palindrome(steps):
    segments = palindromic_segments(steps, 25)
    assert segments == segments[::-1]
    assert sum(segments) == steps
    assert min(segments) > 0
    assert len(segments) % 2 == 1
