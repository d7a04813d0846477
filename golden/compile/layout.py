"""Where every tensor lives: the memory plan of one model on one hardware configuration."""

from __future__ import annotations

from dataclasses import dataclass

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import GROUPS_IN_FLIGHT, LINE_LATENCY, drain_latency, key_hold
from golden.spec.model import ModelConfig
from golden.spec.precision import ATTENTION, EIGHT_BIT_NORMS, group_name


class CompileError(ValueError):
    """A model that does not fit the hardware; one sentence that names the memory, its size and the need."""


@dataclass(frozen=True)
class Layout:
    """Word addresses and counts. ``contexts`` copies of the tokens share each weight load.

    ``tables``: modulation tables of the drawing, one for each context of each step, where some steps have fewer than
    ``contexts`` (``golden/compile/segments.py``).
    ``eight_bit`` names groups of 8-bit layers (``IntegerModel.eight_bit``), whose left operand lies in two planes.
    Raises ``CompileError`` when built for a model that the hardware cannot hold.
    """

    model: ModelConfig
    hardware: HardwareConfig
    contexts: int
    steps: int
    tables: int | None = None
    eight_bit: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.check_shape()
        self.check_depths()

    # --- counts -----------------------------------------------------------------------------------------------

    @property
    def token_words(self) -> int:
        """Words of one token's D channels."""
        return self.model.channels // self.hardware.width

    @property
    def hidden_words(self) -> int:
        """Words of one token's hidden channels."""
        return self.model.hidden_channels // self.hardware.width

    @property
    def patch_words(self) -> int:
        """Words of one plane of a patch."""
        return -(-self.model.patch_terms // self.hardware.width)

    @property
    def head_words(self) -> int:
        """Words of one head's channels."""
        return self.model.head_channels // self.hardware.width

    @property
    def key_words(self) -> int:
        """Words of one row of scores: keys of one context."""
        return self.model.tokens // self.hardware.width

    @property
    def groups(self) -> int:
        """Groups of ``lanes`` tokens in one context."""
        return self.model.tokens // self.hardware.lanes

    @property
    def context_words(self) -> int:
        """Words of one context's (T, D) tensor of nibbles."""
        return self.model.tokens * self.token_words

    @property
    def tensor_words(self) -> int:
        """Words of every context's (T, D) tensor of nibbles."""
        return self.contexts * self.context_words

    @property
    def patch_tensor_words(self) -> int:
        """Words of the patches of all tokens, both planes; contexts share them."""
        return 2 * self.model.tokens * self.patch_words

    @property
    def score_slot_words(self) -> int:
        """Words of one slot of scores."""
        return self.hardware.score_words // 2

    @property
    def all_tables(self) -> int:
        """Modulation tables of the whole drawing."""
        return self.contexts * self.steps if self.tables is None else self.tables

    @property
    def modulation_step_words(self) -> int:
        """Gain and bias words of one step, all contexts."""
        return self.contexts * self.modulation_context_words

    @property
    def modulation_context_words(self) -> int:
        """Gain and bias words of one step and context."""
        return self.model.norms * self.token_words

    def planes(self, group: str) -> int:
        """Nibble planes of the left operand of a group of layers: 2 where it is 8-bit."""
        return 2 if group in self.eight_bit else 1

    @property
    def plane_tensors(self) -> frozenset[str]:
        """Names of the tensors that lie in two planes, each token's high one and then its low one."""
        return frozenset({"patches", "decoder_norm"}) | {
            group_name(block, norm) for block in range(self.model.blocks) for group, norm in EIGHT_BIT_NORMS.items()
            if self.planes(group_name(block, group)) == 2}

    # --- bases ------------------------------------------------------------------------------------------------

    QUERY = 0
    HIDDEN = 0      # queries and attention outputs are spent before the first hidden activation is written
    NORMALISED = 0
    KEY = 0

    @property
    def attention(self) -> int:
        """Attention outputs, in the activation memory."""
        return self.tensor_words

    @property
    def value(self) -> int:
        """Values, in the key and value memory."""
        return self.tensor_words

    @property
    def patches(self) -> int:
        """Patches, in the normalised memory behind the first norm's output.

        That norm follows the last tile of the convolution, which still reads patches, group by group. An output in two
        planes leaves no room behind it, so patches lie where the last context's ends, or begin where it begins if they
        are longer. Either way token k of that context overwrites patches of tokens up to k only: their group is done.
        """
        if self.planes(group_name(0, ATTENTION)) == 1:
            return self.tensor_words
        return 2 * self.tensor_words - min(2 * self.context_words, self.patch_tensor_words)

    def residual(self, context: int) -> int:
        """First word of a context's residual stream."""
        return context * self.context_words

    # --- order ------------------------------------------------------------------------------------------------
    #
    # At most GROUPS_IN_FLIGHT groups are in flight, they retire in order, and ARRAY_TAIL cycles later what they wrote
    # can be read. Within these bounds tokens overtake each other: a group reads from its allocation to its retirement
    # and writes in the same time and the tail. A *fence* makes a product wait until nothing is in flight or written.

    @property
    def layer_groups(self) -> int:
        """Groups that one weight tile is multiplied with: those of every context."""
        return self.contexts * self.groups

    @property
    def shortest_group(self) -> int:
        """Cycles from a group's allocation to its retirement, at least; in nibble passes there are more."""
        return self.hardware.lanes + LINE_LATENCY + 1 + drain_latency(self.hardware) + 1

    @property
    def layer_needs_fence(self) -> bool:
        """Whether a layer's first product must wait for the layer before it, whose results it reads.

        It reads what the group ``layer_groups`` before it wrote last. With R = GROUPS_IN_FLIGHT, if that is group
        n - 2R, then group n - R began after its retirement, and ended, a ``shortest_group`` later, before group n
        began. By then the results of n - 2R are written, as the tail is shorter than any group. Empty descriptors
        between the two only add to that.
        """
        return self.layer_groups < 2 * GROUPS_IN_FLIGHT

    @property
    def expand_needs_fence(self) -> bool:
        """The same for the hidden activations, which also take the place of the attention outputs.

        Group e of the first tile writes hidden activations up to group e + 1 of them, and overtakes at most the last
        GROUPS_IN_FLIGHT - 1 - e groups of the projection, which still read their attention outputs.
        """
        written = (GROUPS_IN_FLIGHT - 1) * self.model.expansion
        return self.layer_needs_fence or written > 2 * self.layer_groups - 1

    @property
    def values_need_fence(self) -> bool:
        """Whether values must wait for the keys to leave the transposer, and for the queries.

        The groups of one tile of queries lie between: each begins after the retirement of the one GROUPS_IN_FLIGHT
        before it. That outlasts the transposer wherever there are enough of them.
        """
        between = (self.layer_groups - GROUPS_IN_FLIGHT + 1) // GROUPS_IN_FLIGHT * self.shortest_group
        return self.layer_needs_fence or between < key_hold(self.hardware)

    # --- checks -----------------------------------------------------------------------------------------------

    def check_shape(self) -> None:
        """Channels and tokens divide the array."""
        model, hardware = self.model, self.hardware
        self.divides("channels", model.channels, hardware.width)
        self.divides("channels of a head", model.head_channels, hardware.width)
        self.divides("tokens", model.tokens, 2 * hardware.width)
        if model.token_pixels > hardware.width:
            raise CompileError(f"model {model.name} decodes a token to {model.token_pixels} values; "
                               f"expected at most the hardware's width {hardware.width}")
        if max(4 * model.channels, model.hidden_channels, model.tokens) > 255 * hardware.width:
            raise CompileError(f"model {model.name} has rows of more than 255 words of {hardware.width} channels; "
                               "use a wider array")
        # the decoder has as many terms as the other 8-bit layers, and as long tiles
        for name, terms in (("initial convolution", model.patch_terms), ("decoder", model.channels)):
            if terms > hardware.longest_dot_product:  # as nibble passes
                raise CompileError(f"the {name} of {model.name} has {terms} terms; hardware.longest_dot_product is "
                                   f"{hardware.longest_dot_product}; raise it")

        limit = (1 << (hardware.accumulator_bits - 1)) - 1
        longest = max(model.hidden_channels, model.tokens)
        if longest * numbers.UNSIGNED_NIBBLE_MAXIMUM * numbers.NIBBLE_MAXIMUM > limit:
            raise CompileError(f"a product of {model.name} has {longest} terms; hardware.longest_dot_product is "
                               f"{hardware.longest_dot_product}, whose accumulator is too narrow; raise it")

    def divides(self, what: str, value: int, unit: int) -> None:
        """Raise unless ``value`` is a multiple of ``unit``."""
        if value % unit:
            raise CompileError(f"model {self.model.name} has {value} {what}; expected a multiple of {unit} "
                               f"on hardware {self.hardware.name}")

    def needs(self) -> dict[str, int]:
        """Words that each memory must hold, without the program and the weights."""
        model, hardware = self.model, self.hardware
        tokens = self.contexts * model.tokens
        return {
            "modulation": self.all_tables * self.modulation_context_words,
            "step": self.steps + 1,
            "coordinate": model.grid,
            "normalised": max(2 * self.tensor_words, self.patches + self.patch_tensor_words),
            "activation": max(2 * self.tensor_words, tokens * self.hidden_words),
            "key_value": 2 * self.tensor_words,
            "residual": self.tensor_words,
            "score": 2 * hardware.lanes * self.key_words,
            "pixel": model.image_channels * model.image_size**2,
        }

    def slot_needs(self) -> dict[str, int]:
        """Rows of the longest weight tile of each kind."""
        return {
            "initial convolution": 4 * self.patch_words * self.hardware.width,
            "hidden layer": self.model.hidden_channels,
            "decoder": 4 * self.model.channels,
            "keys of a head": self.model.tokens * self.head_words,
        }

    def check_depths(self) -> None:
        """Every memory is deep enough."""
        for name, need in self.needs().items():
            self.check_depth(name, need)
        for name, need in self.slot_needs().items():
            if need > self.hardware.slot_rows:
                raise CompileError(f"a weight-tile slot of hardware {self.hardware.name} holds "
                                   f"{self.hardware.slot_rows} rows; the {name} of {self.model.name} needs {need}: "
                                   f"raise hardware.slot_rows")

    def check_depth(self, name: str, need: int) -> None:
        """Raise unless memory ``name`` holds ``need`` words."""
        depth = self.hardware.memory_shapes[name][0]
        if need > depth:
            mixed = self.all_tables != self.contexts * self.steps
            steps = f"{self.steps} steps, {self.tables} modulation tables" if mixed else f"{self.steps} steps"
            raise CompileError(f"the {name} memory of hardware {self.hardware.name} holds {depth} words; model "
                               f"{self.model.name} with {steps} and {self.contexts} contexts needs {need}: "
                               f"raise hardware.{name}_words")
