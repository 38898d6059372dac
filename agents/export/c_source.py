"""An acting policy as the text of one C file, for wherever there is neither Python nor a runtime for ONNX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import Tensor, nn

from agents.export.c_actor import DTYPES

Array = NDArray[np.float32]

# C's types for the numbers of an observation, by NumPy's names.
C_TYPES = {np.dtype(kind).name: name for name, kind in DTYPES.items()}
_ACTIVATIONS = {nn.Tanh: "values[i] = tanhf(values[i])", nn.ReLU: "values[i] = fmaxf(values[i], 0.0f)"}
_PER_LINE = 8

_HEAD = """\
/* A recurrent policy that acts, written by `python -m agents.export`. C99; needs the math library alone.

   An observation is {numbers} numbers of the type actor_number, as the environment gives it:
   {space}.
   Actions are 0 to {last}.

       actor_state state;
       actor_reset(&state);                                 where an episode begins
       int action = actor_step(&state, observation, -1.0);  the greedy action, at every step
       int action = actor_step(&state, observation, u);     or one that is sampled by u in [0, 1)
*/
#include <math.h>
#include <string.h>

enum {{
    ACTOR_NUMBERS = {numbers},   /* of an observation */
    ACTOR_DIMENSIONS = {dimensions}, /* of the array that it is */
    ACTOR_FEATURES = {features}, /* that the network makes of it */
    ACTOR_LAYERS = {layers},
    ACTOR_UNITS = {units},
    ACTOR_ACTIONS = {actions}
}};

typedef {c_type} actor_number;

typedef struct {{
    float h[ACTOR_LAYERS][ACTOR_UNITS];
    float c[ACTOR_LAYERS][ACTOR_UNITS];
}} actor_state;

void actor_reset(actor_state *state);
int actor_logits(actor_state *state, const actor_number *observation, float logits[ACTOR_ACTIONS]);
int actor_choice(const float logits[ACTOR_ACTIONS], double u);
int actor_step(actor_state *state, const actor_number *observation, double u);
"""

_CODE = """
/* outputs += inputs * weights; weights has a row for each input. */
static void add_product(const float *inputs, int rows, const float *weights, int columns, float *outputs) {
    for (int i = 0; i < rows; ++i) {
        if (inputs[i] == 0.0f) continue; /* most of what is one-hot */
        for (int j = 0; j < columns; ++j) outputs[j] += inputs[i] * weights[i * columns + j];
    }
}

static float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/* The gates lie in the order of torch: input, forget, candidate, output. */
static void lstm(const float *inputs, int size, const float *from_input, const float *recurrent,
                 const float *bias, float *h, float *c) {
    float gates[4 * ACTOR_UNITS];
    memcpy(gates, bias, sizeof gates);
    add_product(inputs, size, from_input, 4 * ACTOR_UNITS, gates);
    add_product(h, ACTOR_UNITS, recurrent, 4 * ACTOR_UNITS, gates);
    for (int i = 0; i < ACTOR_UNITS; ++i) {
        const float *gate = gates + i;
        c[i] = sigmoid(gate[ACTOR_UNITS]) * c[i] + sigmoid(gate[0]) * tanhf(gate[2 * ACTOR_UNITS]);
        h[i] = sigmoid(gate[3 * ACTOR_UNITS]) * tanhf(c[i]);
    }
}

void actor_reset(actor_state *state) { memset(state, 0, sizeof *state); }

/* Returns 0, or -1 where a number is none of the space; then nothing is changed. */
int actor_logits(actor_state *state, const actor_number *observation, float logits[ACTOR_ACTIONS]) {
    float features[ACTOR_FEATURES];
$features
$network
    return 0;
}

int actor_choice(const float logits[ACTOR_ACTIONS], double u) {
    int best = 0;
    for (int i = 1; i < ACTOR_ACTIONS; ++i) {
        if (logits[i] > logits[best]) best = i;
    }
    if (u < 0.0) return best;
    double weights[ACTOR_ACTIONS], sum = 0.0;
    for (int i = 0; i < ACTOR_ACTIONS; ++i) sum += weights[i] = exp((double)logits[i] - logits[best]);
    u *= sum;
    for (int i = 0; i < ACTOR_ACTIONS - 1; ++i) {
        if ((u -= weights[i]) < 0.0) return i;
    }
    return ACTOR_ACTIONS - 1;
}

