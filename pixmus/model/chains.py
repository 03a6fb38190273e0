"""Chains: what the noisy cells of a part say of each other, by the forward-backward algorithm.

`ChordChain` is of parts of many voices, `VoiceChain` of parts of one. Both give the log odds that
other cells add to each cell's own; nothing but torch is needed. B = batch, T = tokens (beats).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Log-likelihood ratios are cut here: beyond it a cell is certain.
CERTAIN = 16.0
LEAST = 1e-12  # probability of what contradicts a chain, so that given notes may

# Of each part: the log odds that its chains add, and the probabilities that they give.
Chains = tuple[dict[int, Tensor], dict[int, Tensor]]


class ChordChain(nn.Module):
    """What the cells of a part of many voices say of each other.

    Every pitch is a chain of steps that are silent, struck or held, with the part's own transition
    probabilities; the forward-backward algorithm (Rabiner 1989) gives each step's exact posterior
    from the likelihoods of the noisy cells, which are known. Pitches are tied by strokes: whether
    the part is struck at a step at all is judged from the prior for it and from all pitches but the
    one in question. None of it is learned by gradient. P = pitches of all these parts, S = steps.
    """

    def __init__(self, pitches: tuple[int, ...], steps: int) -> None:
        super().__init__()
        self.pitches, self.steps = pitches, steps
        parts = len(pitches)
        self.transitions: Tensor  # (parts, 3, 3): from silent, struck, held to the same
        self.register_buffer("transitions", torch.full((parts, 3, 3), 1 / 3))
        self.stroke_share: Tensor  # (parts,): of steps at which the part is struck
        self.register_buffer("stroke_share", torch.full((parts,), 0.5))
        self.pitch_share: Tensor  # (P,): of strokes that strike the pitch
        self.register_buffer("pitch_share", torch.full((sum(pitches),), 0.5))

    def forward(self, ratios: list[Tensor], strokes: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Of every part's roll cells (B, T, 2 x steps x pitches), from their own ratios of them:

        the log odds that other cells add, and the posterior probability. `strokes` (B, T x steps)
        of each part: prior probability that it is struck at a step.
        """
        B, T = ratios[0].shape[:2]
        planes = [part.float().view(B, T, 2, self.steps, -1) for part in ratios]
        cells = torch.cat(planes, -1).permute(1, 3, 4, 0, 2)  # (T, steps, P, B, 2)
        onset, sounding = cells.reshape(T * self.steps, -1, B, 2).unbind(-1)  # (S, P, B)
        lift = self._lift(onset, strokes)
        likely = torch.stack([torch.zeros_like(onset), onset + sounding, sounding], 1)
        likely = (likely - likely.amax(1, keepdim=True)).exp_()  # (S, 3, P, B)
        chains = self.transitions.float()
        chains = chains / chains.sum(-1, keepdim=True)
        rest = torch.linalg.matrix_power(chains, 256)[:, 0]  # how often each state is anyway
        counts = torch.tensor(self.pitches, device=chains.device)
        chains = chains.repeat_interleave(counts, 0).permute(1, 2, 0)[..., None]  # (3, 3, P, 1)
        rest = rest.repeat_interleave(counts, 0).T[..., None]  # (3, P, 1)
        posterior = self._smooth(likely, chains, rest, lift)
        silent, struck, held = posterior.clamp_(min=1e-7).unbind(1)
        never, often, long = rest  # (P, 1)
        added = torch.stack(
            [
                (struck / (silent + held)).log_() - (often / (never + long)).log() - onset,
                ((struck + held) / silent).log_() - ((often + long) / never).log() - sounding,
            ],
            -1,
        )
        probability = torch.stack([struck, struck + held], -1)

        def by_part(values: Tensor) -> list[Tensor]:
            values = values.view(T, self.steps, -1, B, 2).permute(3, 0, 4, 1, 2)
            return [part.flatten(2) for part in values.split(self.pitches, -1)]

        return [*zip(by_part(added.clamp(-CERTAIN, CERTAIN)), by_part(probability), strict=True)]

    def _lift(self, onset: Tensor, strokes: list[Tensor]) -> Tensor:
        """How much likelier than usual each pitch is struck at each step, (S, P, B).

        Posterior odds of a stroke from its prior and the other pitches' onsets: a stroke strikes
        each pitch by its share, and without one none is struck.
        """
        share = self.pitch_share.float()[:, None].clamp(max=0.95)  # nothing is struck always
        speaks = torch.log1p(share * torch.expm1(onset.clamp(max=CERTAIN)))  # (S, P, B)
        found = []
        for own, prior, usual in zip(
            speaks.split(self.pitches, 1), strokes, self.stroke_share.float(), strict=True
        ):
            odds = torch.logit(prior.float().T[:, None], 1e-3)  # (S, 1, B)
            found.append((odds + own.sum(1, keepdim=True) - own).sigmoid_() / usual)
        return torch.cat(found, 1)

    @staticmethod
    def _smooth(likely: Tensor, chains: Tensor, rest: Tensor, lift: Tensor) -> Tensor:
        """Posterior of the states, (S, 3, P, B); strokes are `lift` times as likely as usual."""
        struck = chains[:, 1:2]  # (3, 1, P, 1)
        else_ = chains / (1 - struck)
        else_[:, 1] = 0
        turned = -struck * else_  # what a stroke takes from the others and gives
        turned[:, 1] = struck[:, 0]
        lift = lift.clamp(min=1e-3).minimum(0.95 / struck[:, 0].amax(0))  # of (P, 1)
        # Both directions in one loop: forwards, and backwards with time and chains turned round.
        # The way into a step has that step's lift; backwards it is the way out of it.
        both = torch.stack([likely, likely.flip(0)], 1)  # (S, 2, 3, P, B)
        usual = torch.stack([else_, else_.transpose(0, 1)])
        changed = torch.stack([turned, turned.transpose(0, 1)])
        lifts = torch.stack([lift, lift.flip(0).roll(1, 0)], 1)  # (S, 2, P, B)
        ones = torch.ones_like(likely[0])
        message = torch.stack([rest.expand_as(ones), ones])
        for step, (here, more) in enumerate(zip(both, lifts, strict=True)):
            if step:
                before = (message[:, :, None] * usual).sum(1)
                before += (message[:, :, None] * changed).sum(1) * more[:, None]
                message = here.mul_(before)  # kept in place of the likelihoods
            else:
                message = here.mul_(message)
            message.div_(message.sum(1, keepdim=True))
        # Both messages hold a step's own likelihood; it counts once.
        posterior = (both[:, 0] * both[:, 1].flip(0)).div_(likely.clamp(min=1e-30))
        return posterior.div_(posterior.sum(1, keepdim=True))


