"""Gated Transformer-XL, or GTrXL.

Source: Parisotto et al. 2019, "Stabilizing Transformers for Reinforcement Learning", arXiv 1910.06764.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.learning.networks.fused import checked_carry
from agents.learning.unroll import CoreState


class GRUGate(nn.Module):
    """Gated residual: a GRU with the stream x as its state and the sublayer's y as its input.

    z = sigmoid(W_z y + U_z x - b_g): with b_g = 2 the layer starts close to the identity, which is what makes
    transformers trainable by reinforcement (section 3.2 of the source).
    """

    def __init__(self, width: int, bias: float = 2.0) -> None:
        super().__init__()
        self.width = width
        self.from_sublayer = nn.Linear(width, 3 * width, bias=False)  # W_r, W_z, W_g
        self.from_stream = nn.Linear(width, 2 * width, bias=False)  # U_r, U_z
        self.from_reset = nn.Linear(width, width, bias=False)  # U_g
        self.bias = nn.Parameter(torch.full((width,), float(bias)))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x, y: [..., D] -> [..., D]."""
        y_rz, y_g = self.from_sublayer(y).split((2 * self.width, self.width), dim=-1)
        r, z = (y_rz + self.from_stream(x)).chunk(2, dim=-1)
        candidate = torch.tanh(y_g + self.from_reset(torch.sigmoid(r) * x))
        return torch.lerp(x, candidate, torch.sigmoid(z - self.bias))


class RelativeAttention(nn.Module):
    """Multi-head attention with Transformer-XL's relative positions (Dai et al. 2019, section 3.3).

    Every query sees itself and the `memory` positions before it, at a distance of 0 to `memory`.
    """

    def __init__(self, width: int, heads: int, memory: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"heads must divide width, got width={width}, heads={heads}")
        self.heads, self.head_width, self.memory = heads, width // heads, memory
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.position = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.content_bias = nn.Parameter(torch.zeros(heads, 1, self.head_width))  # u of the source
        self.position_bias = nn.Parameter(torch.zeros(heads, 1, self.head_width))  # v of the source
        self.register_buffer("distances", _sinusoids(memory, width), persistent=False)

    def forward(self, queries: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        """Attend.

        Args:
            queries: [B, T, D], the normalised window.
            context: [B, memory + T, D], normalised memory and window.
            mask: [B, 1, T, memory + T], 0 where the query may look and -inf where it may not.

        Returns:
            [B, T, D].
        """
        lanes, steps, _ = queries.shape
        k, v = self._keys_and_values(context)
        weights = self._weights(queries, k, mask)
        mixed = torch.bmm(weights, v.flatten(0, 1)).unflatten(0, (lanes, self.heads))
        return self.output(mixed.transpose(1, 2).reshape(lanes, steps, -1))

    def weights(self, queries: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        """Return the attention weights, for inspection; arguments as for `forward`.

        Returns:
            [B, H, T, memory + T], 0 where the mask forbids and 1 in sum over the last axis.
        """
        k, _ = self._keys_and_values(context)
        return self._weights(queries, k, mask).unflatten(0, (-1, self.heads))

    def _keys_and_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        k, v = (self._split(part) for part in self.key_value(context).chunk(2, dim=-1))
        return k, v

    def _weights(self, queries: Tensor, k: Tensor, mask: Tensor) -> Tensor:
        q = self._split(self.query(queries))
        position = self.position(self.distances).unflatten(-1, (self.heads, -1))
        r = position.permute(1, 2, 0)  # [H, d, memory + 1]
        # The queries are scaled, not the scores: the scores are the largest tensors here by far.
        scale = self.head_width**-0.5
        # [B, H, T, memory + 1], farthest first
        by_distance = torch.matmul((q + self.position_bias) * scale, r)
        bias = _shift(by_distance) + mask
        by_content = ((q + self.content_bias) * scale).flatten(0, 1)
        scores = torch.baddbmm(bias.flatten(0, 1), by_content, k.flatten(0, 1).transpose(-1, -2))
        return torch.softmax(scores, dim=-1)  # [B * H, T, memory + T]

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, self.head_width)).transpose(1, 2)  # [B, H, S, d]


class GTrXLLayer(nn.Module):
    """Y = g(X, relu(RelMHA(LN([sg(M), X])))), E = g(Y, relu(MLP(LN(Y))))."""

    def __init__(self, width: int, heads: int, hidden: int, memory: int, gate_bias: float) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = RelativeAttention(width, heads, memory)
        self.attention_gate, self.mlp_gate = GRUGate(width, gate_bias), GRUGate(width, gate_bias)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """Stream x [B, T, D], memory [B, M, D] without gradient -> [B, T, D]."""
        context = self.attention_norm(torch.cat([memory.detach(), x], dim=1))
        y = self.attention(context[:, memory.shape[1] :], context, mask)
        x = self.attention_gate(x, F.relu(y))
        return self.mlp_gate(x, F.relu(self.mlp(self.mlp_norm(x))))


