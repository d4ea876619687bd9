"""Beam search: follow the best few beginnings of an answer at once, for all rows together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sklearn_rnn.nn.decoder import DecoderSteps
from sklearn_rnn.nn.feedback import Feedback


def beam_search(
    steps: DecoderSteps,
    head: nn.Module,
    feedback: Feedback,
    beam_size: int,
    max_steps: int,
    n_steps: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the answer of each row whose tokens have the highest mean log-probability.

    By the sum, short answers would win (Wu et al. 2016, "Google's neural machine translation
    system", section 7). A row is done when as many answers as there are beams have ended among its
    best.

    Parameters
    ----------
    steps : DecoderSteps
        Before the first step.
    head : Module
        From features to the logits of tokens.
    feedback : TokenFeedback
    beam_size : int
    max_steps : int
    n_steps : Tensor of shape (batch,), optional
        Lengths of the answers; without, they are as long as the network makes them.

    Returns
    -------
    codes : Tensor of shape (batch, time)
        Anything behind the end.
    lengths : Tensor of shape (batch,)
    """
    best = _Best(steps.batch, max_steps, steps.device)
    may_end = feedback.ends and n_steps is None
    steps.take(torch.arange(steps.batch, device=steps.device).repeat_interleave(beam_size))
    scores = torch.full(
        (best.batch, beam_size), -torch.inf, dtype=torch.float32, device=steps.device
    )
    scores[:, 0] = 0.0  # all beams are the same beginning yet
    codes = torch.empty(best.batch, beam_size, 0, dtype=torch.int64, device=steps.device)
    first_beam = torch.arange(best.batch, device=steps.device)[:, None] * beam_size
    for step in range(max_steps + may_end):  # the longest answers end one step later
        logits = head(steps()[0])
        if feedback.ends and not may_end:
            logits = logits[:, :-1]
        total = scores[..., None] + logits.log_softmax(dim=1).unflatten(0, (-1, beam_size))
        if may_end:
            if step > 0:  # no answer is empty
                ended = total[..., -1]
                worst = total.flatten(1).topk(beam_size).values[:, -1:]
                ended = ended.masked_fill(ended < worst, -torch.inf)
                best.take(codes, ended / (step + 1), best.n_taken < beam_size)
            if step == max_steps or (best.n_taken >= beam_size).all():
                break
            total = total[..., :-1]
        scores, places = total.flatten(1).topk(beam_size)
        scores = scores.to(torch.float32)
        beams, tokens = places // total.shape[2], places % total.shape[2]
        codes = torch.cat([codes.take_along_dim(beams[..., None], 1), tokens[..., None]], dim=2)
        steps.take((first_beam + beams).flatten())
        steps.say(tokens.flatten())
        if n_steps is not None:
            best.take(codes, scores / (step + 1), n_steps == step + 1)
    best.take(codes, scores / max_steps, best.n_taken == 0)  # what never ended
    return best.codes, best.lengths


class _Best:
    """The best answer of each row so far.

    Parameters
    ----------
    batch, max_steps : int
    device : torch.device
    """

    def __init__(self, batch: int, max_steps: int, device: torch.device) -> None:
        self.batch = batch
        self.codes = torch.zeros(batch, max_steps, dtype=torch.int64, device=device)
        self.lengths = torch.full((batch,), max_steps, device=device)
        self.n_taken = torch.zeros(batch, dtype=torch.int64, device=device)
        self._scores = torch.full((batch,), -torch.inf, dtype=torch.float32, device=device)

    def take(self, codes: Tensor, scores: Tensor, rows: Tensor) -> None:
        """Take what is better, of these rows.

        Parameters
        ----------
        codes : Tensor of shape (batch, beams, time)
        scores : Tensor of shape (batch, beams)
            -inf for none.
        rows : Tensor of shape (batch,), bool
        """
        score, beam = scores.max(dim=1)
        better = rows & (score > self._scores)
        n_steps = codes.shape[2]
        self.codes[better, :n_steps] = codes[better, beam[better]]
        self.lengths[better] = n_steps
        self._scores = torch.where(better, score.to(self._scores.dtype), self._scores)
        self.n_taken += rows * scores.isfinite().sum(dim=1)
