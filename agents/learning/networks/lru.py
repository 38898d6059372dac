"""A linear recurrent unit, or LRU: memory that decays and turns, computed over all steps at once.

Source: Orvieto et al. 2023, "Resurrecting Recurrent Neural Networks for Long Sequences", arXiv 2303.06349. The
complex numbers of the source are pairs of real ones here, which are stored and exported as any others.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.learning.networks.fused import checked_carry
from agents.learning.unroll import CoreState


class LRULayer(nn.Module):
    """A residual block around x_t = lambda * x_{t-1} + exp(gamma) * B u_t, y_t = Re(C x_t) + D * u_t.

    u is the normalised stream, and what is added to the stream a gated linear unit of gelu(y). All eigenvalues
    lambda = exp(-exp(nu) + i exp(theta)) lie within the unit circle whatever is learnt; they begin on a ring
    of the radii `r_min` to `r_max`, and gamma begins such that memory is as large as its inputs (sections 3.3
    and 3.4 of the source).

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

    def forward(self, stream: Tensor, state: Tensor, is_first: Tensor) -> tuple[Tensor, Tensor]:
        """[T, B, D] stream, [B, 2 S] memory before it, [T, B] bool -> stream, and memory [T, B, 2 S]."""
        inputs = self.norm(stream)
        driven = self.into(inputs) * self.gamma.exp().repeat(2)
        memory = self.scan(driven, state, is_first)
        said = torch.addcmul(self.out_of(memory), self.skip, inputs)
        return stream + F.glu(self.gate(F.gelu(said))), memory

    def scan(self, driven: Tensor, state: Tensor, is_first: Tensor) -> Tensor:
        """Add to each step what is left of all earlier ones of its episode, in log2(T) rounds.

        The prefix scan of Hillis & Steele over the operator of the source, (a, x) and (b, y) -> (a b, b x + y).
        Over 2^k steps the transition is lambda^(2^k), or 0 where an episode starts on the way, so that only
        the second part has to be carried.

        Args:
            driven: [T, B, 2 S] what each step brings, real parts before imaginary ones.
            state: [B, 2 S] memory before the first step.
            is_first: [T, B] bool; where true, memory is cleared before the step.

        Returns:
            [T, B, 2 S] memory after each step.
        """
        # Not products with 0: a NaN must not outlive its episode.
        before = state.masked_fill(is_first[0].unsqueeze(-1), 0.0)
        memory = torch.cat([driven[:1] + self._decayed(before, 1), driven[1:]])
        steps, reach = len(driven), 1
        if steps == 1:
            return memory
        row = torch.arange(steps, device=is_first.device).unsqueeze(-1)
        age = row - torch.where(is_first, row, 0).cummax(dim=0).values  # [T, B] steps since the start
        while reach < steps:
            too_old = (age[reach:] < reach).unsqueeze(-1)
            earlier = memory[:-reach].masked_fill(too_old, 0.0)
            memory = torch.cat([memory[:reach], memory[reach:] + self._decayed(earlier, reach)])
            reach *= 2
        return memory

    def _decayed(self, memory: Tensor, steps: int) -> Tensor:
        """[..., 2 S] memory that many steps later: lambda^steps times it."""
        modulus, phase = torch.exp(-steps * self.nu.exp()), steps * self.theta.exp()
        along, across = modulus * phase.cos(), modulus * phase.sin()
        real, imaginary = memory.chunk(2, dim=-1)
        turned = torch.cat([-imaginary, real], dim=-1)
        return torch.addcmul(memory * along.repeat(2), turned, across.repeat(2))


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
        parts = zip(*(part.split(self.width, dim=-1) for part in state), strict=True)
        for layer, own in zip(self.layers, parts, strict=True):
            stream, memory = layer(stream, torch.cat(own, dim=-1), is_first)
            kept.append(memory[carry - 1].split(self.width, dim=-1) if carry else own)
        return stream, tuple(torch.cat(part, dim=-1) for part in zip(*kept, strict=True))
