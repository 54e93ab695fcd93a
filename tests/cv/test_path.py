"""Path variables: on their frames and between them, λ, files, and what is refused."""

import numpy as np
import pytest
from openmm import app, unit
from scipy.special import softmax

from cvflow.core.frames import Frame
from cvflow.cv import path_distance, path_progress, resolve, rmsd
from tests.cv.cases import draws
from tests.cv.test_rmsd import moved, topology

GROUP = [8, 1, 2, 4, 9]
ENDS = draws(2, seed=3)
WAY = ENDS[0] + np.linspace(0, 1, 6)[:, None, None] * (ENDS[1] - ENDS[0])
FRAMES = WAY[:, GROUP]


def test_progress_and_distance_are_those_of_the_rmsds():
    s, z = path_progress("s", GROUP, FRAMES, 80.0), path_distance("z", GROUP, FRAMES, 80.0)
    for x in draws(4, seed=9):
        frame = Frame(moved(x), None)
        d = np.array([rmsd("m", GROUP, reference).evaluate(frame) ** 2 for reference in FRAMES])
        assert s.evaluate(frame) == pytest.approx(softmax(-80 * d) @ np.arange(1, 7), rel=1e-9)
        assert z.evaluate(frame) == pytest.approx(-np.log(np.exp(-80 * d).sum()) / 80, rel=1e-9)


def test_along_the_path_progress_rises_from_one_to_the_number_of_frames():
    """With the λ that is usual: 2.3 over the mean-square distance of neighbours."""
    s, z = path_progress("s", GROUP, FRAMES), path_distance("z", GROUP, FRAMES)
    assert s.smoothing == pytest.approx(2.3 / np.mean([
        rmsd("m", GROUP, a).evaluate(Frame(b, None)) ** 2 for a, b in zip(WAY[:, GROUP], WAY[1:], strict=False)
    ]))  # fmt: skip
    values = [s.evaluate(Frame(moved(x, seed), None)) for seed, x in enumerate(WAY)]
    assert (np.diff(values) > 0.7).all()
    np.testing.assert_allclose(values, np.arange(1, 7), atol=0.12)
    assert max(abs(z.evaluate(Frame(moved(x), None))) for x in WAY) < 1 / s.smoothing
    assert s.range == (1.0, 6.0)


def test_far_from_every_frame_it_is_a_number_still():
    far = Frame(30 * draws(1, seed=4)[0], None)
    for make in (path_progress, path_distance):
        value, gradient = make("s", GROUP, FRAMES).value_and_gradient(far)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


def test_mirror_images_are_far():
    s = path_distance("z", GROUP, FRAMES)
    assert s.evaluate(Frame(WAY[2] * [1, 1, -1], None)) > s.evaluate(Frame(WAY[2], None)) + 0.005


@pytest.mark.parametrize("which", ["models", "files", "all", "group", "quantity"])
def test_references_are_models_files_or_positions(which, tmp_path):
    with (tmp_path / "path.pdb").open("w") as out:
        for number, x in enumerate(WAY, start=1):
            app.PDBFile.writeModel(topology(), x * unit.nanometer, out, number)
            with (tmp_path / f"{number}.pdb").open("w") as one:
                app.PDBFile.writeFile(topology(), x * unit.nanometer, one)
    given = {
        "models": tmp_path / "path.pdb", "files": [tmp_path / f"{i}.pdb" for i in range(1, 7)], "all": WAY,
        "group": FRAMES, "quantity": [10 * x * unit.angstrom for x in WAY],
    }[which]  # fmt: skip
    cv = resolve(path_progress("s", ["name C8", 1, 2, 4, 9], given), topology())
    np.testing.assert_allclose(cv.references, FRAMES, atol=1e-4)


@pytest.mark.parametrize(
    ("references", "words"),
    [
        (FRAMES[:1], "a path needs two frames or more of the same atoms, three at least"),
        ([FRAMES[0], FRAMES[1][:4]], "two frames or more of the same atoms"),
        (FRAMES[:, :2], "three at least"),
        (FRAMES[:, :4], "has 4 positions: give those of the group's 5 atoms, or of all 10"),
        ("none.pdb", "none.pdb cannot be read as a PDB file"),
        (3, "references are a PDB file with several models or a list, got 3"),
        ([FRAMES[0], FRAMES[0]], "two neighbouring frames of the path are the same"),
    ],
)
def test_what_is_no_path(references, words):
    with pytest.raises(ValueError, match=words) as error:
        resolve(path_progress("s", GROUP, references), topology()).evaluate(Frame(draws(1)[0], None))
    assert "\n" not in str(error.value)


def test_lambda_is_positive():
    with pytest.raises(ValueError, match="lambda_constant must be positive"):
        path_distance("z", GROUP, FRAMES, -3.0)
