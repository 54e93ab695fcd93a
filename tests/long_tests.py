"""Writes tests/long_tests.txt, what `make quick` leaves out, from what a whole run of the tests took:

pytest --durations 0 --durations-min 0.3 -vv > FILE; python -m tests.long_tests FILE
"""

import re
import sys
from pathlib import Path

LIST = Path(__file__).with_suffix(".txt")
LINE = re.compile(r"[\d.]+s (?:call|setup|teardown) +(tests/\S+?\.py::\w+)")


def named() -> frozenset[str]:
    """Tests that take long, as "file::function"."""
    return frozenset(LIST.read_text(encoding="utf-8").split())


if __name__ == "__main__":
    said = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    found = {match[1] for match in map(LINE.match, said) if match}
    LIST.write_text("\n".join(sorted(found)) + "\n", encoding="utf-8")
