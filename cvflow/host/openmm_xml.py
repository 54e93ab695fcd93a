"""OpenMM's objects as XML: the one place where it is read, and data alone is.

OpenMM unpickles a PythonForce, which is to run whatever the file says, before anyone can look at what was read. So the
text is searched first. Its XML is of a narrow kind, and what OpenMM never writes is refused rather than understood:
between two parsers a comment may end in two places, and hide a force from one of them.
"""

import html
from typing import Any

import openmm

_CODE = {
    "PythonForce": "a pickled Python function",
    "PlumedForce": "a PLUMED script, which may load code",
}
"""Types of nodes that hold code, and what they hold."""


def deserialised(xml: str, what: str) -> Any:
    """The OpenMM object that a text holds; `what` names the text in errors.

    Raises:
        ValueError: it holds code, or what OpenMM does not write; nothing of it was run. Or it is no XML.
        OpenMMException: it is no object that this OpenMM knows.
    """
    if "<!" in xml or "<?" in xml[xml.find("<?") + 1 :]:
        raise ValueError(
            f"{what}: comments, CDATA, DTDs and the like, which OpenMM does not write, are to be taken out"
        )
    plain = html.unescape(xml)
    for kind, content in _CODE.items():
        if kind in plain:
            raise ValueError(f"{what} has a {kind}, {content}: it would hold code, not data")
    try:
        return openmm.XmlSerializer.deserialize(xml)
    except ValueError as error:
        raise ValueError(
            f"{what} is no OpenMM object as XML ({error}): write it with openmm.XmlSerializer.serialize"
        ) from error


def check_data_alone(force: openmm.Force, what: str) -> None:
    """Check that a force, and those that it is a function of, can be stored as data; `what` names it in errors.

    Raises:
        ValueError: one holds code.
    """
    kind = type(force).__name__
    if kind in _CODE:
        raise ValueError(f"{what} has a {kind}, {_CODE[kind]}: its stored form would hold code, not data")
    if isinstance(force, openmm.CustomCVForce):
        for index in range(force.getNumCollectiveVariables()):
            check_data_alone(force.getCollectiveVariable(index), what)
