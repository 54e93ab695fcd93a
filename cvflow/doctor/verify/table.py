"""What `cvflow verify` shows."""

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from cvflow.engines.openmm.certificates import THRESHOLD, Certificate


def verification_table(certificate: Certificate) -> Table:
    """Every test with its |z|, and below it each error that was made on purpose, caught or not."""
    repeated = "bit by bit" if certificate.repeatable else "but for the last digits"
    caption = (
        f"right: |z| below {THRESHOLD:g}; wrong on purpose: above, or it isn't caught. Paths are repeated {repeated}; "
        f"|W + W_back| {certificate.reversal:.1g} kT"
    )
    table = Table(title=Text(certificate.in_use.words), caption=Text(caption), box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("of", "test", "wrong on purpose", "|z|", ""):
        table.add_column(name, justify="right" if name == "|z|" else "left", overflow="fold")
    for test in certificate.tests:
        table.add_row(test.subject, test.name, "", f"{test.z:.1f}", "right" if test.z < THRESHOLD else "WRONG")
        for name, z in test.mutants.items():
            table.add_row("", "", name, f"{z:.1f}", "caught" if z > THRESHOLD else "NOT CAUGHT")
        table.add_section()
    return table
