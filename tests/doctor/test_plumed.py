"""What is said of PLUMED: kernels in three places, versions, the program, the module, the action."""

import pytest

from cvflow.doctor import Verdict
from cvflow.doctor.plumed import action, kernel, program, wrapper


def test_the_kernel_is_looked_for_in_three_places_one_after_the_other(machine):
    """Each is found only where those before it are not."""
    conda = machine.plumed("2.9.3", "conda")
    machine.environment(CONDA_PREFIX=machine.folder / "conda")
    assert kernel().says.startswith(f"{conda}, version 2.9.3, found by conda")
    on_path = machine.plumed("2.10.1")
    assert kernel().says.startswith(f"{on_path}, version 2.10.1, found by the PATH")
    assert kernel().mend == f"export PLUMED_KERNEL={on_path}"
    named = machine.plumed("2.11.0", "mine")
    machine.environment(PLUMED_KERNEL=named)
    assert kernel().line == f"ok       PLUMED kernel: {named}, version 2.11.0, found by PLUMED_KERNEL"


def test_no_kernel(machine):
    found = kernel()
    assert found.verdict is Verdict.MISSING
    assert found.mend == "conda install -c conda-forge plumed"


def test_a_name_that_leads_nowhere_is_wrong_whatever_else_there_is(machine):
    machine.plumed()
    machine.environment(PLUMED_KERNEL="/nowhere/libplumedKernel.so")
    assert kernel().line == (
        "wrong    PLUMED kernel: PLUMED_KERNEL=/nowhere/libplumedKernel.so is not a file; mend: unset PLUMED_KERNEL"
    )


def test_an_old_kernel_is_wrong(machine):
    machine.environment(PLUMED_KERNEL=machine.plumed("2.8.4", "mine"))
    found = kernel()
    assert found.verdict is Verdict.WRONG
    assert "is of PLUMED 2.8.4, too old" in found.says
    assert found.mend == "conda install -c conda-forge 'plumed>=2.9'"


def test_a_kernel_without_its_program_is_of_unknown_version(machine):
    library = machine.plumed("2.9.0", "mine")
    (machine.folder / "mine" / "bin" / "plumed").unlink()
    machine.environment(PLUMED_KERNEL=library)
    assert (kernel().verdict, "of unknown version" in kernel().says) == (Verdict.OK, True)


def test_the_program(machine):
    machine.plumed("2.10.1")
    assert program().line == f"ok       PLUMED program: 2.10.1: {machine.folder / 'bin' / 'plumed'}"


def test_no_program(machine):
    found = program()
    assert (found.verdict, found.says) == (Verdict.MISSING, "no `plumed` on the PATH")
    assert found.mend == "conda install -c conda-forge 'plumed>=2.9'"


def test_an_old_program_is_wrong(machine):
    machine.plumed("2.8.4")
    assert program().verdict is Verdict.WRONG
    assert "is PLUMED 2.8.4: the action needs 2.9 or newer" in program().says


def test_a_program_that_is_not_of_the_kernel_is_wrong(machine):
    """The action would be compiled against one and loaded by the other."""
    machine.plumed("2.10.1")
    machine.environment(PLUMED_KERNEL=machine.plumed("2.9.3", "mine"))
    found = program()
    assert (found.verdict, found.mend) == (Verdict.WRONG, "unset PLUMED_KERNEL")
    assert "is 2.10.1, but the kernel that programs load is 2.9.3" in found.says


@pytest.mark.parametrize("there", [True, False])
def test_the_python_module(machine, there):
    machine.module("plumed", "") if there else machine.lacks("plumed")
    assert wrapper().verdict is (Verdict.OK if there else Verdict.MISSING)
    assert wrapper().mend == ("" if there else "conda install -c conda-forge py-plumed")


def test_the_action_needs_the_program(machine):
    found = action()
    assert (found.verdict, found.says) == (Verdict.MISSING, "needs the PLUMED program")
    assert found.mend == "conda install -c conda-forge plumed, then cvflow plumed build"


def test_an_action_that_is_here_is_loaded(machine):
    machine.plumed(driver='read line < "$3"; [ "$line" != "${line%/CVFlow.so}" ]', mklib="exit 1")
    (machine.folder / "CVFlow.so").touch()
    assert action().line == f"ok       action CVFLOW: LOAD FILE={machine.folder / 'CVFlow.so'}"


def test_an_action_that_does_not_load_is_wrong(machine):
    machine.plumed(driver="echo 'undefined symbol: x' >&2; exit 1")
    (machine.folder / "CVFlow.so").touch()
    found = action()
    assert (found.verdict, found.mend) == (Verdict.WRONG, "cvflow plumed build")
    assert "does not load: undefined symbol: x" in found.says


def test_without_one_here_the_compiler_is_tried(machine):
    machine.plumed(driver="exit 1")
    found = action()
    assert (found.verdict, found.mend) == (Verdict.OK, "cvflow plumed build")


def test_a_compiler_that_fails_is_named(machine):
    machine.plumed(mklib="echo 'g++: command not found' >&2; exit 1")
    found = action()
    assert (found.verdict, found.mend) == (Verdict.WRONG, "conda install -c conda-forge cxx-compiler")
    assert "plumed mklib does not compile: g++: command not found" in found.says