class VoiceChain(nn.Module):
    """What the cells of parts of one voice say of each other.

    At every step a voice strikes one pitch, holds the one it has, or is silent. How likely it is to
    strike is told; which pitch follows which, and how often a pitch is held rather than left, is
    counted in music. The forward-backward algorithm gives the exact posterior of every step. V =
    voices, P = pitches of the widest, S = steps; state 0 is silence.
    """

    def __init__(self, pitches: tuple[int, ...], steps: int) -> None:
        super().__init__()
        self.pitches, self.steps = pitches, steps
        widest = max(pitches)
        self.intervals: Tensor  # (V, P + 1, P): from silence or a pitch to the pitch struck next
        self.register_buffer("intervals", torch.full((len(pitches), widest + 1, widest), 0.02))
        self.stroke_share: Tensor  # (V,): of steps at which the part is struck
        self.register_buffer("stroke_share", torch.full((len(pitches),), 0.25))
        self.held_share: Tensor  # (V,): of the steps after a sounding one without a stroke
        self.register_buffer("held_share", torch.full((len(pitches),), 0.8))

    def forward(self, ratios: list[Tensor], strokes: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """As of `ChordChain`: added log odds and probabilities of each part's roll cells."""
        B, T = ratios[0].shape[:2]
        widest = self.intervals.shape[-1]
        S, V = T * self.steps, len(ratios)
        cells = torch.zeros(2, V, S, B, widest, device=ratios[0].device)
        for voice, (part, pitches) in enumerate(zip(ratios, self.pitches, strict=True)):
            planes = part.float().view(B, T, 2, self.steps, pitches).permute(2, 1, 3, 0, 4)
            cells[:, voice, ..., :pitches] = planes.flatten(1, 2)
        onset, sounding = cells.transpose(1, 2)  # (S, V, B, P)
        strike = torch.stack([prior.float().T for prior in strokes], 1)[..., None]  # (S, V, B, 1)
        struck, held = self._smooth(onset, sounding, strike.clamp(1e-3, 1 - 1e-3))
        usual = self._usual()  # taken off, so that where nothing is known nothing is added
        sounds = (struck + held).clamp(1e-7, 1 - 1e-7)
        struck = struck.clamp(1e-7, 1 - 1e-7)
        added = torch.stack(
            [torch.logit(struck) - usual[0] - onset, torch.logit(sounds) - usual[1] - sounding]
        ).clamp_(-CERTAIN, CERTAIN)
        probability = torch.stack([struck, sounds])

        def of(values: Tensor, voice: int) -> Tensor:
            mine = values[:, :, voice, :, : self.pitches[voice]]  # (2, S, B, pitches)
            return mine.unflatten(1, (T, self.steps)).permute(3, 1, 0, 2, 4).flatten(2)

        return [(of(added, voice), of(probability, voice)) for voice in range(V)]

    def _usual(self) -> Tensor:
        """Log odds of onset and sounding cells of which nothing is known, (2, V, 1, P)."""
        strike = self.stroke_share.float()[:, None, None]
        onset = strike * self.intervals.float()[:, 1:].mean(1, keepdim=True)  # (V, 1, P)
        ends = 1 - self.held_share.float()[:, None, None].clamp(max=0.99) * (1 - strike)
        return torch.logit(torch.stack([onset, onset / ends]), 1e-4)

    def _smooth(self, onset: Tensor, sounding: Tensor, strike: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior probability that each pitch is struck, and held: (S, V, B, P) each.

        A step either changes the state, by `ways` and with the weight `new` of where it leads, or
        stays, with the weight `same`: a stroke or the end of a note, a held note or more silence.
        """
        shift = torch.maximum(onset + sounding, sounding).amax(-1, keepdim=True).clamp(min=0)
        quiet = (1 - strike) * (-shift).exp()
        keep = self.held_share.float()[:, None, None].clamp(max=0.99)  # (V, 1, 1)
        new = torch.cat([(1 - keep) * quiet, strike * (onset + sounding - shift).exp()], -1)
        same = torch.cat([quiet, (1 - strike) * keep * (sounding - shift).exp()], -1)
        onward = self.intervals.float()
        onward = onward / onward.sum(-1, keepdim=True)
        ends = torch.ones_like(onward[..., :1])
        ends[:, 0] = 0  # silence does not end in silence: it stays
        ways = torch.cat([ends, onward], -1)  # (V, P + 1, P + 1)
        back = ways.transpose(1, 2)
        state = torch.zeros_like(new[0])  # (V, B, P + 1)
        state[..., 0] = 1
        before = torch.empty_like(new)
        for step, (to_new, to_same) in enumerate(zip(new, same, strict=True)):
            before[step] = state
            state = (state @ ways).mul_(to_new).addcmul_(state, to_same)
            state = state.div_(state.sum(-1, keepdim=True)).clamp_(min=LEAST)
        later = torch.ones_like(state)
        for step in reversed(range(len(new))):
            # The weights are replaced by themselves times all that follows.
            changes, stays = new[step].mul_(later), same[step].mul_(later)
            later = (changes @ back).add_(stays)
            later = later.div_(later.mean(-1, keepdim=True)).clamp_(min=LEAST)
        new.mul_(before @ ways)
        same.mul_(before)
        whole = (new.sum(-1, keepdim=True) + same.sum(-1, keepdim=True)).clamp_(min=LEAST**3)
        return new[..., 1:] / whole, same[..., 1:] / whole
