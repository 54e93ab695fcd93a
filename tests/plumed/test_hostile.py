"""Whatever the bytes of flow.cvf are, the reader says what is wrong with them, or they are a density: never a crash."""

import struct
import zlib

import numpy as np
import pytest

from tests.plumed.cases import cvf

NAMES = ["line", "circle", "three", "mixture", "wrapped", "labelled"]
HOSTILE = np.array([0, 1, 2, 0x7F, 0x80, 0xFF])
WORDS = [0, 1, 2, 64, 65, 255, 256, 2**31, 2**32 - 1]


def signed(payload):
    return b"CVFLOW\r\n" + struct.pack("<IIQ", 1, zlib.crc32(payload), len(payload)) + payload


def mutated(data, rng):
    """One to four changes; the checksum mended in nine of ten files, or nothing behind it would ever be seen."""
    payload = bytearray(data[24:])
    for _ in range(rng.integers(1, 5)):
        # Most of a file is weights: half of the changes are made where the sizes are.
        at = int(rng.integers(min(200, len(payload)) if rng.random() < 0.5 else len(payload)))
        match rng.integers(6):
            case 0:
                payload[at] = int(rng.choice(HOSTILE))
            case 1:
                payload[at] ^= 1 << int(rng.integers(8))
            case 2:
                payload[at : at + 4] = struct.pack("<I", int(rng.choice(WORDS)))
            case 3:
                payload[at : at + 8] = struct.pack("<d", float(rng.choice([np.nan, np.inf, -1.0, 1e308, 5e-324])))
            case 4:
                del payload[at : at + int(rng.integers(1, 40))]
            case 5:
                payload[at:at] = rng.bytes(int(rng.integers(1, 40)))
        if not payload:
            payload = bytearray(b"\0")
    whole = signed(bytes(payload))
    if rng.random() < 0.1:
        whole = bytearray(whole)
        whole[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
    return bytes(whole[: int(rng.integers(len(whole)))] if rng.random() < 0.05 else whole)


def mutations(count, seed):
    rng, files = np.random.default_rng(seed), [cvf(name) for name in NAMES]
    made = (mutated(files[i % len(files)], rng) for i in range(count))
    return b"".join(struct.pack("<Q", len(each)) + each for each in made)


def test_ten_thousand_mutated_files_do_no_harm(sanitised):
    count = 10_000
    done = sanitised("fuzz", sent=mutations(count, seed=0))
    assert done.returncode == 0, done.stderr.decode()
    read, refused = map(int, done.stdout.split())
    assert read + refused == count
    assert read > 0.05 * count
    assert refused > 0.3 * count


@pytest.mark.parametrize("name", NAMES)
def test_no_beginning_of_a_file_does_harm(sanitised, name):
    """Cut at 200 places, with a checksum that is right."""
    payload = cvf(name)[24:]
    cuts = np.unique(np.linspace(0, len(payload) - 1, 200).astype(int))
    files = [signed(payload[:cut]) for cut in cuts]
    done = sanitised("fuzz", sent=b"".join(struct.pack("<Q", len(each)) + each for each in files))
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.split() == [b"0", str(len(cuts)).encode()]


def changed(name, at, form, *values):
    payload = bytearray(cvf(name)[24:])
    struct.pack_into(f"<{form}", payload, at, *values)
    return signed(bytes(payload))


LINE_AXIS = 12
"""Where the first CV begins: kind, version, number of CVs."""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "does not begin like one"),
        (b"CVFLOW\r\n", "ends too early"),
        (cvf("line")[:-1], "its length is not what it says"),
        (cvf("line") + b"\0", "its length is not what it says"),
        (cvf("line")[:-1] + bytes([cvf("line")[-1] ^ 1]), "its checksum is wrong"),
        (b"CVFLOW\r\n" + struct.pack("<I", 2) + cvf("line")[12:], "its format is 2, this program reads 1"),
        (changed("line", 0, "I", 7), "the kind of density is 7, must be from 1 to 3"),
        (changed("line", 8, "I", 0), "the number of CVs is 0"),
        (changed("line", 8, "I", 65), "the number of CVs is 65"),
        (changed("line", LINE_AXIS, "I", 3), "a CV's axis is 3"),
        (changed("line", LINE_AXIS, "I", 1), "a circle's period must be positive and finite"),
        (changed("line", LINE_AXIS + 4, "d", 6.0), "any other's infinite"),
        (changed("line", LINE_AXIS + 4, "d", float("nan")), "a circle's period"),
        (changed("line", LINE_AXIS + 12, "I", 2**32 - 1), "the length of a CV's name is 4294967295"),
        (changed("line", LINE_AXIS + 16, "B", 10), "control character"),
        (signed(cvf("line")[24:] + b"\0"), "there is more in it than a density"),
    ],
)
def test_what_is_wrong_is_said(harness, tmp_path, data, said):
    (tmp_path / "flow.cvf").write_bytes(data)
    done = harness("density", tmp_path / "flow.cvf")
    assert done.returncode == 1
    assert said in done.stderr.decode()


def test_a_density_that_is_not_normalised_is_refused(harness, tmp_path):
    """A conditioner whose CVs' splines depend on those very CVs: every weight of the last layer made non-zero."""
    payload, layer = bytearray(cvf("torus")[24:]), 8 * (2 * 23 * 32 + 2 * 23)
    numbers = np.frombuffer(bytes(payload[-layer:]), dtype="<f8").copy()
    numbers[numbers == 0] = 0.5
    payload[-layer:] = numbers.tobytes()
    (tmp_path / "flow.cvf").write_bytes(signed(bytes(payload)))
    done = harness("density", tmp_path / "flow.cvf")
    assert done.returncode == 1
    assert "not autoregressive" in done.stderr.decode()


def test_a_file_that_is_not_there_is_named(harness, tmp_path):
    done = harness("density", tmp_path / "none.cvf")
    assert "none.cvf cannot be opened" in done.stderr.decode()
