"""Commands that look at what there is: `systems`, `doctor`, `verify`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cvflow.cli.ending import StoppedError
from cvflow.config.section import ConfigError

if TYPE_CHECKING:
    from cvflow.engines.openmm.certificates import Certificate


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


def verify(
    platform: Annotated[str | None, typer.Option(help="OpenMM's: CUDA, HIP, OpenCL, CPU; else the fastest.")] = None,
    precision: Annotated[str | None, typer.Option(help="single, mixed or double; else mixed.")] = None,
    device: Annotated[int | None, typer.Option(min=0, help="Number of the GPU; else OpenMM chooses.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Another file for the certificate.")] = None,
) -> None:
    """Run the one-jump tests with their mutants on this machine; what passes is certified, and runs there are exact."""
    from rich.console import Console

    from cvflow.doctor.verify import verification
    from cvflow.doctor.verify.table import verification_table
    from cvflow.engines.openmm.certificates import keep, written
    from cvflow.host.atomic import write_whole

    try:
        where = verification.place(platform, precision, device)
        typer.echo(f"verifying {where.in_use.words}")
    except ValueError as error:
        raise ConfigError(str(error)) from error
    done = []
    for test in verification.run_laws(where):
        typer.echo(f"{test.name}: |z| {test.z:.1f}, {'passed' if test.passed else 'FAILED'}")
        done.append(test)
    certificate = verification.certificate(where, tuple(done))
    Console().print(verification_table(certificate))
    try:
        typer.echo(f"certificate: {keep(certificate)}")
        if out is not None:
            write_whole(out, written(certificate))
    except OSError as error:
        raise ConfigError(f"the certificate cannot be written: {error}") from error
    if certificate.verified:
        typer.echo(f"verified: runs on {where.in_use.words} may be exact")
        return
    raise StoppedError(f"not verified on {where.in_use.words}: {_what_fails(certificate)}", 1)


def _what_fails(certificate: "Certificate") -> str:
    from cvflow.engines.openmm.certificates import Subject

    failed = [subject for subject in Subject if subject in certificate.tried.difference(certificate.covers)]
    if Subject.PARTICLES in failed:
        return "a test has failed, so no run there is exact"
    return f"tests of {', '.join(failed)} have failed, so no run with them there is exact"
