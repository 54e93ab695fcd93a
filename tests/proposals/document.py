"""log q of a saved file in numpy, written from docs/flow.md alone: no torch, no zuko, no cvflow."""

import json
import math

import numpy as np

B = 5.0
TYPES = {"F64": np.float64, "BOOL": np.bool_}


def read(data):
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    about = json.loads(header.pop("__metadata__")["cvflow"])
    body, tensors = data[8 + length :], {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(body[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
    return about, tensors


def log_q(data, points):
    about, tensors = read(data)
    assert about["format"] == "cvflow-flow-2"
    axes, turns, epsilon = np.array(about["axes"]), about["transforms"], about["epsilon"]
    line, circle, box = (axes == kind for kind in ("line", "circle", "box"))
    u = (points - tensors["centre"]) / tensors["scale"]
    u = np.where(circle, u - 10 * np.round(u / 10), u)
    outside = (box & (np.abs(u) > B * (1 + 2e-6))).any(axis=1)
    u = np.where(box, np.clip(u, -B, B), u)
    log_g = np.where(line, -0.5 * (u / 1.5) ** 2 - 0.5 * math.log(2 * math.pi * 1.5**2), -math.log(10)).sum(axis=1)
    log_f = np.zeros(len(u))
    for t in range(turns):
        u = np.where(circle, np.mod(u + 10 / turns + B, 10) - B, u)
        mapped = MAPPED[about["kind"]](t, len(axes))
        seen = ~mapped if about["kind"] == "coupling-spline" else np.full(len(axes), True)
        parameters = conditioned(tensors, t, len(about["hidden"]), u, circle, seen, mapped.sum())
        image, log_slopes = spline(u[:, mapped], *np.split(parameters, [about["bins"], 2 * about["bins"]], axis=2))
        u, log_f = u.copy(), log_f + log_slopes.sum(axis=1)
        u[:, mapped] = image
    log_f = log_f + np.where(line, -0.5 * u**2 - 0.5 * math.log(2 * math.pi), -math.log(10)).sum(axis=1)
    both = np.logaddexp(math.log(1 - epsilon) + log_f, math.log(epsilon) + log_g) - np.log(tensors["scale"]).sum()
    return np.where(outside, -np.inf, both)


MAPPED = {
    "spline": lambda t, cvs: np.full(cvs, True),
    "coupling-spline": lambda t, cvs: (np.arange(cvs) % 2 != t % 2) | (cvs == 1),
}


def conditioned(tensors, t, hidden, u, circle, seen, mapped):
    count, cvs = u.shape
    name = f"flow.splines.{t}.conditioner"
    if cvs == 1:
        return np.broadcast_to(tensors[f"{name}.bias"], (count, 1, len(tensors[f"{name}.bias"])))
    u, circle = u[:, seen], circle[seen]
    angle = np.pi * u / 5
    x = np.concatenate([np.where(circle, np.cos(angle), u), np.sin(angle[:, circle])], axis=1)
    for layer in range(0, 2 * hidden + 1, 2):
        x = x @ tensors[f"{name}.{layer}.weight"].T + tensors[f"{name}.{layer}.bias"]
        x = np.maximum(x, 0) if layer < 2 * hidden else x
    return x.reshape(count, mapped, -1)


def spline(u, w, h, d):
    c = math.log(1000)
    w, h, d = w / (1 + 2 * np.abs(w) / c), h / (1 + 2 * np.abs(h) / c), d / (1 + np.abs(d) / c)
    knots, values = (
        np.concatenate([np.full((*u.shape, 1), -B), -B + 10 * np.cumsum(softmax(x), axis=2)], axis=2) for x in (w, h)
    )
    ends = np.ones((*u.shape, 1))
    slopes = np.concatenate([ends, np.exp(d), ends], axis=2)
    bin_ = np.clip((knots < u[..., None]).sum(axis=2) - 1, 0, w.shape[2] - 1)
    left, right, low, high, first, last = (
        np.take_along_axis(table, (bin_ + k)[..., None], axis=2)[..., 0]
        for table in (knots, values, slopes)
        for k in (0, 1)
    )
    z, s = (u - left) / (right - left), (high - low) / (right - left)
    e = s + (first + last - 2 * s) * z * (1 - z)
    value = low + (high - low) * (s * z**2 + first * z * (1 - z)) / e
    slope = s**2 * (2 * s * z * (1 - z) + first * (1 - z) ** 2 + last * z**2) / e**2
    inside = (u > -B) & (u <= B)
    return np.where(inside, value, u), np.log(np.where(inside, slope, 1.0))


def softmax(x):
    weights = np.exp(x - x.max(axis=2, keepdims=True))
    return weights / weights.sum(axis=2, keepdims=True)