int actor_step(actor_state *state, const actor_number *observation, double u) {
    float logits[ACTOR_ACTIONS];
    return actor_logits(state, observation, logits) < 0 ? -1 : actor_choice(logits, u);
}
"""


class _Table(NamedTuple):
    """A constant of the file."""

    name: str
    values: Array
    note: str


def c_source(policy: RecurrentActorCriticPolicy) -> str:
    """Return the file.

    Args:
        policy: On the CPU.

    Raises:
        ValueError: Its core is no LSTM, its features are not the flattened observations, or there is a layer
            that is not written; names what is, and that ONNX takes everything.
    """
    core, space = policy.lstm_actor, policy.observation_space
    if not isinstance(core, nn.LSTM):
        raise _refused(f"a core that is an LSTM, got {type(core).__name__}")
    if not isinstance(policy.pi_features_extractor, FlattenExtractor) or is_image_space(space):
        kind = type(policy.pi_features_extractor).__name__
        raise _refused(f"observations that are flattened, got the features extractor {kind}")
    tables: list[_Table] = []
    network = "\n".join(_network(policy, core, tables))
    code = _CODE.replace("$features", _features(space)).replace("$network", network)
    head = _HEAD.format(
        numbers=int(np.prod(space.shape or ())),
        dimensions=len(space.shape or ()),
        features=core.input_size,
        layers=core.num_layers,
        units=core.hidden_size,
        actions=policy.action_net.out_features,
        last=int(policy.action_net.out_features) - 1,  # type: ignore[arg-type]
        c_type=C_TYPES[np.dtype(space.dtype).name],
        space=" ".join(str(space).split()),
    )
    return "\n".join([head, *map(_written, tables)]) + code


def _refused(what: str) -> ValueError:
    return ValueError(f"a C file is written of {what}: choose a path that ends in .onnx")


def _features(space: spaces.Space[Any]) -> str:
    """The statements that make features of an observation, as SB3 preprocesses it."""
    if isinstance(space, (spaces.Box, spaces.MultiBinary)):
        return "    for (int i = 0; i < ACTOR_FEATURES; ++i) features[i] = (float)observation[i];"
    numbers = [space.n] if isinstance(space, spaces.Discrete) else list(space.nvec)  # type: ignore[attr-defined]
    counts = ", ".join(str(int(each)) for each in numbers)
    return f"""\
    static const int counts[ACTOR_NUMBERS] = {{{counts}}};
    float *part = features;
    memset(features, 0, sizeof features);
    for (int i = 0; i < ACTOR_NUMBERS; ++i) {{
        if (observation[i] < 0 || observation[i] >= counts[i]) return -1;
        part[observation[i]] = 1.0f;
        part += counts[i];
    }}"""


def _network(policy: RecurrentActorCriticPolicy, core: nn.LSTM, tables: list[_Table]) -> Iterator[str]:
    """The statements from features to logits; what they multiply with is put into `tables`."""
    inputs, size = "features", str(core.input_size)
    for layer, (from_input, recurrent, *biases) in enumerate(core.all_weights):
        names = [f"{part}_{layer}" for part in ("FROM_INPUT", "RECURRENT", "GATE_BIAS")]
        values = (_array(from_input).T, _array(recurrent).T, sum(map(_array, biases)))
        notes = ("[inputs][4 units]", "[units][4 units]", "[4 units]")
        tables += map(_Table, names, values, notes)  # type: ignore[arg-type]
        yield f"    lstm({inputs}, {size}, {', '.join(names)}, state->h[{layer}], state->c[{layer}]);"
        inputs, size = f"state->h[{layer}]", "ACTOR_UNITS"
    layers: Sequence[nn.Module] = [*policy.mlp_extractor.policy_net, policy.action_net]
    for place, module in enumerate(layers):
        if isinstance(module, nn.Linear):
            names, out = [f"WEIGHT_{place}", f"BIAS_{place}"], module.out_features
            tables += map(
                _Table, names, (_array(module.weight).T, _array(module.bias)), ("[in][out]", "[out]")
            )
            target = "logits" if module is policy.action_net else f"layer_{place}"
            if target != "logits":
                yield f"    float {target}[{out}];"
            yield f"    memcpy({target}, {names[1]}, sizeof {names[1]});"
            yield f"    add_product({inputs}, {module.in_features}, {names[0]}, {out}, {target});"
            inputs, size = target, str(out)
        elif type(module) in _ACTIVATIONS:
            statement = _ACTIVATIONS[type(module)].replace("values", inputs)
            yield f"    for (int i = 0; i < {size}; ++i) {statement};"
        else:
            known = ", ".join(kind.__name__ for kind in (nn.Linear, *_ACTIVATIONS))
            raise _refused(f"layers that are {known}, got {type(module).__name__}")


def _array(tensor: Tensor) -> Array:
    return tensor.detach().cpu().numpy().astype(np.float32)


def _written(table: _Table) -> str:
    numbers = [_number(value) for value in table.values.ravel().tolist()]
    lines = [", ".join(numbers[at : at + _PER_LINE]) for at in range(0, len(numbers), _PER_LINE)]
    body = ",\n    ".join(lines)
    return f"/* {table.note} */\nstatic const float {table.name}[{len(numbers)}] = {{\n    {body}}};\n"


def _number(value: float) -> str:
    """Nine digits are a number of single precision, and no other."""
    text = f"{value:.9g}"
    return f"{text if set(text) & set('.e') else text + '.0'}f"
