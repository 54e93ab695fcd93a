"""Every block of code in README and docs is run by a test that it names, or says why it is not; configs are valid, and
commands are such as cvflow, pip, make and Python know.
"""

import re
import tomllib
from types import SimpleNamespace

import openmm
import pytest
import typer.main
from openmm import app, unit

import cvflow
from cvflow.cli.commands import UsageError
from cvflow.cli.commands import app as command_line
from cvflow.config.section import ConfigError
from cvflow.config.settings import parse
from cvflow.setup import from_objects
from tests.documented import MARK, PAGES, ROOT, blocks, commands, words

BLOCKS = [block for page in PAGES for block in blocks(page)]
CODE = [block for block in BLOCKS if block.language in ("python", "bash", "plumed")]
CONFIGS = [block for block in BLOCKS if block.language == "toml"]
LANGUAGES = {"python", "bash", "plumed", "toml", "text", "indented", "cpp"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
COMMAND = typer.main.get_command(command_line)

WHOLE = {
    "system": {"pdb": "molecule.pdb", "forcefield": ["amber14-all.xml"]},
    "cv": [{"name": "r", "type": "distance", "atoms": [0, 1]}],
}
"""What a fragment is a part of."""


def named(block):
    return block.place


@pytest.mark.parametrize("block", BLOCKS, ids=named)
def test_it_says_what_it_is(block):
    """Commands stand in blocks of their own kind, and not among indented text."""
    assert block.language in LANGUAGES
    if block.language == "indented":
        assert not re.match(r"(cvflow|python|pip|make|conda|dask|sbatch) ", block.text)


@pytest.mark.parametrize("block", CODE, ids=named)
def test_it_is_run_or_says_why_not(block):
    """A comment stands before it: run by a test that reads this page or runs the same, or not run, and why."""
    found = MARK.fullmatch(block.mark)
    assert found, f"{block.place}: <!-- run by tests/… --> or <!-- not run: … --> must stand before it"
    if found[1] == "run by":
        assert all((ROOT / name).is_file() for name in found[2].split(", "))
    if included := re.fullmatch(r'--8<-- "(.+)"\n', block.text):
        assert (ROOT / included[1]).is_file()
    elif block.language == "python":
        compile(block.text, block.place, "exec")


@pytest.mark.parametrize("block", CONFIGS, ids=named)
def test_a_config_is_valid(block):
    """Whole or in part; its files need not be there."""
    values = tomllib.loads(block.text)
    engine = values.get("engine", {})
    program = engine.get("name") in ("gromacs", "pesmd", "custom") or "script" in engine
    given = values.get("system", {})
    system = {} if program or set(given) - {"starts"} else WHOLE["system"]
    parse({**WHOLE, **values, "system": system | given}, block.place)


@pytest.mark.parametrize("wrong", ["[run]\nwalker = 3\n", '[[cv]]\nname = "a"\ntype = "angel"\natoms = [0, 1, 2]\n'])
def test_a_config_that_is_not_is_found(wrong):
    with pytest.raises(ConfigError):
        parse(WHOLE | tomllib.loads(wrong), "wrong")


@pytest.mark.parametrize("block", [block for block in CODE if block.language == "bash"], ids=named)
def test_its_commands_are_known(block):
    """The command line takes the words, files of the checkout are there, extras and targets too."""
    if block.text.startswith("#!") or 'python -c "' in block.text:
        return
    folder = ROOT
    for command in commands(block.text):
        if command[0] == "cd":
            folder = ROOT / command[1]
            assert folder.is_dir()
        else:
            check(command, folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_its_text_are_known(page):
    for text in words(page):
        if not re.search(r"[…\[<]", text):
            check(text.split(), ROOT, whole=False)


@pytest.mark.parametrize(
    "text", ["cvflow ru a.toml", "cvflow run a.toml --job 3", "make tests", "pip install cvflow[x]"]
)
def test_commands_that_nobody_knows_are_found(text):
    with pytest.raises((AssertionError, UsageError)):
        check(text.split(), ROOT)


def test_a_molecule_of_one_s_own(tmp_path, monkeypatch):
    """The page's call, up to where sampling would begin: a proton between two heavy atoms."""
    system, topology = openmm.System(), app.Topology()
    residue = topology.addResidue("PT", topology.addChain())
    for name, symbol, mass in (("O1", "O", 16.0), ("H", "H", 1.0), ("O2", "O", 16.0)):
        system.addParticle(mass)
        topology.addAtom(name, app.Element.getBySymbol(symbol), residue)
    (tmp_path / "system.xml").write_text(openmm.XmlSerializer.serialize(system))
    for state, place in (("left", 0.11), ("right", 0.17)):
        with open(tmp_path / f"{state}.pdb", "w") as file:
            app.PDBFile.writeFile(topology, [(0, 0, 0), (place, 0, 0), (0.28, 0, 0)] * unit.nanometer, file)
    (block,) = (block for block in CODE if block.page == "docs/own_molecule.md" and block.language == "python")
    made = []

    def prepared(system, cvs, states, starts, out, **run):
        made.append(from_objects(system, {"states": states, "run": run}, cvs, starts))
        return SimpleNamespace(delta_f=lambda start, end: f"F({end}) - F({start})")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cvflow, "sample", prepared)
    exec(block.text, {"__name__": "__main__"})
    (setup,) = made
    assert setup.settings.run.walkers == 4
    assert list(setup.space.names) == ["s"]
    assert [frame.positions[1, 0] for frame in setup.walkers.starts] == pytest.approx([0.11, 0.17, 0.11, 0.17])


def test_a_constant_of_normalisation_by_a_flow():
    """The last line has the value and error that its comment says."""
    (block,) = (block for block in CODE if block.page == "docs/theory.md" and "mapped_works" in block.text)
    *before, last = block.text.splitlines()
    names = {}
    exec("\n".join(before), names)
    found = eval(last.split("#")[0], names)
    assert f"value={found.value:.3f}, stderr={found.stderr:.3f}" == last.split("#")[1].strip()


def check(command, folder, *, whole=True):
    """Raises AssertionError or UsageError: it is none."""
    program, *rest = command
    if program == "cvflow":
        accepted(rest, whole=whole)
    elif program == "make":
        assert set(rest) <= TARGETS
    elif program == "pip" and (extras := re.findall(r"cvflow\[(.*?)\]", " ".join(rest))):
        assert set(",".join(extras).split(",")) <= set(PROJECT["optional-dependencies"])
    elif program.endswith("python") and rest[0] != "-c":
        file = rest[2] if rest[:2] == ["-m", "pytest"] else rest[0]
        assert not file.startswith("tests/") or (folder / file.split("::")[0]).exists()
    for word in rest:
        if re.search(r"(examples|benchmarks)/\S+\.(toml|py|sh)$", word):
            assert (folder / word).is_file(), word


def accepted(words, *, whole):
    """Raises UsageError: the command line does not take them; in a sentence a command may lack what it needs."""
    command, context, name = COMMAND, typer.Context(COMMAND, info_name="cvflow"), "cvflow"
    while words and hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, words)
    if not (whole or words):
        return
    try:
        command.make_context(name, list(words), parent=context)
    except UsageError as error:
        if whole or type(error).__name__ != "MissingParameter":
            raise
