"""Commands that look at what there is: `systems`, `doctor`."""

import typer

from cvflow.cli.ending import StoppedError


def systems() -> None:
    """List the built-in systems, their parameters and where they come from."""
    from dataclasses import fields

    from cvflow.systems import BUILT_IN

    for name, system in BUILT_IN.items():
        typer.echo(f'{name}: {system.summary}\n  [engine] name = "{system.engine}"\n  {system.reference}')
        values = ", ".join(f"{item.name} = {item.default}" for item in fields(system))  # type: ignore[arg-type]
        typer.echo(f"  system.parameters: {values}")


def doctor() -> None:
    """Say what is there of engines, PLUMED and cores, and how to mend the rest; exit code 1 if no run can be made."""
    from cvflow.doctor import examination, fit

    findings = []
    for finding in examination():
        typer.echo(finding.line)
        findings.append(finding)
    if not fit(findings):
        raise StoppedError("what the default engine needs is not all there", 1)
