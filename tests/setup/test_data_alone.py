"""What users and strangers bring as data is never run: serialised OpenMM objects, force fields."""

import os
import pickle

import numpy as np
import openmm
import pytest
from openmm import app

from cvflow.config.references import deserialised
from cvflow.config.settings import ConfigError
from cvflow.core.frames import Frame
from cvflow.cv import ForceCV, from_force
from cvflow.cv.geometry import Distance
from cvflow.engines.openmm import OpenMMSpec, prepare
from cvflow.setup.files.force_field import force_field


class Payload:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "it_ran"


def crafted(mark):
    """A PythonForce as OpenMM writes it, whose function is the payload."""
    xml = openmm.XmlSerializer.serialize(openmm.PythonForce(np.sum))
    ours, theirs = pickle.dumps(np.sum), pickle.dumps(Payload(mark))
    found = xml.split('function="')[1].split('"')[0]
    assert pickle.loads(bytes.fromhex(found)) is pickle.loads(ours)
    return xml.replace(found, theirs.hex()).removeprefix('<?xml version="1.0" ?>\n')


def around(force):
    """A System of two particles that holds a force, both as XML."""
    system = openmm.System()
    for _ in range(2):
        system.addParticle(1.0)
    xml = openmm.XmlSerializer.serialize(system)
    assert "<Forces/>" in xml
    return xml.replace("<Forces/>", f"<Forces>{force}</Forces>")


def nested(force):
    """The same within a CustomCVForce."""
    algebra = openmm.CustomCVForce("x")
    algebra.addCollectiveVariable("x", openmm.CustomBondForce("r"))
    xml = openmm.XmlSerializer.serialize(algebra).removeprefix('<?xml version="1.0" ?>\n')
    begin, end = xml.index("<Force", xml.index("<CollectiveVariable")), xml.index("</CollectiveVariable>")
    return xml[:begin] + force + xml[end:]


DISGUISES = {
    "plain": lambda xml: xml,
    "within another force": nested,
    "in a comment that ends early for OpenMM": lambda xml: f"<!-- > {xml} -->",
    "letters by number": lambda xml: xml.replace('type="PythonForce"', 'type="&#80;ythonForce"').replace(
        'name="PythonForce"', 'name="x"'
    ),
    "in CDATA": lambda xml: f"<![CDATA[ > {xml} ]]>",
    "in an instruction": lambda xml: f"<?x > {xml} ?>",
}


def test_the_payload_is_one(mark):
    """OpenMM itself runs it: this is what all of the following is about."""
    openmm.XmlSerializer.deserialize(around(crafted(mark)))
    assert mark.exists()


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_pickle_in_a_system_is_not_run(disguise, mark, tmp_path):
    xml = around(DISGUISES[disguise](crafted(mark)))
    (tmp_path / "system.xml").write_text(xml)
    with pytest.raises(ConfigError) as caught:
        deserialised(tmp_path / "system.xml", "system.xml")
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="the system"):
        OpenMMSpec(xml, (Distance("d", (0, 1)),), 1.0, 0.001, platform="Reference").build()
    assert not mark.exists()


@pytest.mark.parametrize("disguise", ["plain", "within another force"])
def test_a_pickle_in_a_cv_is_not_run(disguise, mark):
    with pytest.raises(ValueError, match="a PythonForce, a pickled Python function"):
        ForceCV("s", DISGUISES[disguise](crafted(mark)), 1).evaluate(Frame(np.eye(2, 3), None))
    assert not mark.exists()


def test_a_force_that_reads_one_of_python_is_refused():
    algebra = openmm.CustomCVForce("x")
    algebra.addCollectiveVariable("x", openmm.PythonForce(lambda state: (0.0, np.zeros((3, 3))), {}))
    system = openmm.System()
    system.addForce(algebra)
    for refused in (lambda: from_force("s", algebra), lambda: prepare(system)):
        with pytest.raises(ValueError, match="PythonForce"):
            refused()


def test_what_openmm_writes_is_read(tmp_path):
    force = openmm.CustomBondForce("step(r-1)*a; a=2")
    force.addBond(0, 1, [])
    (tmp_path / "force.xml").write_text(openmm.XmlSerializer.serialize(force))
    found = deserialised(tmp_path / "force.xml", "cv s")
    assert found.getEnergyFunction() == force.getEnergyFunction()


FIELD = '<ForceField><AtomTypes><Type name="A" class="A" element="Ar" mass="40"/></AtomTypes>{}</ForceField>'
RUNS = "open({!r}, 'w').close()"
PARTS = {
    "InitializationScript": "<InitializationScript>{}</InitializationScript>",
    "Script": "<Script>{}</Script>",
    "useDispersionCorrection": '<LennardJonesForce lj14scale="1" useDispersionCorrection="{}"></LennardJonesForce>',
}


@pytest.mark.parametrize("part", PARTS)
def test_code_in_a_force_field_is_not_run(part, mark, tmp_path):
    text = FIELD.format(PARTS[part].format(RUNS.format(str(mark))))
    (tmp_path / "mine.xml").write_text(text)
    (tmp_path / "other.xml").write_text('<ForceField><Include file="mine.xml"/></ForceField>')
    for name in ("mine.xml", "other.xml"):
        with pytest.raises(ConfigError, match=f"mine.xml has an? .*{part}.* code"):
            force_field([name], tmp_path, "system.forcefield")
    assert not mark.exists()


def test_openmm_would_have_run_it(mark, tmp_path):
    text = FIELD.format(PARTS["InitializationScript"].format(RUNS.format(str(mark))))
    (tmp_path / "mine.xml").write_text(text)
    app.ForceField(str(tmp_path / "mine.xml"))
    assert mark.exists()


def test_a_force_field_is_not_looked_for_where_one_stands(mark, tmp_path, monkeypatch):
    """OpenMM takes a file of the working folder for one of its own."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    code = FIELD.format(PARTS["InitializationScript"].format(RUNS.format(str(mark))))
    (tmp_path / "elsewhere" / "tip3p.xml").write_text(code)
    assert force_field(["tip3p.xml"], tmp_path, "system.forcefield").getGenerators()
    (tmp_path / "mine.xml").write_text('<ForceField><Include file="tip3p.xml"/></ForceField>')
    with pytest.raises(ConfigError, match="not beside it"):
        force_field(["mine.xml"], tmp_path, "system.forcefield")
    assert not mark.exists()


def test_entities_that_grow_are_refused(tmp_path):
    bomb = '<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY c "&a;&a;">]>' + FIELD.format("<x>&c;</x>")
    (tmp_path / "mine.xml").write_text(bomb)
    with pytest.raises(ConfigError, match="a DTD is refused"):
        force_field(["mine.xml"], tmp_path, "system.forcefield")
