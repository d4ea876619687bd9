"""One sequence or vector -> a sequence of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.metrics import r2_score

from sklearn_rnn._seq2seq import BaseSeq2Seq
from sklearn_rnn.data.per_sample import read_weight
from sklearn_rnn.data.sequence_targets import NumberSequenceTarget
from sklearn_rnn.data.sequence_y import read_answers
from sklearn_rnn.nn.feedback import NumberFeedback
from sklearn_rnn.training.batches import BatchSource


class Seq2SeqRegressor(BaseSeq2Seq):
    """Encoder and decoder: reads a sequence, then writes a curve, step by step.

    The encoder, a recurrent cell (LSTM [1]_, GRU [2]_ or a plain RNN), reads all of X. The decoder
    starts from where it ended and gives one number, or several, at a time, fitted by squared error.
    Attention lets it look at all steps of X. Lengths of X and y may
    differ; padding never changes a prediction.

    Parameters
    ----------
    cell : {"gru", "lstm", "rnn", "mingru"} or subclass of Cell, default="gru"
        What is carried through time: "rnn" is Elman's cell with tanh, "gru" and "lstm" are the
        gated cells that remember longer, "mingru" [8]_ is a GRU whose gates read the input alone,
        quicker to train. A class derived from
        :class:`sklearn_rnn.nn.cells.Cell` adds one of your own.
    hidden_size : int, default=64
        Units of the state, in each layer and direction.
    num_layers : int, default=1
        Layers; each reads all outputs of the one below.
    bidirectional : bool, default=True
        Let the encoder also read each sequence from its end.
    encoder : {"sequence", "vector"}, default="sequence"
        What a row of X is: a sequence, or one vector of features (one to many).
    attention : {"dot", "additive"}, subclass of Attention or None, default="dot"
        How the decoder looks back at the steps of X: by the product of its output and theirs
        [10]_, by a small network of both [11]_, or not at all, knowing the encoder's last state
        alone. Only used when ``encoder="sequence"``.
    decoder_input : {"previous", "none"}, default="none"
        What the decoder reads at each step: the number said before, or nothing, so that its state
        goes on by itself. On smooth curves a decoder that reads the right number before it in
        training learns to copy it, and goes astray by its own.
    teacher_forcing : float in [0, 1], "linear" or "sigmoid", default=1.0
        Share of training steps that read the right answer before them; the others read the
        network's own. Names are ways for it to fall from 1 to 0 over the epochs [12]_. Below 1 the
        decoder is trained step by step, several times slower. Only used when
        ``decoder_input="previous"``.
    max_steps : int or None, default=None
        Longest answer in prediction, twice the longest in ``fit`` for None. Only used where lengths
        differed in ``fit``.
    dropout : float in [0, 1), default=0.3
        Share of units zeroed in training, between layers and before the head. One mask holds
        for all steps of a sequence [3]_.
    recurrent_dropout : float in [0, 1), default=0.2
        Share of recurrent weights zeroed in training, one mask for all steps of a batch [4]_.
        The cell "mingru" has none.
    input_dropout : float in [0, 1), default=0.0
        Share of what is read at each step, numbers and learned vectors alike, zeroed in training.
        One mask holds for all steps of a sequence [3]_.
    initialization : {"default", "chrono"}, default="default"
        What the gates start from: "chrono" [13]_ sets them so that units remember for one step up
        to as many as the longest training sequence has, for what happens long before it matters.
        For cells with gates only.
    static_to : {"head", "state", "both"}, default="both"
        Where the columns that stand beside the sequences go: to the head, to the first state, or to
        both. Only used when X has such columns.
    embedding_size : int or "auto", default="auto"
        Size of the vector learned for each token or category; "auto" takes ``1.6 n ** 0.56`` for n
        categories, 64 at most.
    min_frequency : int, default=1
        Tokens and categories met less often in training count as unknown, as do those first met in
        prediction.
    augmentation : Augmentation, list of them or None, default=None
        Random changes to the training sequences X, drawn anew at each update, in the order of the
        list: :mod:`sklearn_rnn.augmentation` has them. Validation data and predictions are not
        touched.
    standardize : bool, default=True
        Bring each channel to mean 0 and standard deviation 1, taken from the training rows.
    lr : float, default=0.01
        Learning rate; the highest one where a schedule changes it.
    max_epochs : int, default=100
        Passes over the training rows.
    batch_size : int or "auto", default="auto"
        Sequences an update. Batches hold sequences of like length. "auto" takes 32, or fewer (but
        at least 4) where an epoch would have less than 8 updates.
    batch_steps : int or None, default=None
        Steps an update instead of sequences: then a batch holds as many sequences of like length
        as have about so many steps in sum, few long ones or many short ones, and ``batch_size``
        is not used.
    max_batch_steps : int, default=131072
        Limit of memory: a batch of more padded steps (sequences times the longest) goes through
        the network in parts. The update is the same, but that each part has dropout masks of its
        own.
    bptt_steps : int or None, default=None
        Truncated backpropagation through time [9]_: longer sequences are cut into chunks of so many
        steps, over whose borders the state is carried but gradients are not. Memory then
        grows with the length by the outputs alone. None follows gradients through all steps.
    optimizer : {"adamw", "adam", "rmsprop", "sgd"} or torch Optimizer class, default="adamw"
        What turns gradients into updates [5]_.
    momentum : float in [0, 1), default=0.9
        Share of the last update that the next one goes on with. Only used by "sgd" and "rmsprop".
    optimizer_options : dict or None, default=None
        Further options of torch's class, as ``{"betas": (0.9, 0.99)}``.
    weight_decay : float, default=0.01
        How strongly the optimizer draws weights, but not biases, to zero.
    lr_schedule : {"step", "plateau", "cosine", "onecycle"}, torch LRScheduler class or None, \
            default="cosine"
        How ``lr`` changes: times ``lr_factor`` every few epochs ("step") or when the validation
        loss no longer falls ("plateau"); after each update by a cosine down to zero ("cosine") or
        first up and then down ("onecycle", [6]_); or not at all. A class takes a step an epoch, but
        ``OneCycleLR`` and ``CyclicLR`` one an update.
    lr_factor : float in (0, 1), default=0.1
        What the rate is multiplied by. Only used by "step" and "plateau".
    lr_step_epochs : int or "auto", default="auto"
        After how many epochs, for "plateau" after how many without a validation loss lower by
        ``tol``. "auto" takes a third of ``max_epochs`` for "step", half of ``n_iter_no_change`` for
        "plateau". Only used by these.
    lr_schedule_options : dict or None, default=None
        Further options of torch's class, as ``{"eta_min": 1e-4}``.
    gradient_clip : float or None, default=1.0
        Largest norm of the gradient; a larger one is scaled down [7]_.
    early_stopping : bool, default=False
        Hold out ``validation_fraction`` of the rows (whole groups, equal sequences together) unless
        ``fit`` gets ``X_val``; stop when the loss there no longer falls; keep the weights of the
        best epoch.
    validation_fraction : float in (0, 1), default=0.1
        Only used when ``early_stopping=True`` and ``fit`` gets no ``X_val``.
    n_iter_no_change : int, default=10
        Epochs without a better validation loss to stop after. Only used when
        ``early_stopping=True``.
    tol : float, default=1e-4
        By how much a validation loss must be lower to count as better. Only used when
        ``early_stopping=True``.
    checkpoint_dir : str, Path or None, default=None
        Where training is stored as it goes on, so that a ``fit`` that was killed is taken up by the
        same ``fit`` and ends with the weights it would have had, to the bit. One that had ended is
        not trained again. Each fit, by parameters and data, has a file of its own there: see
        :ref:`checkpoints`.
    checkpoint_every : int, default=1
        Epochs between two checkpoints. Only used with ``checkpoint_dir``.
    callbacks : list of skorch callbacks or None, default=None
        Instances; they are copied. One that stops training, as
        ``skorch.callbacks.EarlyStopping``, does so after all have seen the epoch.
    warm_start : bool, default=False
        Let ``fit`` go on from the last fit, ``max_epochs`` more, instead of starting anew.
    device : str or torch.device, default="auto"
        "auto" takes a CUDA device if there is one, else the CPU.
    random_state : int, RandomState instance or None, default=None
        An int makes fits repeat bit for bit on one number of threads. The global generators of
        numpy and torch are neither read nor moved.
    verbose : int, default=0
        1 prints the settings and shows a progress bar with losses and time.

    Attributes
    ----------
    noise_ : ndarray of shape (n_outputs,)
        Standard deviation of the training targets around what the network says after right ones, in
        the units of y. :meth:`score_samples` takes it for that of a normal distribution.
    n_features_in_ : int
        Channels; for a frame the number of columns.
    feature_names_in_ : ndarray of shape (n_columns,)
        Column names, if X was a frame whose columns are all strings.
    net_ : skorch.NeuralNet
        The fitted net; ``net_.module_`` is the torch module, which takes raw data.
    history_ : pandas.DataFrame
        A row an epoch: ``epoch``, ``train_loss``, with validation data ``valid_loss`` and
        ``valid_score``, ``lr``, ``gradient_norm`` (mean over the updates, before clipping),
        ``largest_gradient_norm``, ``dur`` and ``elapsed`` (seconds), ``sequences_per_second`` and
        ``padding_share`` of the training batches, and what callbacks record.
    loss_curve_ : list of float
        Training loss of each epoch, a step's in the mean.
    validation_scores_ : list of float or None
        R squared of the validation steps, each after the right ones, after each epoch.
    n_iter_ : int
        Epochs trained.
    best_epoch_ : int
        The epoch, from 1, whose weights were kept: with ``early_stopping=True`` that of the lowest
        validation loss, else the last.

    See Also
    --------
    Seq2SeqClassifier : The same network for tokens.
    StepRegressor : Numbers for each step of X.

    Notes
    -----
    ``y`` holds one sequence a row: arrays of shape (n_steps,) or (n_steps, n_outputs), a column of
    lists, or one 2-D or 3-D array. The outputs are standardised inside. Where lengths differ in
    ``fit`` the end is learned, as one more output that tells the last step. A 1-D ``y`` stands for
    sequences of one step.

    References
    ----------
    .. [1] Hochreiter, S. and Schmidhuber, J. (1997). Long short-term memory. Neural Computation 9.
    .. [2] Cho, K. et al. (2014). Learning phrase representations using RNN encoder-decoder. EMNLP.
    .. [3] Gal, Y. and Ghahramani, Z. (2016). A theoretically grounded application of dropout in
           recurrent neural networks. NeurIPS.
    .. [4] Merity, S., Keskar, N. and Socher, R. (2018). Regularizing and optimizing LSTM language
           models. ICLR.
    .. [5] Loshchilov, I. and Hutter, F. (2019). Decoupled weight decay regularization. ICLR.
    .. [6] Smith, L. and Topin, N. (2019). Super-convergence: very fast training of neural networks
           using large learning rates. SPIE.
    .. [7] Pascanu, R., Mikolov, T. and Bengio, Y. (2013). On the difficulty of training recurrent
           neural networks. ICML.
    .. [8] Feng, L., Tung, F., Ahmed, M. O., Bengio, Y. and Hajimirsadeghi, H. (2024). Were RNNs
           all we needed? arXiv:2410.01201.
    .. [9] Williams, R. and Peng, J. (1990). An efficient gradient-based algorithm for on-line
           training of recurrent network trajectories. Neural Computation 2.
    .. [10] Luong, M.-T., Pham, H. and Manning, C. (2015). Effective approaches to attention-based
            neural machine translation. EMNLP.
    .. [11] Bahdanau, D., Cho, K. and Bengio, Y. (2015). Neural machine translation by jointly
            learning to align and translate. ICLR.
    .. [12] Bengio, S., Vinyals, O., Jaitly, N. and Shazeer, N. (2015). Scheduled sampling for
            sequence prediction with recurrent neural networks. NeurIPS.
    .. [13] Tallec, C. and Ollivier, Y. (2018). Can recurrent neural networks warp time? ICLR.

    Examples
    --------
    Go on with a wave:

    >>> import numpy as np
    >>> from sklearn_rnn import Seq2SeqRegressor
    >>> start = np.random.default_rng(0).uniform(0, 6, size=(100, 1))
    >>> wave = np.sin(start + 0.5 * np.arange(30))
    >>> X, y = wave[:, :20], wave[:, 20:]
    >>> model = Seq2SeqRegressor(hidden_size=32, max_epochs=30, random_state=0).fit(X[:80], y[:80])
    >>> model.predict(X[80:]).shape
    (20, 10)
    >>> model.score(X[80:], y[80:]) > 0.95
    True
    """

    _target_kind = NumberSequenceTarget

    def __init__(
        self,
        *,
        cell="gru",
        hidden_size=64,
        num_layers=1,
        bidirectional=True,
        encoder="sequence",
        attention="dot",
        decoder_input="none",
        teacher_forcing=1.0,
        max_steps=None,
        dropout=0.3,
        recurrent_dropout=0.2,
        input_dropout=0.0,
        initialization="default",
        static_to="both",
        embedding_size="auto",
        min_frequency=1,
        augmentation=None,
        standardize=True,
        lr=0.01,
        max_epochs=100,
        batch_size="auto",
        batch_steps=None,
        max_batch_steps=131_072,
        bptt_steps=None,
        optimizer="adamw",
        momentum=0.9,
        optimizer_options=None,
        weight_decay=0.01,
        lr_schedule="cosine",
        lr_factor=0.1,
        lr_step_epochs="auto",
        lr_schedule_options=None,
        gradient_clip=1.0,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        checkpoint_dir=None,
        checkpoint_every=1,
        callbacks=None,
        warm_start=False,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.encoder = encoder
        self.attention = attention
        self.decoder_input = decoder_input
        self.teacher_forcing = teacher_forcing
        self.max_steps = max_steps
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.input_dropout = input_dropout
        self.initialization = initialization
        self.static_to = static_to
        self.embedding_size = embedding_size
        self.min_frequency = min_frequency
        self.augmentation = augmentation
        self.standardize = standardize
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.batch_steps = batch_steps
        self.max_batch_steps = max_batch_steps
        self.bptt_steps = bptt_steps
        self.optimizer = optimizer
        self.momentum = momentum
        self.optimizer_options = optimizer_options
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.lr_factor = lr_factor
        self.lr_step_epochs = lr_step_epochs
        self.lr_schedule_options = lr_schedule_options
        self.gradient_clip = gradient_clip
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_every = checkpoint_every
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def _network_extras(
        self, target: NumberSequenceTarget, random: torch.Generator
    ) -> dict[str, Any]:
        return {"feedback": NumberFeedback(target.n_numbers, target.ends, random)}

    def _after_training(self, net: Any, source: BatchSource, target: Any) -> None:
        """Measure the noise, from what training batches hold."""
        total = torch.zeros(target.n_numbers, dtype=torch.float64, device=source.inputs.device)
        sum_of_weights = torch.zeros_like(total)
        with torch.inference_mode():
            for x, ((entries, step_weight), weight) in source.in_order():
                weight = (step_weight * weight[:, None])[..., None].double()
                error = (net.module_(**x) - entries)[..., : target.n_numbers].double()
                total += (weight * error.square()).sum((0, 1))
                sum_of_weights += weight.sum()
        self.noise_ = (total / sum_of_weights).sqrt().cpu().numpy() * target.scale

    def _log_likelihood(self, outputs: np.ndarray, encoded: np.ndarray) -> np.ndarray:
        target = self._target
        sd = np.maximum(self.noise_, np.finfo(np.float32).tiny)
        error = (outputs - encoded)[:, : target.n_numbers] * target.scale / sd
        of_numbers = -0.5 * (error**2 + np.log(2 * np.pi)) - np.log(sd)
        likelihood = of_numbers.sum(axis=1)
        if target.ends:
            likelihood -= np.logaddexp(0, np.where(encoded[:, -1] > 0, -1, 1) * outputs[:, -1])
        return likelihood

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R squared over all steps, in the mean of the outputs.

        Answers are as long as those of y here; that of a network that learned the end is not
        judged.

        Parameters
        ----------
        X : as in fit
        y : as in fit
        sample_weight : array-like of shape (n_samples,), optional
            Of the sequences; each of their steps has it.

        Returns
        -------
        float
        """
        module, inputs = self._module, self._read_X(X, reset=False)
        answers, _ = read_answers(y, len(inputs), type(self).__name__, texts=True)
        answers = self._target_kind.check(answers)
        entries, lengths = self._write(module, inputs, answers.lengths)
        weight = np.repeat(read_weight(sample_weight, len(inputs)), lengths)
        return float(r2_score(answers.values, self._target.decode(entries), sample_weight=weight))
