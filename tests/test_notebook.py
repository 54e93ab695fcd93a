"""A run in a notebook: the example from end to end, and one that is interrupted and gone on with."""

import re
import time
from pathlib import Path

import pytest

from cvflow.store import read_record

pytest.importorskip("ipykernel")
nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
manager = pytest.importorskip("jupyter_client.manager")

EXAMPLE = Path(__file__).parents[1] / "examples" / "two_bond_lengths.ipynb"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:(jupyter_client|zmq|tornado|nbclient|traitlets).*")


@pytest.fixture(scope="module")
def example():
    return nbformat.read(EXAMPLE, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


def numbers(words):
    return [float(number) for number in re.findall(r"-?\d+\.\d+", words)]


def test_the_example_comes_without_outputs(example):
    assert all(not cell.outputs and cell.execution_count is None for cell in code(example))


def test_the_example_shows_its_free_energy_with_an_error_and_a_figure(example, tmp_path):
    resources = {"metadata": {"path": str(tmp_path)}}
    done = nbclient.NotebookClient(example.copy(), timeout=600, kernel_name="python3", resources=resources).execute()
    *_, run, answer, reference, figure = code(done)
    (bar,) = (output for output in run.outputs if output.output_type == "display_data")
    assert bar.data["text/html"].startswith('<progress value="560" max="560"></progress> production 560/560 ')
    assert bar.data["text/plain"].startswith("production 560/560 acceptance ")
    free_energy, stderr, (exact,) = *numbers(text(answer)), numbers(text(reference))
    assert abs(free_energy - exact) < 4 * stderr
    assert stderr < 0.4
    assert "exact: True" in text(answer)
    (shown,) = figure.outputs
    assert len(shown.data["image/png"]) > 10_000
    assert (tmp_path / "two-bond-lengths" / "report.html").exists()


RUN = """
def run(out):
    return cvflow.sample(
        cvflow.openmm_system(topology, system, temperature=TEMPERATURE), [distance("r", 0, 1)],
        {"short": "r < 0.3", "long": "r >= 0.3"},
        {"short": np.array([[0, 0, 0], [0.2, 0, 0]]), "long": np.array([[0, 0, 0], [0.4, 0, 0]])}, out,
        walkers=2, adapt_jumps=10, adapt_limit=1, jumps=640, local_steps=50, path={"steps": 200, "timestep": 0.004},
        engine={"platform": "Reference"}, flow={"retrain_every": 10},
    )
"""


@pytest.fixture
def kernel(tmp_path):
    started, client = manager.start_new_kernel(kernel_name="python3", cwd=str(tmp_path))
    yield started, client
    client.stop_channels()
    started.shutdown_kernel(now=True)


def reply(client, source):
    """What a cell ends in."""
    return client.execute_interactive(source, timeout=600, output_hook=lambda message: None)["content"]


def ran(client, source):
    """Whether a cell got to its end; what it ended in otherwise is said."""
    content = reply(client, source)
    assert content["status"] == "ok", "\n".join(content["traceback"])


def begun(store):
    """Waits for the first turns on disk."""
    for _ in range(30_000):
        if store.exists() and len(read_record(store).turns):
            return
        time.sleep(0.02)
    raise AssertionError("no turn was committed")


def chain(store):
    """All but the clock."""
    turns = read_record(store).turns
    return {name: turns[name].tobytes() for name in turns.dtype.names if "seconds" not in name}


def test_a_run_is_interrupted_and_gone_on_with(example, kernel, tmp_path):
    started, client = kernel
    for cell in code(example)[:2]:
        ran(client, cell.source)
    ran(client, RUN)
    asked = client.execute("run('stopped')")
    begun(tmp_path / "stopped" / "run.h5")
    started.interrupt_kernel()
    ended = client.get_shell_msg(timeout=600)
    assert ended["parent_header"]["msg_id"] == asked
    assert ended["content"]["ename"] == "KeyboardInterrupt"
    assert "what is done is committed, go on with `cvflow resume stopped` or cvflow.resume('stopped')" in "".join(
        ended["content"]["traceback"]
    )
    done = len(read_record(tmp_path / "stopped" / "run.h5").turns)
    assert 0 < done < 2 * 650
    ran(client, "resumed = cvflow.resume('stopped')")
    ran(client, "whole = run('whole')")
    ran(client, "assert whole.delta_f('short', 'long') == resumed.delta_f('short', 'long')")
    again = reply(client, "run('whole')")["evalue"]
    assert "whole already holds a run: continue it with `cvflow resume whole` or cvflow.resume('whole')" in again
    assert chain(tmp_path / "stopped" / "run.h5") == chain(tmp_path / "whole" / "run.h5")
