"""Shape of the diffusion transformer: what a checkpoint must match and the compiler lays out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from golden.spec.numbers import COORDINATE_FREQUENCIES
from golden.spec.toml import read_table
from golden.spec.validation import ConfigError, require, require_integer

__all__ = ["ConfigError", "ModelConfig", "load_model"]


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
    rectified_query: bool = False  # ReLU on the query: uint4 with many zeros, instead of int4

    def __post_init__(self) -> None:
        for name in ("image_channels", "image_size", "stride", "channels", "blocks", "heads", "expansion"):
            require_integer(self, name, minimum=1)
        require_integer(self, "coordinate_channels", minimum=0, maximum=2 * len(COORDINATE_FREQUENCIES))
        require(self.stride in (1, 2), f"model.stride is {self.stride}; expected 1 or 2")
        require(self.image_size % self.stride == 0,
                f"model.image_size is {self.image_size}; expected a multiple of the stride {self.stride}")
        require(self.channels % self.heads == 0,
                f"model.channels is {self.channels}; expected a multiple of the {self.heads} heads")
        require(isinstance(self.rectified_query, bool),
                f"model.rectified_query is {self.rectified_query!r}; expected true or false")
        require(isinstance(self.labels, list | tuple), f"model.labels is {self.labels!r}; expected a list of strings")
        object.__setattr__(self, "labels", tuple(self.labels))
        require(all(isinstance(label, str) and label for label in self.labels),
                "model.labels holds something that is not a name; expected a list of strings")
        require(len(set(self.labels)) == len(self.labels),
                "model.labels names a label twice; expected every name once")

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
    def norms(self) -> int:
        """Norms of one evaluation: two a block and the decoder's."""
        return 2 * self.blocks + 1


def load_model(path: Path) -> ModelConfig:
    """Read ``[model]`` of a TOML file; raises ``ConfigError`` with one sentence that names what is wrong."""
    return read_table(path, "model", ModelConfig)
