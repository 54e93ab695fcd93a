"""Runs on the batch engine are the same chain again: interrupted, made longer; and what they keep in memory."""

import gc
import tracemalloc

import numpy as np
import pytest
import torch

from cvflow.cli.commands import execute
from cvflow.config.settings import ConfigError, load
from cvflow.proposals.flows import ARCHITECTURES, architecture
from cvflow.proposals.io import from_bytes
from cvflow.proposals.learned import LearnedProposal
from cvflow.run import run_folder
from cvflow.sampler.loop import Progress
from cvflow.store import MemoryStore, read_record
from tests.proposals.flows.cases import sizes
from tests.run.valley_run import LEARNED, begin, chain, made, quick, section, short  # noqa: F401


@pytest.mark.usefixtures("quick")
def test_the_same_seed_gives_the_same_chain(tmp_path):
    for name, seed in (("one", 5), ("again", 5), ("other", 6)):
        begin(tmp_path / name, run={"seed": seed})
    one, again, other = (chain(tmp_path / name / "out") for name in ("one", "again", "other"))
    assert one == again
    assert one["work"] != other["work"]


@pytest.mark.usefixtures("quick")
def test_an_interrupted_run_continues_as_if_nothing_had_happened(tmp_path):
    """Interrupted while the flow learns, again in production, and made longer: as in one go."""
    lengths = {"adapt_jumps": 12, "adapt_limit": 1, "jumps": 6}
    begin(tmp_path / "whole", run=lengths, **LEARNED)

    def stopping(after):
        def watch(progress):
            if isinstance(progress, Progress) and progress.turns >= 8 * after:
                raise KeyboardInterrupt

        return watch

    folder = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        begin(folder, stopping(6), run=lengths | {"jumps": 4}, **LEARNED)
    assert len(read_record(folder / "out" / "run.h5").turns) == 8 * 6
    with pytest.raises(KeyboardInterrupt):
        run_folder.resume(folder / "out", None, stopping(13))
    assert len(read_record(folder / "out" / "run.h5").turns) == 8 * 13
    run_folder.resume(folder / "out", None, lambda progress: None)
    run_folder.resume(folder / "out", 6, lambda progress: None)
    assert chain(folder / "out") == chain(tmp_path / "whole" / "out")
    flows = [read_record(name / "out" / "run.h5").flows for name in (folder, tmp_path / "whole")]
    assert [flow.data for flow in flows[0]] == [flow.data for flow in flows[1]]
    assert len(flows[0]) == 3
    assert load(folder / "out" / "config.resolved.toml").run.jumps == 6


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", [each.kind for each in ARCHITECTURES])
def test_a_flow_of_each_architecture_learns_is_stored_and_goes_on(kind, tmp_path, capsys):
    """From the config's word through training, store, draws and resumption; what flow.cvf can't say is refused."""
    sections = section("two_distances") | LEARNED | {"run": {"walkers": 4, "adapt_jumps": 2, "adapt_limit": 1}}
    sections["flow"] = {"architecture": kind, **sizes(kind, hidden=[12], bins=5), "retrain_every": 4}
    whole = begin(tmp_path / "long", **sections | {"run": sections["run"] | {"jumps": 4}})
    begin(tmp_path / "cut", **sections | {"run": sections["run"] | {"jumps": 1}})
    run_folder.resume(tmp_path / "cut" / "out", 4, lambda progress: None)
    assert chain(tmp_path / "cut" / "out") == chain(tmp_path / "long" / "out")
    assert load(tmp_path / "cut" / "out" / "config.resolved.toml").flow.architecture == kind
    proposal = from_bytes(whole.flows[-1].data)
    assert isinstance(proposal, LearnedProposal)
    assert proposal.architecture == architecture(kind)(**sizes(kind, hidden=(12,), bins=5))
    drawn = whole.turns[whole.turns["flow_version"] == 1]
    assert len(drawn) == 4 * 4
    close = 1e-7 if kind == "continuous" else 1e-9
    np.testing.assert_allclose(proposal.log_density(drawn["centre_new"]), drawn["log_q_new"], rtol=close, atol=close)
    code = execute(["plumed", "export", str(tmp_path / "long" / "out")])
    said = capsys.readouterr().err
    assert code == (0 if kind == "spline" else 2)
    assert (f'no form of the architecture "{kind}": run with [flow] architecture = "spline"' in said) == (code == 2)
    assert len(said.splitlines()) == (code == 2)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_run_made_longer_is_a_longer_run(precision, tmp_path):
    """The store's frames are in double precision, and are the chains' own to the last bit."""
    begin(tmp_path / "long", engine={"precision": precision})
    begin(tmp_path / "short", run={"jumps": 2}, engine={"precision": precision})
    run_folder.resume(tmp_path / "short" / "out", 6, lambda progress: None)
    assert chain(tmp_path / "short" / "out") == chain(tmp_path / "long" / "out")
    with pytest.raises(ConfigError, match="ask for more"):
        run_folder.resume(tmp_path / "short" / "out", 5, lambda progress: None)


class Forgetful(MemoryStore):
    """Throws rows away: what then grows is the run's own."""

    def append_turns(self, turns):
        pass


@pytest.mark.usefixtures("quick")
def test_samples_are_kept_while_a_flow_learns_from_them_and_no_longer(tmp_path):
    counts = []
    learning = {"adapt_jumps": 4, "adapt_limit": 1, "jumps": 8}
    run, executor = made(
        tmp_path, MemoryStore, lambda progress: counts.append(sum(map(len, run._samples))), run=learning, **LEARNED
    )
    with executor:
        run.go(executor)
    assert counts == [1, 2, 3, 4] + [4] * 8
    counts.clear()
    run, executor = made(tmp_path, MemoryStore, lambda progress: counts.append(sum(map(len, run._samples))))
    with executor:
        run.go(executor)
    assert counts == [0] * 6


@pytest.mark.usefixtures("quick")
def test_memory_does_not_grow_with_the_jumps(tmp_path):
    """Between jump 50 and jump 150, with a store that keeps nothing: a row a jump alone would be 1.4 MB."""
    seen = {}

    def watch(progress):
        if progress.turns == 64 * 50:
            tracemalloc.start()
        if progress.turns in (64 * 50, 64 * 150):
            gc.collect()
            tensors = sum(type(thing) is torch.Tensor for thing in gc.get_objects())
            seen[progress.turns] = (tracemalloc.get_traced_memory()[0], tensors)

    run, executor = made(
        tmp_path, Forgetful, watch, run={"walkers": 64, "jumps": 150, "local_steps": 0}, path={"kernel": "none"}
    )
    try:
        with executor:
            run.go(executor)
    finally:
        tracemalloc.stop()
    (_, few), (allocated, many) = seen[64 * 50], seen[64 * 150]
    assert allocated < 200_000
    assert many - few < 20
