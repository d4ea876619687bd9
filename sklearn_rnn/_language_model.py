"""Sequences of tokens -> what comes next, and new sequences."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.base import DensityMixin
from sklearn.utils import Tags

from sklearn_rnn._next_token import BaseNextToken
from sklearn_rnn._params import Rule, a_number, an_int, check_parameters, none
from sklearn_rnn._random import generator, spawn_seeds
from sklearn_rnn.data.batching import DeviceInputs
from sklearn_rnn.data.per_sample import read_weight
from sklearn_rnn.data.prompts import as_samples, read_prompts
from sklearn_rnn.nn.language import draw_by
from sklearn_rnn.training.net import run_through
from sklearn_rnn.training.prediction import over_batches

_LONGEST_SAMPLE = 1000
"""Tokens of a sample where nothing else is said."""

_NO_PARAMETERS = ("bidirectional", "static_to", "standardize")


class RNNLanguageModel(DensityMixin, BaseNextToken):
    """Recurrent network that foretells the next token of a sequence, and writes sequences.

    A recurrent cell (LSTM [1]_, GRU [2]_ or a plain RNN) reads a text or another sequence of tokens
    one by one; after each, a linear layer makes the log-odds of all tokens, and of the end, of its
    state. It is trained by cross-entropy on what does come next. Drawing a token, reading it and
    drawing the next writes a new sequence [3]_.

    Parameters
    ----------
    cell : {"gru", "lstm", "rnn", "mingru"} or subclass of Cell, default="lstm"
        What is carried through time: "rnn" is Elman's cell with tanh, "gru" and "lstm" are the
        gated cells that remember longer, "mingru" [4]_ is a GRU whose gates read the input alone,
        quicker to train. A class derived from
        :class:`sklearn_rnn.nn.cells.Cell` adds one of your own.
    hidden_size : int, default=128
        Units of the state, in each layer.
    num_layers : int, default=1
        Layers; each reads all outputs of the one below.
    dropout : float in [0, 1), default=0.3
        Share of units zeroed in training, between layers and before the head. One mask holds
        for all steps of a sequence [5]_.
    recurrent_dropout : float in [0, 1), default=0.2
        Share of recurrent weights zeroed in training, one mask for all steps of a batch [6]_.
        The cell "mingru" has none.
    input_dropout : float in [0, 1), default=0.0
        Share of what is read at each step, numbers and learned vectors alike, zeroed in training.
        One mask holds for all steps of a sequence [5]_.
    initialization : {"default", "chrono"}, default="default"
        What the gates start from: "chrono" [10]_ sets them so that units remember for one step up
        to as many as the longest training sequence has, for what happens long before it matters.
        For cells with gates only.
    embedding_size : int or "auto", default="auto"
        Size of the vector learned for each token; "auto" takes ``1.6 n ** 0.56`` for n tokens, 64
        at most.
    min_frequency : int, default=1
        Tokens met less often in training count as unknown, as do those first met later.
    lr : float, default=0.01
        Learning rate; the highest one where a schedule changes it.
    max_epochs : int, default=20
        Passes over the training sequences. Few short ones need more.
    batch_size : int or "auto", default="auto"
        Sequences or windows an update. "auto" takes 32, or fewer (but at least 4) where an epoch
        would have less than 8 updates.
    batch_steps : int or None, default=None
        Steps an update instead of sequences: then a batch holds as many sequences of like length
        as have about so many steps in sum, few long ones or many short ones, and ``batch_size``
        is not used.
    max_batch_steps : int, default=131072
        Limit of memory: a batch of more padded steps (sequences times the longest) goes through
        the network in parts. The update is the same, but that each part has dropout masks of its
        own.
    bptt_steps : int or None, default=100
        Longer sequences, their end counted as a step, are cut into even windows of so many steps at
        most for training, which are read like sequences of their own: each begins with the token
        before it and with a state of zeros. None trains on sequences as they are, of whatever
        length. Only used in training.
    optimizer : {"adamw", "adam", "rmsprop", "sgd"} or torch Optimizer class, default="adamw"
        What turns gradients into updates [7]_.
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
        first up and then down ("onecycle", [8]_); or not at all. A class takes a step an epoch, but
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
        Largest norm of the gradient; a larger one is scaled down [9]_.
    label_smoothing : float in [0, 1), default=0.0
        Share of the probability wanted of the right one that is spread evenly over all tokens in
        training (Szegedy et al. 2016, "Rethinking the Inception architecture").
    early_stopping : bool, default=False
        Hold out ``validation_fraction`` of the sequences (whole groups, equal sequences together;
        of a single text, windows) unless ``fit`` gets ``X_val``; stop when the loss there no longer
        falls; keep the weights of the best epoch.
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
    classes_ : ndarray of shape (n_tokens,)
        The tokens, sorted.
    n_features_in_ : int
        1; for a 2-D array the number of columns.
    feature_names_in_ : ndarray of shape (n_columns,)
        Column names, if X was a frame whose columns are all strings.
    net_ : skorch.NeuralNet
        The fitted net.
    history_ : pandas.DataFrame
        A row an epoch: ``epoch``, ``train_loss``, with validation data ``valid_loss`` and
        ``valid_score``, ``lr``, ``gradient_norm`` (mean over the updates, before clipping),
        ``largest_gradient_norm``, ``dur`` and ``elapsed`` (seconds), ``sequences_per_second`` and
        ``padding_share`` of the training batches, and what callbacks record.
    loss_curve_ : list of float
        Training loss of each epoch, a token's in the mean.
    validation_scores_ : list of float or None
        Log-likelihood of a token of the validation sequences in the mean, after each epoch.
    n_iter_ : int
        Epochs trained.
    best_epoch_ : int
        The epoch, from 1, whose weights were kept: with ``early_stopping=True`` that of the lowest
        validation loss, else the last.

    See Also
    --------
    Seq2SeqClassifier : Writes sequences that answer to another.
    sklearn_rnn.metrics.bits_per_token : What :meth:`bits_per_token` measures.

    Notes
    -----
    The end of a sequence is one more token, behind all others: it is foretold, drawn, and counted
    in likelihoods. A text cut into windows has one end, that of the text. So a model of one long
    text has met a single end and hardly ever draws it; samples then are ``max_steps`` long.

    A token that ``fit`` never met is read as "unknown", a vector of its own that is trained by
    taking a token met n times for unknown in a share of 0.25 / (n + 0.25) of its steps. In
    likelihoods it counts as the class of rare tokens where ``min_frequency`` made some, else with
    probability 1 / (N + 1) for N tokens and ends in ``fit``. Samples have none.

    Likelihoods are those of the whole sequence, with the state carried from its first token to its
    end, also where it is longer than ``bptt_steps``.

    References
    ----------
    .. [1] Hochreiter, S. and Schmidhuber, J. (1997). Long short-term memory. Neural Computation 9.
    .. [2] Cho, K. et al. (2014). Learning phrase representations using RNN encoder-decoder. EMNLP.
    .. [3] Sutskever, I., Martens, J. and Hinton, G. (2011). Generating text with recurrent neural
           networks. ICML.
    .. [4] Feng, L., Tung, F., Ahmed, M. O., Bengio, Y. and Hajimirsadeghi, H. (2024). Were RNNs
           all we needed? arXiv:2410.01201.
    .. [5] Gal, Y. and Ghahramani, Z. (2016). A theoretically grounded application of dropout in
           recurrent neural networks. NeurIPS.
    .. [6] Merity, S., Keskar, N. and Socher, R. (2018). Regularizing and optimizing LSTM language
           models. ICLR.
    .. [7] Loshchilov, I. and Hutter, F. (2019). Decoupled weight decay regularization. ICLR.
    .. [8] Smith, L. and Topin, N. (2019). Super-convergence: very fast training of neural networks
           using large learning rates. SPIE.
    .. [9] Pascanu, R., Mikolov, T. and Bengio, Y. (2013). On the difficulty of training recurrent
           neural networks. ICML.
    .. [10] Tallec, C. and Ollivier, Y. (2018). Can recurrent neural networks warp time? ICLR.

    Examples
    --------
    Four letters, one word, the plain RNN: after "hel" comes another "l", and only the second "l" is
    followed by "o".

    >>> from sklearn_rnn import RNNLanguageModel
    >>> model = RNNLanguageModel(cell="rnn", lr=0.03, max_epochs=100, random_state=0)
    >>> model.fit(["hello"]).classes_
    array(['e', 'h', 'l', 'o'], dtype='<U1')
    >>> model.predict_next_proba(["hel"]).round(2)  # the last column is the end
    array([[0., 0., 1., 0., 0.]])
    >>> model.sample(3, random_state=0)
    array(['hello', 'hello', 'hello'], dtype=object)
    >>> round(model.perplexity(["hello"]), 2)
    1.0
    """

    _parameter_rules: ClassVar[dict[str, Rule]] = {
        name: rule
        for name, rule in BaseNextToken._parameter_rules.items()
        if name not in _NO_PARAMETERS
    } | {"label_smoothing": a_number("[0, 1)")}

    _sample_rules: ClassVar[dict[str, Rule]] = {
        "n_samples": an_int(1),
        "temperature": a_number("[0, inf)"),
        "top_k": an_int(1) | none(),
        "max_steps": an_int(1) | none(),
        "random_state": BaseNextToken._parameter_rules["random_state"],
    }

    def __init__(
        self,
        *,
        cell="lstm",
        hidden_size=128,
        num_layers=1,
        dropout=0.3,
        recurrent_dropout=0.2,
        input_dropout=0.0,
        initialization="default",
        embedding_size="auto",
        min_frequency=1,
        lr=0.01,
        max_epochs=20,
        batch_size="auto",
        batch_steps=None,
        max_batch_steps=131_072,
        bptt_steps=100,
        optimizer="adamw",
        momentum=0.9,
        optimizer_options=None,
        weight_decay=0.01,
        lr_schedule="cosine",
        lr_factor=0.1,
        lr_step_epochs="auto",
        lr_schedule_options=None,
        gradient_clip=1.0,
        label_smoothing=0.0,
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
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.input_dropout = input_dropout
        self.initialization = initialization
        self.embedding_size = embedding_size
        self.min_frequency = min_frequency
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
        self.label_smoothing = label_smoothing
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

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = False
        tags.target_tags.required = False
        return tags

    # -- training ---------------------------------------------------------------------------------

    def fit(  # type: ignore[override]  # a language model has no y
        self,
        X: ArrayLike,
        y: None = None,
        X_val: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train on sequences of tokens.

        Parameters
        ----------
        X : sequences of n_samples
            Texts, whose tokens are their characters; lists or arrays of tokens, texts or numbers;
            a 2-D array of one sequence a row; a column of texts or of lists (pandas, polars,
            pyarrow), alone or as the only one of a frame. A sequence may have no token.
        y : None
            Ignored.
        X_val : as X, optional
            Held-out sequences to measure each epoch on, and to stop by if ``early_stopping=True``.
        sample_weight : array-like of shape (n_samples,), optional
            Not negative. A weight of 2 is the same as the sequence standing there twice, a weight
            of 0 the same as leaving it out. Weights of distinct sequences are scaled down to a mean
            of 4 where it is higher: then only their ratios matter.
        groups : array-like of shape (n_samples,), optional
            Sequences of one group stay on one side of the split that ``early_stopping=True`` makes.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, a weight or a group is not as described, or training diverges.
        TypeError
            If X holds what is no token.
        """
        continued = bool(self.warm_start) and hasattr(self, "net_")
        with self._unchanged_on_failure():
            run_through(
                self._training(X, None, X_val, None, sample_weight, groups, continued=continued)
            )
        return self

    def partial_fit(
        self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train one epoch more, on new sequences.

        Parameters
        ----------
        X : sequences of n_samples
            Those of the first call have all tokens that the model will know.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        return self._partial_fit(X, None, sample_weight, None)

    # -- likelihood -------------------------------------------------------------------------------

    def predict_next_proba(self, prefixes: ArrayLike) -> np.ndarray:
        """Return the probability of each token to come next.

        Parameters
        ----------
        prefixes : sequences of n_samples
            In a form of X in ``fit``, of any lengths; one without tokens asks for the first.

        Returns
        -------
        ndarray of shape (n_samples, n_tokens + 1), float64
            Columns in the order of ``classes_`` and, as the last, the end; rows sum to 1. Where
            ``min_frequency`` made rare tokens unknown in ``fit``, there is one more column for
            these before the last.
        """
        module = self._module
        tokens = self._read_tokens(prefixes, "prefixes", of_any_length=True)
        on_device = DeviceInputs(self._target.inputs(tokens), self.net_.device)

        def following(rows: np.ndarray) -> np.ndarray:
            return module.following(**on_device.gather(rows).tensors()).cpu().numpy()

        outputs = np.empty((len(tokens), self._target.n_outputs))
        for rows, of_rows in over_batches(following, on_device):
            outputs[rows] = of_rows
        return softmax(outputs, axis=1)

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return the log-likelihood of each sequence, its end included.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Natural logarithms. See the notes for tokens that ``fit`` never met.
        """
        return self._judged(X)[0]

    def score(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the log-likelihood of a token in the mean.

        Parameters
        ----------
        X : sequences of n_samples
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
            Natural logarithm, over all tokens and ends; the higher the better.
        """
        log_likelihood, n_entries = self._judged(X)
        weight = read_weight(sample_weight, len(n_entries))
        return float(weight @ log_likelihood / (weight @ n_entries))

    def bits_per_token(self, X: ArrayLike) -> float:
        """Return how many bits the model needs for a token, or an end, in the mean.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        float
            The lower the better: :func:`~sklearn_rnn.metrics.bits_per_token` of
            :meth:`score_samples`, where the end of each sequence counts as a token.
        """
        return -self.score(X) / float(np.log(2))

    def perplexity(self, X: ArrayLike) -> float:
        """Return among how many equally likely tokens the model is in doubt.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        float
            The lower the better, 1 at best; ``2 ** bits_per_token(X)``.
        """
        return float(np.exp(-self.score(X)))

    # -- writing ----------------------------------------------------------------------------------

    def sample(
        self,
        n_samples: int = 1,
        prompt: Any = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        max_steps: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> np.ndarray:
        """Write sequences: draw a token, read it, draw the next one, until the end is drawn.

        Parameters
        ----------
        n_samples : int, default=1
            All are written at once, which is much quicker than one by one.
        prompt : sequence, or sequences of n_samples, optional
            What samples begin with, one for all or one for each.
        temperature : float, default=1.0
            What log-odds are divided by: below 1 what is probable becomes more so, above 1 less. 0
            takes the most probable token each time.
        top_k : int or None, default=None
            Draw from this many most probable tokens alone.
        max_steps : int or None, default=None
            Most tokens of a sample, its prompt included; without, twice the longest sequence in
            ``fit``, but 1000 at most.
        random_state : int, RandomState instance or None, default=None
            An int makes draws repeat. The global generators are neither read nor moved.

        Returns
        -------
        ndarray of shape (n_samples,), dtype=object
            Texts where X held texts in ``fit``, else arrays of tokens; each begins with its prompt.

        Raises
        ------
        ValueError
            If a parameter is not as described, or a prompt is longer than ``max_steps``.
        """
        check_parameters(
            f"{type(self).__name__}.sample",
            {
                "n_samples": n_samples,
                "temperature": temperature,
                "top_k": top_k,
                "max_steps": max_steps,
                "random_state": random_state,
            },
            self._sample_rules,
        )
        module, target, device = self._module, self._target, torch.device(self.net_.device)
        if max_steps is None:
            max_steps = min(2 * target.longest, _LONGEST_SAMPLE)
        prompts = read_prompts(prompt, n_samples, max_steps, target, self._are_texts)
        choose = draw_by(
            generator(spawn_seeds(random_state, 1)[0]),
            n_samples,
            float(temperature),
            top_k,
            never=target.end - 1 if target.has_unknown else None,
        )
        with torch.inference_mode():
            classes = module.write(
                torch.from_numpy(prompts.codes).to(device),
                torch.from_numpy(prompts.lengths).to(device),
                torch.from_numpy(target.code_of_class).to(device),
                max_steps,
                choose,
            ).cpu()
        return as_samples(prompts, classes.numpy(), target, self._are_texts)