class GTrXLCore(nn.Module):
    """A stack of gated transformer layers over unrolls in which episodes begin anywhere.

    The state is (memory [B, L, M, D], length [B]): the last M *inputs* of each layer, and how many of them,
    counted from the end, belong to the episode in progress. Attention never reaches before an episode's start
    nor into memory that was never written, and it spans exactly M steps back, so that T single steps equal
    one window of T.

    Args:
        input_size: Width of the inputs.
        width: d of the model.
        layers: Number of layers L.
        heads: Attention heads; divide `width`.
        hidden: Width of the position-wise MLP.
        memory: Steps M that a layer looks back.
        gate_bias: Initial b_g.
    """

    def __init__(
        self,
        input_size: int,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        hidden: int = 128,
        memory: int = 64,
        gate_bias: float = 2.0,
    ) -> None:
        super().__init__()
        if memory < 1 or layers < 1:
            raise ValueError(f"layers and memory must be at least 1, got layers={layers}, memory={memory}")
        self.width, self.memory = width, memory
        self.embed = nn.Linear(input_size, width)
        self.layers = nn.ModuleList(
            GTrXLLayer(width, heads, hidden, memory, gate_bias) for _ in range(layers)
        )
        self._initialize()

    def _initialize(self) -> None:
        """Orthogonal weights of gain 1, queries of gain 3; the source says nothing of initialisation.

        Torch's default shrinks what attention brings from memory at every one of its layers, and heads that
        start close to a plain average hardly tell one remembered step from another: docs/experiments.md has
        the figures.
        """
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.orthogonal_(module.weight)
        for layer in self.layers:
            nn.init.orthogonal_(layer.attention.query.weight, 3.0)  # type: ignore[union-attr, arg-type]

    @property
    def output_size(self) -> int:
        """Width of the outputs."""
        return self.width

    def initial_state(self, lanes: int) -> CoreState:
        """Memory of zeros, none of it valid."""
        memory = self.embed.weight.new_zeros(lanes, len(self.layers), self.memory, self.width)
        return memory, torch.zeros(lanes, dtype=torch.int64, device=memory.device)

    def forward(
        self, inputs: Tensor, state: CoreState, is_first: Tensor, carry: int | None = None
    ) -> tuple[Tensor, CoreState]:
        """Run a window of T steps.

        Args:
            inputs: [T, B, F].
            state: As `initial_state`'s, before the first step.
            is_first: [T, B] bool; an episode starts here and sees nothing older.
            carry: Return the state after this many steps; T when None.

        Returns:
            [T, B, D] outputs and the state.
        """
        memory, length = state
        carry = checked_carry(carry, inputs.shape[0])
        length = length.masked_fill(is_first[0], 0)
        memory = _cleared(memory, length)
        mask = _visibility(is_first.t(), length, self.memory).to(inputs.dtype)
        x = self.embed(inputs.transpose(0, 1))  # [B, T, D]
        remembered = []
        for index, layer in enumerate(self.layers):
            remembered.append(_last(memory[:, index], x.detach(), carry))
            x = layer(x, memory[:, index], mask)
        following = _following_length(is_first[:carry], length, self.memory)
        return x.transpose(0, 1), (torch.stack(remembered, dim=1), following)


def _sinusoids(memory: int, width: int) -> Tensor:
    """[memory + 1, width] encodings of the distances memory, ..., 1, 0."""
    frequency = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angle = torch.arange(memory, -1, -1).unsqueeze(-1) * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=-1)[:, :width]


def _shift(by_distance: Tensor) -> Tensor:
    """[..., T, M + 1] scores by distance -> [..., T, M + T] scores by key: row t moves t places to the right.

    Padding each row to M + 1 + T and reading the flat result in rows of M + T does that without a gather.
    What is left outside the band is masked anyway.
    """
    steps, span = by_distance.shape[-2:]
    flat = F.pad(by_distance, (0, steps)).flatten(-2)
    keys = span - 1 + steps
    return flat[..., : steps * keys].unflatten(-1, (steps, keys))


def _visibility(is_first: Tensor, length: Tensor, memory: int) -> Tensor:
    """[B, 1, T, memory + T] additive mask from is_first [B, T] and the valid length of memory [B]."""
    lanes, steps = is_first.shape
    device = is_first.device
    query = torch.arange(steps, device=device)
    key = torch.arange(memory + steps, device=device) - memory  # negative: in memory
    distance = query.unsqueeze(-1) - key
    in_span = (distance >= 0) & (distance <= memory)  # [T, memory + T]
    # The oldest key of a query's episode: its start in the window, or as far back as memory is valid.
    starts = torch.where(is_first, query, -1).cummax(dim=1).values
    oldest = torch.where(starts >= 0, starts, -length.unsqueeze(-1))  # [B, T]
    visible = in_span & (key >= oldest.unsqueeze(-1))
    return torch.zeros(visible.shape, device=device).masked_fill_(~visible, -torch.inf).unsqueeze(1)


def _cleared(memory: Tensor, length: Tensor) -> Tensor:
    """Memory [B, L, M, D] with zeros where it is not valid: the mask alone lets a NaN through, as 0 * NaN."""
    age = torch.arange(memory.shape[2], 0, -1, device=memory.device)
    return memory.masked_fill((age > length.unsqueeze(-1))[:, None, :, None], 0.0)


def _last(memory: Tensor, window: Tensor, carry: int) -> Tensor:
    """The last M entries once `carry` rows of the window [B, T, D] are written behind memory [B, M, D]."""
    return torch.cat([memory, window[:, :carry]], dim=1)[:, carry:]


def _following_length(is_first: Tensor, length: Tensor, memory: int) -> Tensor:
    """[B] valid length of memory after the steps of is_first [T, B]."""
    steps = is_first.shape[0]
    rows = torch.arange(steps, device=is_first.device).unsqueeze(-1)
    last_start = torch.where(is_first, rows, -1).amax(dim=0) if steps else torch.full_like(length, -1)
    return torch.where(last_start >= 0, steps - last_start, length + steps).clamp(max=memory)
