"""Shape of the diffusion transformer: what a checkpoint must match and the compiler lays out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from golden.spec.numbers import COORDINATE_FREQUENCIES
from golden.spec.toml import read_table
from golden.spec.validation import ConfigError, excerpt, require, require_file_name, require_integer, shown

__all__ = ["ConfigError", "ModelConfig", "load_model"]

MOST = 1 << 20
"""Of every number of a shape: beyond any hardware, and small enough for sizes that are counted in 64 bits."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One fixed-size diffusion transformer (after arXiv 2411.06119; internals are Halftone's own).

    The image is (C, H, H); the initial 3x3 convolution of stride S turns it into
    T = (H/S)^2 tokens of D channels; N core blocks map (T, D) to (T, D); a linear
    decoder and a pixel shuffle map each token to S*S*C pixels.

    Raises ``ConfigError`` (one sentence) for a value that cannot be built.
    """

    name: str
    image_channels: int = 1        # C
    image_size: int                # H, and W: images are square
    stride: int = 2                # S
    channels: int                  # D
    blocks: int                    # N
    heads: int                     # attention heads; D / heads channels each
    expansion: int = 4             # hidden width of the fully connected layers, in D
    coordinate_channels: int = 6   # constant inputs of the initial convolution that carry position
    labels: tuple[str, ...] = field(default=())  # class names, in the order of the label embedding
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = field(default=())  # instead: each one's name and values
    rectified_query: bool = False  # ReLU on the query: uint4 with many zeros, instead of int4

    def __post_init__(self) -> None:
        require_file_name("model.name", self.name)
        for name in ("image_channels", "image_size", "stride", "channels", "blocks", "heads", "expansion"):
            require_integer(self, name, minimum=1, maximum=MOST)
        require_integer(self, "coordinate_channels", minimum=0, maximum=2 * len(COORDINATE_FREQUENCIES))
        require(self.stride in (1, 2), f"model.stride is {self.stride}; expected 1 or 2")
        require(self.image_size % self.stride == 0,
                f"model.image_size is {self.image_size}; expected a multiple of the stride {self.stride}")
        require(self.channels % self.heads == 0,
                f"model.channels is {self.channels}; expected a multiple of the {self.heads} heads")
        require(isinstance(self.rectified_query, bool),
                f"model.rectified_query is {shown(self.rectified_query)}; expected true or false")
        object.__setattr__(self, "labels", require_names("model.labels", self.labels))
        object.__setattr__(self, "attributes", require_attributes(self.attributes))
        require(not (self.labels and self.attributes), "model has labels and attributes; expected one of them")

    @property
    def grid(self) -> int:
        """Tokens along one side of the image."""
        return self.image_size // self.stride

    @property
    def tokens(self) -> int:
        """T."""
        return self.grid * self.grid

    @property
    def head_channels(self) -> int:
        """Channels of one attention head."""
        return self.channels // self.heads

    @property
    def hidden_channels(self) -> int:
        """Width of the hidden fully connected layer."""
        return self.channels * self.expansion

    @property
    def patch_terms(self) -> int:
        """Terms of the initial convolution's dot product: 3x3 pixels, then the coordinate channels."""
        return 9 * self.image_channels + self.coordinate_channels

    @property
    def token_pixels(self) -> int:
        """Pixel values that one token decodes to: S*S*C."""
        return self.stride * self.stride * self.image_channels

    @property
    def image_pixels(self) -> int:
        """Pixel values of the whole image: C*H*H."""
        return self.image_channels * self.image_size**2

    @property
    def label_sets(self) -> tuple[tuple[str, ...], ...]:
        """Names to choose from, one tuple for each of the A labels of an image: its class, or its attributes."""
        return tuple(values for _, values in self.attributes) or (self.labels,)

    @property
    def no_label(self) -> tuple[int, ...]:
        """The labels of an image of which nothing is said, (A,): each one behind the last of its set."""
        return tuple(len(names) for names in self.label_sets)

    @property
    def norms(self) -> int:
        """Norms of one evaluation: two a block and the decoder's."""
        return 2 * self.blocks + 1


def require_names(what: str, names: object) -> tuple[str, ...]:
    """Names as a tuple; raises ``ConfigError`` unless they are texts, each of them once."""
    require(isinstance(names, list | tuple), f"{what} is {shown(names)}; expected a list of strings")
    require(all(isinstance(name, str) and name for name in names),
            f"{what} holds something that is not a name; expected a list of strings")
    require(len(set(names)) == len(names), f"{what} names a label twice; expected every name once")
    return tuple(names)


def require_attributes(attributes: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """A table, or pairs, of attribute and values, as a tuple of pairs; raises ``ConfigError``."""
    pairs = list(attributes.items()) if isinstance(attributes, dict) else attributes
    require(isinstance(pairs, list | tuple)
            and all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs),
            f"model.attributes is {shown(attributes)}; expected a table of a list of strings for each attribute")
    require_names("model.attributes", [name for name, _ in pairs])
    for name, values in pairs:
        require(bool(values), f"model.attributes.{excerpt(name)} is empty; expected at least one value")
    return tuple((name, require_names(f"model.attributes.{excerpt(name)}", values)) for name, values in pairs)


def load_model(path: Path) -> ModelConfig:
    """Read ``[model]`` of a TOML file; raises ``ConfigError`` with one sentence that names what is wrong."""
    return read_table(path, "model", ModelConfig)
