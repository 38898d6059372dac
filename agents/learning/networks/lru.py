"""A linear recurrent unit, or LRU: memory that decays and turns, computed over all steps at once.

Source: Orvieto et al. 2023, "Resurrecting Recurrent Neural Networks for Long Sequences", arXiv 2303.06349.
The complex numbers of the source are pairs of real ones here, which are stored and exported as any others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.learning.networks.fused import checked_carry
from agents.learning.unroll import CoreState

Pair = tuple[Tensor, Tensor]
"""Real and imaginary parts of complex numbers."""


class LRULayer(nn.Module):
    """A residual block around x_t = lambda * x_{t-1} + exp(gamma) * B u_t, y_t = Re(C x_t) + D * u_t.

    u is the normalised stream, and what is added to the stream a gated linear unit of gelu(y). The
    eigenvalues lambda = exp(-exp(nu) + i exp(theta)) lie within the unit circle whatever is learnt; they
    begin on a ring of the radii `r_min` to `r_max`, and gamma begins such that memory is as large as its
    inputs (sections 3.3 and 3.4 of the source).

    Args:
        width: Of the stream, and number of eigenvalues.
        r_min: Least modulus of an eigenvalue at the beginning, from 0.
        r_max: Largest, below 1.
        max_phase: Largest phase, in radians, from 0 to 2 pi.
    """

    def __init__(self, width: int, r_min: float, r_max: float, max_phase: float) -> None:
        super().__init__()
        if not 0 <= r_min < r_max < 1:
            raise ValueError(f"r_min and r_max must be 0 <= r_min < r_max < 1, got {r_min} and {r_max}")
        if not 0 < max_phase <= 2 * math.pi:
            raise ValueError(f"max_phase must be in (0, 2 pi], got {max_phase}")
        self.norm = nn.LayerNorm(width)
        self.into = nn.Linear(width, 2 * width, bias=False)  # B: rows of its real, then of its imaginary part
        self.out_of = nn.Linear(2 * width, width, bias=False)  # C: columns of its real part, then of -Im(C)
        self.skip = nn.Parameter(torch.randn(width))  # D
        self.gate = nn.Linear(width, 2 * width)
        nn.init.normal_(self.into.weight, std=(2 * width) ** -0.5)
        nn.init.normal_(self.out_of.weight, std=width**-0.5)
        share, turn = 1.0 - torch.rand(width), 1.0 - torch.rand(width)  # in (0, 1]
        modulus = (share * (r_max**2 - r_min**2) + r_min**2).sqrt()  # uniform on the ring
        self.nu = nn.Parameter((-modulus.log()).log())
        self.theta = nn.Parameter((max_phase * turn).log())
        self.gamma = nn.Parameter(0.5 * torch.log1p(-modulus.square()))

    def forward(self, stream: Tensor, state: Pair, is_first: Tensor) -> tuple[Tensor, Pair]:
        """[T, B, D] stream, memory before it, [T, B] bool -> stream and memory [T, B, S] behind each step."""
        inputs, scale = self.norm(stream), self.gamma.exp()
        real, imaginary = self.into(inputs).chunk(2, dim=-1)
        memory = self.scan((real * scale, imaginary * scale), state, is_first)
        said = torch.addcmul(self.out_of(torch.cat(memory, dim=-1)), self.skip, inputs)
        return stream + F.glu(self.gate(F.gelu(said)), dim=-1), memory

    def scan(self, driven: Pair, state: Pair, is_first: Tensor) -> Pair:
        """Add to each step what is left of all earlier ones of its episode, in log2(T) rounds.

        The prefix scan of Hillis & Steele over the operator (a, x) and (b, y) -> (a b, b x + y). Over 2^k
        steps the transition is lambda^(2^k), or 0 where an episode starts on the way, so that only the second
        part has to be carried.

        Args:
            driven: What each step brings, two times [T, B, S].
            state: Memory before the first step, two times [B, S].
            is_first: [T, B] bool; where true, memory is cleared before the step.

        Returns:
            Memory after each step, two times [T, B, S].
        """
        before = state[0].unsqueeze(0), state[1].unsqueeze(0)
        steps = len(is_first)
        reaches = [2**k for k in range(steps.bit_length())]
        powers = self._powers(reaches)
        if steps == 1:
            return _gone_on(driven, before, is_first.unsqueeze(-1), powers[0])
        row = torch.arange(1, steps + 1, device=is_first.device).unsqueeze(-1)
        age = row - torch.where(is_first, row, 0).cummax(dim=0).values  # steps since the episode's start
        age = torch.cat([torch.zeros_like(age[:1]), age]).unsqueeze(-1)
        memory = torch.cat([before[0], driven[0]]), torch.cat([before[1], driven[1]])  # of a row more
        for reach, power in zip(reaches, powers, strict=True):
            # What comes round from the end is cut, since no row is older than its number.
            earlier = memory[0].roll(reach, dims=0), memory[1].roll(reach, dims=0)
            memory = _gone_on(memory, earlier, age < reach, power)
        return memory[0][1:], memory[1][1:]

    def _powers(self, exponents: list[int]) -> list[Pair]:
        """The powers of lambda, each two times [S]."""
        exponent = torch.tensor(exponents, device=self.nu.device).unsqueeze(-1)
        modulus, phase = torch.exp(-exponent * self.nu.exp()), exponent * self.theta.exp()
        return list(zip(modulus * phase.cos(), modulus * phase.sin(), strict=True))


def _gone_on(driven: Pair, earlier: Pair, is_cut: Tensor, decay: Pair) -> Pair:
    """Return driven + decay * earlier, and driven alone where is_cut."""
    # Not a product with 0: a NaN must not outlive its episode.
    real, imaginary = (part.masked_fill(is_cut, 0.0) for part in earlier)
    along, across = decay
    return (
        torch.addcmul(torch.addcmul(driven[0], real, along), imaginary, across, value=-1.0),
        torch.addcmul(torch.addcmul(driven[1], imaginary, along), real, across),
    )


class LRUCore(nn.Module):
    """A stack of linear recurrent units over unrolls in which episodes begin anywhere.

    The state is (real, imaginary), each [B, L S]: the memory of all L layers beside each other.

    Deviation: the source trains the recurrence by a smaller step size than the rest; here there is one.

    Args:
        input_size: Width of the inputs.
        width: Of the outputs, and number S of eigenvalues of each layer.
        layers: Number of layers L.
        r_min: Least modulus of an eigenvalue at the beginning.
        r_max: Largest. 0.999 halves what is remembered in 700 steps.
        max_phase: Largest phase, in radians.
    """

    state_names: ClassVar[tuple[str, ...]] = ("real", "imaginary")

    def __init__(
        self,
        input_size: int,
        width: int = 32,
        layers: int = 1,
        r_min: float = 0.9,
        r_max: float = 0.999,
        max_phase: float = math.pi / 10,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers must be at least 1, got {layers}")
        self.width = width
        self.embed = nn.Linear(input_size, width)
        self.layers = nn.ModuleList(LRULayer(width, r_min, r_max, max_phase) for _ in range(layers))

    @property
    def output_size(self) -> int:
        """Width of the outputs."""
        return self.width

    def initial_state(self, lanes: int) -> CoreState:
        """(real, imaginary), each [lanes, L S] of zeros."""
        zeros = self.embed.weight.new_zeros(lanes, len(self.layers) * self.width)
        return zeros, zeros.clone()

    def forward(
        self, inputs: Tensor, state: CoreState, is_first: Tensor, carry: int | None = None
    ) -> tuple[Tensor, CoreState]:
        """Run a window of T steps.

        Args:
            inputs: [T, B, F].
            state: As `initial_state`'s, before the first step.
            is_first: [T, B] bool; where true, memory is cleared before the step.
            carry: Return the state after this many steps; T when None.

        Returns:
            [T, B, D] outputs and the state.
        """
        carry = checked_carry(carry, inputs.shape[0])
        stream, kept = self.embed(inputs), []
        parts = [part.split(self.width, dim=-1) for part in state]
        for layer, *before in zip(self.layers, *parts, strict=True):
            stream, memory = layer(stream, before, is_first)
            kept.append([part[carry - 1] for part in memory] if carry else before)
        return stream, tuple(_beside(part) for part in zip(*kept, strict=True))


def _beside(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=-1)
