"""One sequence -> one label."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin

from sklearn_rnn._class_weight import CLASS_WEIGHT
from sklearn_rnn._labels import BaseLabels
from sklearn_rnn._many_to_one import BaseManyToOne
from sklearn_rnn._params import Rule, a_number
from sklearn_rnn.data.ragged import in_rows
from sklearn_rnn.data.targets import ClassTarget


class RNNClassifier(ClassifierMixin, BaseLabels, BaseManyToOne):
    """Recurrent network that gives each sequence one label.

    Sequences may differ in length; padding never changes a prediction. A recurrent cell (LSTM [1]_,
    GRU [2]_ or a plain RNN) reads the steps, a pooling makes one vector of them, and a linear layer
    the log-odds of the classes, fitted by cross-entropy.

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
        Also read each sequence from its end. Turn it off to see only the past at each step.
    pooling : {"last", "mean", "max", "concat", "extremes", "attention"} or subclass of Pooling, \
            default="extremes"
        How the outputs of all steps become one vector: the last one, their mean or maximum, these
        three side by side ("concat"), the last, the maximum and the minimum side by side
        ("extremes"), or a mean with learned weights ("attention").
    stem : {"conv"} or None, default=None
        What stands before the recurrence and shortens long raw signals for it: "conv" makes one
        step of eight, by three layers of convolution with stride 2 and batch normalization [10]_.
        The mean of these steps also goes past the recurrence to the head.
    dropout : float in [0, 1), default=0.3
        Share of units zeroed in training, between layers and on the pooled vector. Between layers
        one mask holds for all steps of a sequence [3]_.
    recurrent_dropout : float in [0, 1), default=0.2
        Share of recurrent weights zeroed in training, one mask for all steps of a batch [4]_.
        The cell "mingru" has none.
    input_dropout : float in [0, 1), default=0.0
        Share of what is read at each step, numbers and learned vectors alike, zeroed in training.
        One mask holds for all steps of a sequence [3]_.
    initialization : {"default", "chrono"}, default="default"
        What the gates start from: "chrono" [11]_ sets them so that units remember for one step up
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
        Random changes to the training sequences, drawn anew at each update, in the order of the
        list: :mod:`sklearn_rnn.augmentation` has them. Validation data and predictions are not
        touched.
    standardize : bool, default=True
        Bring each channel to mean 0 and standard deviation 1, taken from the training rows.
    differences : bool or "auto", default="auto"
        Whether channels are also read as differences, the change since the step before, by a scale
        of their own. "auto" takes the smooth channels alone, whose changes are at most an
        eighth of their spread (root mean squares over the training rows): one cannot see
        in their numbers what goes on from step to step. With ``standardize=False`` it takes none.
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
        own, and that a stem normalizes each part by itself.
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
    label_smoothing : float in [0, 1), default=0.05
        Share of the probability wanted of the right one that is spread evenly over all classes in
        training (Szegedy et al. 2016, "Rethinking the Inception architecture"). A little makes
        networks of few sequences more often right, and less sure where they are wrong.
    early_stopping : bool, default=False
        Hold out ``validation_fraction`` of the rows (stratified by class, whole groups, equal
        sequences together) unless ``fit`` gets ``X_val``; stop when the loss there no longer falls;
        keep the weights of the best epoch.
    validation_fraction : float in (0, 1), default=0.1
        Only used when ``early_stopping=True`` and ``fit`` gets no ``X_val``.
    n_iter_no_change : int, default=10
        Epochs without a better validation loss to stop after. Only used when
        ``early_stopping=True``.
    tol : float, default=1e-4
        By how much a validation loss must be lower to count as better. Only used when
        ``early_stopping=True``.
    step_loss : float in [0, 1], default=0.0
        Share of a loss after every step, to be right before a sequence ends: what is minimised is
        ``(1 - step_loss)`` times the loss at the end plus ``step_loss`` times the mean of the
        losses after each step, where the class probabilities are those of
        :meth:`predict_proba_steps`. Needs ``bidirectional=False`` and no stem if it is not 0.
    class_weight : dict, "balanced" or None, default=None
        What the loss of a class's rows is multiplied by; "balanced" makes classes count equally.
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
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Channels; for a 2-D X or a frame the number of columns.
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
        Training loss of each epoch.
    validation_scores_ : list of float or None
        Accuracy on the validation data after each epoch.
    n_iter_ : int
        Epochs trained.
    best_epoch_ : int
        The epoch, from 1, whose weights were kept: with ``early_stopping=True`` that of the lowest
        validation loss, else the last.

    See Also
    --------
    RNNRegressor : The same network for numbers.

    Notes
    -----
    An integer sample weight is the same as repeating the row and the order of the rows does not
    change the fitted model, to the bit: equal rows are merged and rows are ordered by their content
    before they are shuffled.

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
    .. [10] Wang, Z., Yan, W. and Oates, T. (2017). Time series classification from scratch with
            deep neural networks. IJCNN.
    .. [11] Tallec, C. and Ollivier, Y. (2018). Can recurrent neural networks warp time? ICLR.

    Examples
    --------
    Does a sequence drift up or down?

    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=n).cumsum() for n in rng.integers(5, 30, size=80)]
    >>> y = ["up" if x[-1] > x[0] else "down" for x in X]
    >>> model = RNNClassifier(hidden_size=16, max_epochs=40, lr=0.01, random_state=0).fit(X, y)
    >>> model.predict([[0.0, 0.5, 1.5, 2.0, 2.5, 3.5], [3.0, 2.0, 1.0, 0.0, -1.0]])
    array(['up', 'down'], dtype='<U4')
    """

    _parameter_rules: ClassVar[dict[str, Rule]] = BaseManyToOne._parameter_rules | {
        "step_loss": a_number("[0, 1]"),
        "label_smoothing": a_number("[0, 1)"),
        "class_weight": CLASS_WEIGHT,
    }

    def __init__(
        self,
        *,
        cell="gru",
        hidden_size=64,
        num_layers=1,
        bidirectional=True,
        pooling="extremes",
        stem=None,
        dropout=0.3,
        recurrent_dropout=0.2,
        input_dropout=0.0,
        initialization="default",
        static_to="both",
        embedding_size="auto",
        min_frequency=1,
        augmentation=None,
        standardize=True,
        differences="auto",
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
        label_smoothing=0.05,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        step_loss=0.0,
        class_weight=None,
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
        self.pooling = pooling
        self.stem = stem
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.input_dropout = input_dropout
        self.initialization = initialization
        self.static_to = static_to
        self.embedding_size = embedding_size
        self.min_frequency = min_frequency
        self.augmentation = augmentation
        self.standardize = standardize
        self.differences = differences
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
        self.step_loss = step_loss
        self.class_weight = class_weight
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_every = checkpoint_every
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    _target_kind = ClassTarget

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.step_loss and self.bidirectional:
            raise ValueError(
                f"The 'step_loss' parameter of {type(self).__name__} must be 0 with "
                "bidirectional=True, where each step more changes all of the way back. "
                f"Got {self.step_loss!r} instead. Set bidirectional=False."
            )
        if self.step_loss and self.stem is not None:
            raise ValueError(
                f"The 'step_loss' parameter of {type(self).__name__} must be 0 with a stem, which "
                f"reads several steps at once. Got {self.step_loss!r} instead. Set stem=None."
            )

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the log-odds of the classes.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            Two classes: the log-odds of the second. More: logits, whose softmax is
            :meth:`predict_proba`.
        """
        logits = self._outputs(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable label of each sequence.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        ndarray of shape (n_samples,), of the labels' own type
        """
        outputs = self._outputs(X)
        return self._target.decode(outputs)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            Columns in the order of ``classes_``.
        """
        return softmax(self._outputs(X), axis=1)

    def predict_proba_steps(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class after every step, from what came until then.

        After t steps it is what :meth:`predict_proba` gives for the sequence's first t steps. A
        network of one direction reads each sequence once for that. With ``bidirectional=True`` or
        a stem every prefix is read as a sequence of its own, since its end changes what was before:
        the time then grows with the square of the length.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        ndarray of shape (n_samples,), dtype=object
            A float64 array of shape (n_steps, n_classes) for each sequence, columns in the order of
            ``classes_``; one array of shape (n_samples, n_steps, n_classes) where X was one array
            in ``fit`` and lengths are equal.

        See Also
        --------
        StepClassifier : Another label at each step.
        """
        outputs, lengths = self._outputs_of_prefixes(X)
        return in_rows(softmax(outputs, axis=1), lengths, as_one_array=self._fitted_on_array)

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
        """
        return log_softmax(self._outputs(X), axis=1)
