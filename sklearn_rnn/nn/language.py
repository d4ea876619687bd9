"""What comes next: at each step the likelihood of every token, and tokens drawn by it.

Likelihoods of all tokens are many numbers a step. They are made some steps at a time and of each
only that of the token that does come next is kept, in training and in measuring, so that memory
does not grow with the number of tokens times the length of a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Generator, Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from sklearn_rnn.nn.cells import MIN_ROWS
from sklearn_rnn.nn.encoder import ManyToMany
from sklearn_rnn.nn.heads import LinearHead
from sklearn_rnn.nn.kernels import cross_entropy
from sklearn_rnn.nn.recurrence import STEPS_AT_ONCE, Stepper, at_step

OUTPUTS_AT_ONCE = 1 << 22
"""Numbers of the head kept at once."""

BLOCK = 32
"""Steps written before it is looked which sequences have ended."""

Choice = Callable[[Tensor, Tensor], Tensor]


def draw_by(
    generator: Generator, batch: int, temperature: float, top_k: int | None, never: int | None
) -> Choice:
    """Return a function that draws classes, for :meth:`LanguageNetwork.write`.

    Parameters
    ----------
    generator : torch.Generator
        On CPU, so that draws are the same on every device.
    batch : int
        Sequences in all; each has its draws, whichever of the others have ended.
    temperature : float
        What log-odds are divided by; with 0 the most probable class is taken.
    top_k : int or None
        Only so many of the most probable classes are drawn.
    never : int or None
        A class that is not.
    """

    def choose(outputs: Tensor, rows: Tensor) -> Tensor:
        if never is not None:
            outputs[:, never] = -torch.inf
        if temperature == 0:
            return outputs.argmax(dim=1)
        if top_k is not None and top_k < outputs.shape[1]:
            least = outputs.topk(top_k).values[:, -1:]
            outputs = outputs.masked_fill(outputs < least, -torch.inf)
        likelihood = (outputs / temperature).softmax(dim=1).cumsum(dim=1)
        drawn = outputs.new_empty(batch, 1, device="cpu").uniform_(generator=generator)
        drawn = 1 - drawn  # so that it is above 0
        drawn = drawn.to(outputs.device)[rows] * likelihood[:, -1:]
        return (likelihood < drawn).sum(dim=1)

    return choose


class LanguageNetwork(ManyToMany):
    """Network that foretells each step of a sequence from those before.

    Codes are of what is read, a start and then the tokens; targets are classes, the token that
    follows or, as the last class, the end.
    """

    head: LinearHead
    label_smoothing = 0.0
    """While training, share of the probability wanted that is spread evenly over all tokens."""

    def forward(  # type: ignore[override]  # there are codes always, and no other inputs
        self, values: Tensor, lengths: Tensor, codes: Tensor, targets: Tensor
    ) -> Tensor:
        """Return the log-likelihood of what follows each step.

        Parameters
        ----------
        values : Tensor of shape (batch, time, 0)
        lengths : Tensor of shape (batch,), int64
        codes : Tensor of shape (batch, time, 1), int
        targets : Tensor of shape (batch, time), int64
            Time ends with the longest sequence; -1 is a class that is not known.

        Returns
        -------
        Tensor of shape (batch, time, 1)
            0 where the class is not known.
        """
        read = self.encoder(values, lengths, codes=codes)[: targets.shape[1]]
        return self._log_likelihood(self.dropout(read), targets.t()).t()[..., None]

    def judge(self, codes: Tensor, targets: Tensor) -> Tensor:
        """Return what :meth:`forward` does, (batch, time), in memory of a few steps' size."""
        # Asked for beforehand: what is kept of each piece would hold the memory between them.
        judged = torch.empty(targets.t().shape, dtype=torch.float64, device=targets.device)
        for at, outputs in self._walk(codes[:, : len(judged)]):
            here = slice(at, at + len(outputs))
            judged[here] = self._log_likelihood(outputs, targets[:, here].t())
        return judged.t()

    def following(self, values: Tensor, lengths: Tensor, codes: Tensor) -> Tensor:
        """Return the log-odds of the classes that follow each sequence, (batch, n_classes)."""
        last = torch.zeros(
            len(codes), self.encoder.output_size, dtype=torch.float32, device=codes.device
        )
        for at, outputs in self._walk(codes[:, : int(lengths.max())]):
            place = lengths - 1 - at
            is_here = (place >= 0) & (place < len(outputs))
            here = at_step(outputs, place.clamp(0, len(outputs) - 1))
            last = torch.where(is_here[:, None], here, last)
        return self.head(last)

    def _walk(self, codes: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Yield where some steps begin and their outputs, (time, batch, units)."""
        steps = Stepper(self.encoder.recurrence, len(codes))
        size = max(1, STEPS_AT_ONCE // max(len(codes), MIN_ROWS))
        for at in range(0, codes.shape[1], size):
            yield at, steps.walk(self._read(codes[:, at : at + size, 0].t()))

    def _read(self, codes: Tensor) -> Tensor:
        """Return what the recurrence reads at steps of these codes, (..., units)."""
        values = torch.empty((*codes.shape, 0), dtype=torch.float32, device=codes.device)
        return self.encoder.inputs(values, codes[..., None])

    def _log_likelihood(self, read: Tensor, targets: Tensor) -> Tensor:
        """Return that of targets of shape (time, batch), of features (time, batch, units)."""
        smoothing = self.label_smoothing if self.training else 0.0

        def of_part(read: Tensor, targets: Tensor) -> Tensor:
            loss = cross_entropy(self.head(read).flatten(0, 1), targets.flatten(), smoothing)
            return -loss.view(targets.shape)

        n_classes = self.head.linear.out_features
        size = max(1, OUTPUTS_AT_ONCE // (n_classes * targets.shape[1]))
        if len(read) <= size:
            return of_part(read, targets)
        parts = zip(read.split(size), targets.split(size), strict=True)
        if not torch.is_grad_enabled():
            return torch.cat([of_part(*part) for part in parts])
        return torch.cat([checkpoint(of_part, *part, use_reentrant=False) for part in parts])

    def write(
        self,
        begun: Tensor,
        n_begun: Tensor,
        code_of_class: Tensor,
        max_steps: int,
        choose: Choice,
    ) -> Tensor:
        """Write sequences on, each until its end, all at once.

        Parameters
        ----------
        begun : Tensor of shape (batch, longest), int64
            Codes of what is there: a start and maybe tokens.
        n_begun : Tensor of shape (batch,)
            How many of them, 1 at least.
        code_of_class : Tensor of shape (n_classes,)
            What is read where a class was written; that of the end is not.
        max_steps : int
            Longest sequence, what is there included.
        choose : callable
            Log-odds of shape (n, n_classes), and which sequences they are of -> classes.

        Returns
        -------
        Tensor of shape (batch, time), int64
            Classes from where the shortest of ``begun`` ends; -1 where others go on, and the end
            from where a sequence ends.
        """
        end = len(code_of_class) - 1
        n_common = int(n_begun.min())
        alive = torch.arange(len(begun), device=begun.device)
        steps = Stepper(self.encoder.recurrence, len(begun))
        table = self._read(torch.arange(len(self._places), device=begun.device))
        read = table[begun[:, :n_common].t()]
        if n_common > 1:
            steps.walk(read[:-1])
        last = read[-1]
        blocks = [begun.new_full((len(begun), 0), end)]
        for at in range(n_common, max_steps + 1, BLOCK):
            columns = []
            for step in range(at, min(at + BLOCK, max_steps + 1)):
                outputs = functional.linear(steps.step(last), *self.head.parameters())
                classes = choose(outputs, alive)
                codes = code_of_class[classes]
                if step < begun.shape[1]:  # some are not yet through with what is there
                    is_there = step < n_begun[alive]
                    codes = torch.where(is_there, begun[alive, step], codes)
                    classes = torch.where(is_there, -1, classes)
                columns.append(classes)
                last = table[codes]
            written = torch.stack(columns, dim=1)
            has_ended = (written == end).cumsum(dim=1) > 0
            block = begun.new_full((len(begun), len(columns)), end)
            block[alive] = written.masked_fill(has_ended, end)
            blocks.append(block)
            going_on = (~has_ended[:, -1]).nonzero()[:, 0]
            if len(going_on) == 0:
                break
            if len(going_on) < len(alive):
                alive, last = alive[going_on], last[going_on]
                steps.take(going_on)
        return torch.cat(blocks, dim=1)

    @property
    def _places(self) -> Tensor:
        """Where the vector of each code is."""
        (tokens,) = self.encoder.inputs.categorical
        return tokens.get_buffer("places")
