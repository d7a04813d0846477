"""What a person asks of a board: load, draw, look. Each over any link, with progress bars."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from boards.host.driver import Driver
from boards.host.png import PICTURE_CHANNELS, write_png
from boards.host.serial_link import SerialLink
from golden.spec.hardware import FORMAT_VERSION, HardwareConfig
from golden.spec.image import Image, ImageError, segment_words
from golden.spec.registers import Status
from golden.spec.validation import ConfigError, shown


@dataclass(frozen=True)
class Shape:
    """What an image file's manifest says of its drawings."""

    channels: int
    side: int
    steps: int
    hardware: HardwareConfig


def shape_of(image: Image) -> Shape:
    """The drawings' shape; raises ``ImageError`` for a file whose manifest does not tell, or tells the impossible."""
    try:
        model = image.manifest["model"]
        shape = Shape(model["image_channels"], model["image_size"], len(image.manifest["step_contexts"]),
                      HardwareConfig(**image.manifest["hardware"]))
    except (KeyError, TypeError, ValueError):
        raise ImageError("the image file does not say what it draws; compile it again with python -m golden.compile "
                         "write") from None
    if not (type(shape.channels) is int and type(shape.side) is int and shape.channels > 0 and shape.side > 0
            and shape.channels * shape.side**2 <= shape.hardware.pixel_words):
        raise ImageError(f"the image file draws {shown(shape.channels)} channels of side {shown(shape.side)}, which "
                         f"its hardware's {shape.hardware.pixel_words} pixels do not hold; compile it again")
    return shape


def choose_label(image: Image, label: str | None) -> str:
    """A label that the file has a conditioning for: the only or first one where none is asked for."""
    labels = list(image.conditionings)
    if not labels:
        raise ImageError("the image file has no conditioning; compile it again with python -m golden.compile write")
    if label is None:
        return labels[0]
    if label not in labels:
        raise ConfigError(f"the image file cannot draw {label!r}; choose one of: {', '.join(labels)}")
    return label


async def load(link: SerialLink, image: Image, label: str, with_program: bool = True) -> None:
    """Send the program, unless the board has it, and a label's conditioning, with a progress bar."""
    driver = Driver(link)
    await driver.identify(shape_of(image).hardware)
    segments = [image.program] if with_program else []
    segments.append(image.conditionings[label])
    words = sum(len(segment_words(segment)) for segment in segments)
    with tqdm(total=4 * words, unit="B", unit_scale=True, desc="loading") as bar:
        link.moved = lambda count: bar.update(min(4 * count, bar.total - bar.n))
        try:
            for segment in segments:
                await driver.load(segment)
        finally:
            link.moved = None


async def draw(link: SerialLink, image: Image, label: str, seed: int, output: Path, loaded: bool = False) -> int:
    """Load what is needed, draw with a progress bar, and write the PNG; returns the drawing's cycles.

    ``loaded``: the board has the program, if its status says so too.
    """
    driver, shape = Driver(link), shape_of(image)
    if shape.channels not in PICTURE_CHANNELS:
        raise ImageError(f"the image file draws {shape.channels} channels, which are no picture; expected one of "
                         f"{', '.join(map(str, PICTURE_CHANNELS))}")
    kept = loaded and bool(await driver.status() & Status.PROGRAM_LOADED)
    await load(link, image, label, with_program=not kept)
    await driver.seed(seed)
    await driver.start()
    with tqdm(total=shape.steps, unit="step", desc="drawing") as bar:
        await driver.wait(lambda ended: bar.update(max(0, min(ended - 1, shape.steps) - bar.n)))
    pixels = await driver.read_image(shape.channels * shape.side**2)
    write_png(output, pixels, shape.channels, shape.side)
    return (await driver.counters())["CYCLES"]


async def counters(link: SerialLink) -> dict[str, int]:
    """The core's counters of its last drawing."""
    driver = Driver(link)
    await driver.identify()
    return await driver.counters()


async def info(link: SerialLink) -> dict[str, Any]:
    """What is at the other end, and how the line is."""
    driver = Driver(link)
    fingerprint = await driver.identify()
    status = await driver.status()
    flags = " ".join(flag.name.lower() for flag in Status if flag & status and flag.name) or "nothing loaded"
    return {"core": "Halftone", "format version": FORMAT_VERSION, "fingerprint": f"{fingerprint:08x}",
            "status": flags, **{name.lower().replace("_", " "): value for name, value in (await link.counts()).items()}}
