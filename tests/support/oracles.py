"""Slow versions of the losses and cores that look like the papers.

Plain Python over numpy arrays in double precision: loops over steps, lanes, heads and keys, sums written out,
one episode at a time. They share no code with `agents`; the cores only share the names of the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

GOES_ON, TERMINATED, TRUNCATED = 0, 1, 2


# --- V-trace (Espeholt et al. 2018, equation 1 and section 4.2) -----------------------------------


def vtrace_episode(
    rewards: Array,
    values: Array,
    ratios: Array,
    gamma: float,
    rho_bar: float = 1.0,
    c_bar: float = 1.0,
    trace_decay: float = 1.0,
) -> tuple[list[float], list[float]]:
    """v_s and q_s - V(x_s) for n steps of one episode, from n + 1 values: the last is the bootstrap."""
    n = len(rewards)
    rho = [min(rho_bar, ratio) for ratio in ratios]
    c = [trace_decay * min(c_bar, ratio) for ratio in ratios]
    delta = [rho[t] * (rewards[t] + gamma * values[t + 1] - values[t]) for t in range(n)]
    targets = []
    for s in range(n):
        terms = [gamma ** (t - s) * math.prod(c[s:t]) * delta[t] for t in range(s, n)]
        targets.append(values[s] + sum(terms))
    following = [*targets[1:], values[n]]
    advantages = [rewards[s] + gamma * following[s] - values[s] for s in range(n)]
    return targets, advantages


def pieces(ending: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(first step, one past the last, how it ends) of every piece of an episode in one lane of an unroll."""
    first = 0
    for t, how in enumerate(ending):
        if how != GOES_ON or t == len(ending) - 1:
            yield first, t + 1, how
            first = t + 1


def vtrace(
    ratio: Array,
    reward: Array,
    value: Array,
    bootstrap: Array,
    ending: NDArray[np.int64],
    gamma: float,
    rho_bar: float = 1.0,
    c_bar: float = 1.0,
    trace_decay: float = 1.0,
) -> tuple[Array, Array]:
    """[T, B] targets and advantages, every piece of an episode by itself; beyond a termination lies 0.

    `bootstrap[t, b]` is read only where a piece ends without terminating: truncated, or at the unroll's end.
    """
    targets, advantages = np.empty_like(value), np.empty_like(value)
    for b in range(value.shape[1]):
        for first, last, how in pieces(list(ending[:, b])):
            beyond = 0.0 if how == TERMINATED else bootstrap[last - 1, b]
            piece = slice(first, last)
            targets[piece, b], advantages[piece, b] = vtrace_episode(
                reward[piece, b],
                np.append(value[piece, b], beyond),
                ratio[piece, b],
                gamma,
                rho_bar,
                c_bar,
                trace_decay,
            )
    return targets, advantages


# --- V-MPO (Song et al. 2020, section 4) ----------------------------------------------------------


class VMPO(NamedTuple):
    """The policy's and the temperature's loss, and psi of every sample."""

    policy: float
    temperature: float
    weight: list[float]


def better_half(advantage: Sequence[float]) -> list[int]:
    """Indices of the ceil(n / 2) best of n samples; of equals, the earlier one is the better."""
    ranked = sorted(range(len(advantage)), key=lambda i: (-advantage[i], i))
    return ranked[: math.ceil(len(advantage) / 2)]


def vmpo(
    log_prob: Sequence[float],
    advantage: Sequence[float],
    eta: float,
    eps_eta: float,
    importance: Sequence[float] | None = None,
) -> VMPO:
    """Equations 4 and 5 of the source; `importance`, where it is given, weighs the samples in both."""
    half = better_half(advantage)
    base = {i: 1.0 if importance is None else importance[i] for i in half}
    factor = {i: base[i] * math.exp(advantage[i] / eta) for i in half}
    total = sum(factor.values())
    weight = [factor[i] / total if i in factor else 0.0 for i in range(len(advantage))]
    policy = -sum(weight[i] * log_prob[i] for i in half)
    return VMPO(policy, eta * eps_eta + eta * math.log(total / sum(base.values())), weight)


# --- Categorical distributions --------------------------------------------------------------------


def softmax(logits: Array) -> Array:
    """Probabilities of one categorical distribution, [A] -> [A]."""
    shifted = np.exp(logits - logits.max())
    return shifted / shifted.sum()


def kl(p_logits: Array, q_logits: Array) -> float:
    """KL(p || q) in nats of two categorical distributions given by logits [A]."""
    p, q = softmax(p_logits), softmax(q_logits)
    return sum(p[a] * math.log(p[a] / q[a]) for a in range(len(p)))


