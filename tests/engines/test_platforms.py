"""Platforms, precision and devices: what is taken, what a context gets, and what is refused in a line."""

from pathlib import Path

import openmm
import pytest

from cvflow.config.section import ConfigError
from cvflow.config.settings import parse
from cvflow.engines.openmm import platforms
from cvflow.engines.openmm.platforms import (
    PlatformInUse,
    context_properties,
    platform_named,
    platform_notes,
    properties,
)
from cvflow.host import worker
from cvflow.host.pool import Pool
from cvflow.setup import from_config


def engine(**words):
    return parse({"system": {"name": "polymer"}, "states": {"a": "r < 4", "b": "r >= 4"}, "engine": words}, "test")


CUDA = "CUDA", ("Precision", "DeviceIndex", "DeterministicForces")
CPU = "CPU", ("Threads", "DeterministicForces")


def test_a_gpu_s_precision_is_mixed_and_its_forces_are_in_order():
    assert context_properties(*CUDA, (), ()) == {"Precision": "mixed", "DeterministicForces": "true"}
    assert context_properties("OpenCL", ("Precision",), (("Precision", "single"),), ()) == {"Precision": "single"}
    assert context_properties(*CPU, (), ()) == {"Threads": "1"}
    assert context_properties("Reference", (), (), ()) == {}


def device_here(devices):
    return context_properties(*CUDA, (), devices)["DeviceIndex"], worker.worker_number()


def test_each_worker_has_a_device_in_turn():
    with Pool(3) as pool:
        tasks = [pool.submit(device_here, (4, 7)) for _ in range(60)]
        found = {task.result() for task in tasks}
    assert found <= {("4", 0), ("7", 1), ("4", 2)}
    assert len(found) > 1
    assert device_here((4, 7)) == ("4", 0), "the main process has the first"


def test_the_word_of_before_is_read():
    assert engine(platform="CUDA", device="1").engine.devices == [1]
    assert engine(platform="CUDA", devices=[0, 1]).engine.devices == [0, 1]


@pytest.mark.parametrize("words", [{"device": "0,1"}, {"device": "0", "devices": [0]}, {"device": "first"}])
def test_what_the_word_of_before_cannot_say_is_refused(words):
    with pytest.raises(ConfigError, match=r"engine.*: give engine.devices, a list of numbers, one for each worker"):
        engine(platform="CUDA", **words)


def test_a_worker_has_a_core_for_each_thread_of_the_cpu_platform():
    assert from_config(engine(threads=3), Path()).walkers.threads == 3
    assert from_config(engine(platform="Reference"), Path()).walkers.threads == 1


MISUSE = {
    "precision": (
        {"platform": "CPU", "precision": "mixed"},
        "engine.precision is for CUDA, HIP and OpenCL",
    ),
    "device": (
        {"platform": "Reference", "device": "0"},
        "engine.devices is for CUDA, HIP and OpenCL",
    ),
    "threads": ({"platform": "Reference", "threads": 2}, "engine.threads is for the platform CPU; Reference has none"),
    "unknown": ({"platform": "TPU"}, "OpenMM has no platform 'TPU' here; installed: Reference, CPU"),
    "spelling": ({"platform": "cpu"}, "did you mean 'CPU'?"),
}


@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_a_line(what):
    words, said = MISUSE[what]
    with pytest.raises(ConfigError) as refused:
        from_config(engine(**words), Path())
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"precision": "half"}, "engine.precision"),
        ({"devices": []}, "engine.devices"),
        ({"devices": [-1]}, "engine.devices"),
    ],
)
def test_values_that_are_none_are_refused(words, said):
    with pytest.raises(ConfigError, match=said):
        engine(platform="CUDA", **words)


@pytest.mark.parametrize(
    ("given", "meant"), [("cuda", "CUDA"), ("Cuda", "CUDA"), ("openCL", "OpenCL"), ("Refrence", "Reference")]
)
def test_a_near_miss_says_the_right_one(given, meant):
    with pytest.raises(ValueError, match=f"did you mean '{meant}'"):
        platform_named(given)


@pytest.mark.skipif("CUDA" in platforms.installed(), reason="CUDA is here")
def test_a_platform_that_is_not_installed_says_what_brings_it():
    with pytest.raises(ValueError, match=r"pip install 'openmm\[cuda12\]' brings it"):
        properties("CUDA", None, None, ())


def test_the_right_spelling_is_openmm_s():
    assert platform_named("Reference").getName() == openmm.Platform.getPlatform("Reference").getName()


def test_a_run_on_a_gpu_says_what_repeated_paths_are():
    assert "may differ in its last digits" in platform_notes("CUDA")[0]
    assert platform_notes("CPU") == platform_notes("Reference") == ()


def test_where_it_computes_in_words():
    assert PlatformInUse("CUDA", "mixed", "H200").words == "OpenMM's CUDA platform in mixed precision on H200"
    assert PlatformInUse("CPU", "", "").words == "OpenMM's CPU platform"