# --- PopArt (van Hasselt et al. 2016, section 3.1) ------------------------------------------------


def popart_moments(batches: Sequence[Array], step_size: float) -> tuple[float, float]:
    """(mu, sigma) after these: batch k weighs 10 / (k + 9), at least step_size, decayed by later ones."""
    weight = [max(step_size, 10 / (k + 9)) for k in range(1, len(batches) + 1)]
    left = [weight[k] * math.prod(1 - later for later in weight[k + 1 :]) for k in range(len(batches))]
    mean = sum(share * batch.mean() for share, batch in zip(left, batches, strict=True))
    square = sum(share * (batch**2).mean() for share, batch in zip(left, batches, strict=True))
    return mean, math.sqrt(square - mean**2)


# --- Cores ----------------------------------------------------------------------------------------

Parameters = Mapping[str, Array]

# Of one lane: for each layer, that layer's inputs at the steps of the episode so far, oldest first.
History = list[list[Array]]


def sigmoid(x: Array) -> Array:
    """Logistic function."""
    return 1.0 / (1.0 + np.exp(-x))


def lstm(
    parameters: Parameters, inputs: Array, is_first: NDArray[np.bool_], hidden: Array, cell: Array
) -> Array:
    """[T, B, H] outputs of an LSTM (Hochreiter & Schmidhuber 1997) that starts from zero where is_first."""
    steps, lanes, _ = inputs.shape
    outputs = np.empty((steps, lanes, hidden.shape[1]))
    for b in range(lanes):
        h, c = hidden[b], cell[b]
        for t in range(steps):
            if is_first[t, b]:
                h, c = np.zeros_like(h), np.zeros_like(c)
            gates = parameters["weight_ih_l0"] @ inputs[t, b] + parameters["bias_ih_l0"]
            gates = gates + parameters["weight_hh_l0"] @ h + parameters["bias_hh_l0"]
            i, f, g, o = np.split(gates, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            outputs[t, b] = h
    return outputs


def gru(parameters: Parameters, inputs: Array, is_first: NDArray[np.bool_], hidden: Array) -> Array:
    """[T, B, H] outputs of a GRU (Cho et al. 2014, as torch has it) that starts from zero where is_first."""
    steps, lanes, _ = inputs.shape
    outputs = np.empty((steps, lanes, hidden.shape[1]))
    for b in range(lanes):
        h = hidden[b]
        for t in range(steps):
            if is_first[t, b]:
                h = np.zeros_like(h)
            x_r, x_z, x_n = np.split(parameters["weight_ih_l0"] @ inputs[t, b] + parameters["bias_ih_l0"], 3)
            h_r, h_z, h_n = np.split(parameters["weight_hh_l0"] @ h + parameters["bias_hh_l0"], 3)
            r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
            n = np.tanh(x_n + r * h_n)
            h = (1 - z) * n + z * h
            outputs[t, b] = h
    return outputs


def lru(
    parameters: Parameters, inputs: Array, is_first: NDArray[np.bool_], memory: NDArray[np.complex128]
) -> tuple[Array, NDArray[np.complex128]]:
    """[T, B, D] outputs of LRU blocks (Orvieto et al. 2023, section 3 and appendix A), step by step.

    `memory` [B, L, S] is that before the first step; the one after the last is returned, too.
    """
    steps, lanes, _ = inputs.shape
    outputs = np.empty((steps, lanes, parameters["embed.weight"].shape[0]))
    memory = memory.copy()
    for b in range(lanes):
        for t in range(steps):
            if is_first[t, b]:
                memory[b] = 0.0
            x = parameters["embed.weight"] @ inputs[t, b] + parameters["embed.bias"]
            for index in range(memory.shape[1]):
                layer = _scope(parameters, f"layers.{index}.")
                x, memory[b, index] = _lru_layer(layer, x, memory[b, index])
            outputs[t, b] = x
    return outputs, memory


def _lru_layer(
    layer: Parameters, x: Array, memory: NDArray[np.complex128]
) -> tuple[Array, NDArray[np.complex128]]:
    """The stream behind the layer, and the next memory [S]."""
    eigenvalues = np.exp(-np.exp(layer["nu"]) + 1j * np.exp(layer["theta"]))
    b_real, b_imaginary = np.split(layer["into.weight"], 2)
    c_real, c_imaginary = np.split(layer["out_of.weight"], 2, axis=1)
    u = _layer_norm(layer, "norm", x)
    memory = eigenvalues * memory + np.exp(layer["gamma"]) * ((b_real + 1j * b_imaginary) @ u)
    y = ((c_real - 1j * c_imaginary) @ memory).real + layer["skip"] * u
    y = np.array([value * 0.5 * (1.0 + math.erf(value / math.sqrt(2.0))) for value in y])
    linear, gate = np.split(layer["gate.weight"] @ y + layer["gate.bias"], 2)
    return x + linear * sigmoid(gate), memory


def gtrxl(
    parameters: Parameters,
    inputs: Array,
    is_first: NDArray[np.bool_],
    histories: list[History],
    *,
    heads: int,
    memory: int,
) -> Array:
    """[T, B, D] outputs of a Gated Transformer-XL (Parisotto et al. 2019), step by step and lane by lane.

    `histories` holds one entry per lane and is advanced in place: a second call goes on where this one ended.
    """
    steps, lanes, _ = inputs.shape
    outputs = np.empty((steps, lanes, parameters["embed.weight"].shape[0]))
    for b in range(lanes):
        for t in range(steps):
            if is_first[t, b]:
                histories[b] = [[] for _ in histories[b]]
            x = parameters["embed.weight"] @ inputs[t, b] + parameters["embed.bias"]
            for index, past in enumerate(histories[b]):
                layer = _scope(parameters, f"layers.{index}.")
                past.append(x)
                x = _gtrxl_layer(layer, past[-1 - memory :], heads)
            outputs[t, b] = x
    return outputs


def _gtrxl_layer(layer: Parameters, visible: list[Array], heads: int) -> Array:
    """The layer's output for the last of `visible`, which are the inputs it may look at, itself included."""
    x = visible[-1]
    keys = [_layer_norm(layer, "attention_norm", past) for past in visible]
    y = _attend(_scope(layer, "attention."), keys, heads)
    x = _gate(_scope(layer, "attention_gate."), x, np.maximum(y, 0.0))
    hidden = layer["mlp.0.weight"] @ _layer_norm(layer, "mlp_norm", x) + layer["mlp.0.bias"]
    y = layer["mlp.2.weight"] @ np.maximum(hidden, 0.0) + layer["mlp.2.bias"]
    return _gate(_scope(layer, "mlp_gate."), x, np.maximum(y, 0.0))


def _attend(attention: Parameters, keys: list[Array], heads: int) -> Array:
    """Multi-head attention of the last key's query, with the four scores of Dai et al. 2019, section 3.3."""
    width = len(keys[-1])
    size = width // heads
    key_weight, value_weight = np.split(attention["key_value.weight"], 2)
    mixed = []
    for h in range(heads):
        rows = slice(h * size, (h + 1) * size)
        query = attention["query.weight"][rows] @ keys[-1]
        u, v = attention["content_bias"][h, 0], attention["position_bias"][h, 0]
        scores = np.empty(len(keys))
        for j, key in enumerate(keys):
            k = key_weight[rows] @ key
            r = attention["position.weight"][rows] @ sinusoid(len(keys) - 1 - j, width)
            scores[j] = (query @ k + query @ r + u @ k + v @ r) / math.sqrt(size)
        weights = softmax(scores)
        mixed.append(sum(weights[j] * (value_weight[rows] @ key) for j, key in enumerate(keys)))
    return attention["output.weight"] @ np.concatenate(mixed)


def sinusoid(distance: int, width: int) -> Array:
    """[width] encoding of a distance: sines, then cosines, of wavelengths from 2 pi to 10,000 * 2 pi."""
    angles = [distance / 10_000.0 ** (2 * k / width) for k in range(width // 2)]
    return np.array([math.sin(a) for a in angles] + [math.cos(a) for a in angles])


def _gate(gate: Parameters, x: Array, y: Array) -> Array:
    """GRU-type gating, section 3.2 of Parisotto et al. 2019."""
    w_r, w_z, w_g = np.split(gate["from_sublayer.weight"], 3)
    u_r, u_z = np.split(gate["from_stream.weight"], 2)
    u_g = gate["from_reset.weight"]
    r = sigmoid(w_r @ y + u_r @ x)
    z = sigmoid(w_z @ y + u_z @ x - gate["bias"])
    candidate = np.tanh(w_g @ y + u_g @ (r * x))
    return (1 - z) * x + z * candidate


def _layer_norm(layer: Parameters, name: str, x: Array) -> Array:
    centred = x - x.mean()
    normalised = centred / math.sqrt((centred**2).mean() + 1e-5)
    return layer[f"{name}.weight"] * normalised + layer[f"{name}.bias"]


def _scope(parameters: Parameters, prefix: str) -> dict[str, Array]:
    return {name[len(prefix) :]: value for name, value in parameters.items() if name.startswith(prefix)}
