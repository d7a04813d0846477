"""A board from the command line: which ports there are, load a program, draw an image, read counters.

    python -m boards.host.tool ports
    python -m boards.host.tool draw image.htn --port /dev/ttyUSB0 --label boot --seed 3 --output boot.png

The image file comes from ``python -m golden.compile write`` or from ``make sim``, compiled for the board's
configuration. Exit status: 0 when done, 1 when board or line fail, 2 for a bad argument or file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, NoReturn

from serial.tools import list_ports

from boards.host import session
from boards.host.driver import DeviceError
from boards.host.link import LinkError, complete
from boards.host.serial_link import PATIENCE_SECONDS, SerialLink
from boards.host.serial_port import SerialPort
from golden.spec.image import ImageError, read_image
from golden.spec.seed import generator_state
from golden.spec.validation import ConfigError, require

BAUD = 1_000_000
MOST_PATIENCE = 3600
FAILED, BAD_INPUT = 1, 2


class Parser(argparse.ArgumentParser):
    """Refuses a bad argument in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see --help")


def choose_port(name: str | None) -> str:
    """The port that was named, or the only one there is; raises ``ConfigError`` where that does not tell."""
    if name is not None:
        return name
    found = [port.device for port in list_ports.comports()]
    if len(found) == 1:
        return found[0]
    raise ConfigError(f"there are {len(found)} serial ports; choose one with --port: {', '.join(found)}" if found else
                      "there is no serial port; plug the board in, or name one with --port")


def on_board(options: argparse.Namespace, action: Callable[[SerialLink], Coroutine[Any, Any, Any]]) -> Any:
    """Open the port and do something over it."""
    require(options.baud > 0, f"--baud is {options.baud}; expected a positive number, the bitstream's")
    require(0 <= options.patience <= MOST_PATIENCE,
            f"--patience is {options.patience}; expected 0 to {MOST_PATIENCE} seconds")
    with SerialPort(choose_port(options.port), options.baud) as port:
        return complete(action(SerialLink(port, options.baud, options.patience)))


def ports(options: argparse.Namespace) -> None:
    """List serial ports."""
    found = sorted(list_ports.comports())
    for port in found:
        print(f"{port.device}  {port.description}")
    if not found:
        print("no serial port; plug the board in")


def load(options: argparse.Namespace) -> None:
    """Send program and conditioning."""
    image = read_image(options.image)
    label = session.choose_label(image, options.label)
    on_board(options, lambda link: session.load(link, image, label))
    print(f"loaded {options.image} to draw {label}")


def draw(options: argparse.Namespace) -> None:
    """Draw one image into a PNG file."""
    generator_state(options.seed)
    image = read_image(options.image)
    label = session.choose_label(image, options.label)
    if not options.output.parent.is_dir():
        raise ConfigError(f"there is no folder {options.output.parent}; create it, or choose another --output")
    cycles = on_board(options, lambda link: session.draw(link, image, label, options.seed, options.output,
                                                         options.loaded))
    print(f"{options.output}: {label}, seed {options.seed}, {cycles:,} cycles")


def counters(options: argparse.Namespace) -> None:
    """Print every counter of the last drawing."""
    show(on_board(options, session.counters))


def info(options: argparse.Namespace) -> None:
    """Print what the board is, what it does, and the line's errors."""
    show(on_board(options, session.info))


def show(values: dict[str, Any]) -> None:
    """One line for each value."""
    width = max(len(name) for name in values)
    for name, value in values.items():
        print(f"{name:{width}}  {value:,}" if isinstance(value, int) else f"{name:{width}}  {value}")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = Parser(prog="python -m boards.host.tool", description=__doc__,
                  formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = made.add_subparsers(required=True, metavar="ports|load|draw|counters|info", parser_class=Parser)
    for run in (ports, load, draw, counters, info):
        command = commands.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        command.set_defaults(run=run)
        if run in (load, draw):
            command.add_argument("image", type=Path, help="an .htn file, compiled for the board's configuration")
            command.add_argument("--label", "--prompt", help="what to draw (default: the file's first)")
        if run is draw:
            command.add_argument("--seed", type=int, default=7, help="of the noise (default: %(default)s)")
            command.add_argument("--output", type=Path, default=Path("image.png"), help="default: %(default)s")
            command.add_argument("--loaded", action="store_true",
                                 help="the board has this file's program already: send the label alone")
        if run is not ports:
            command.add_argument("--port", help="serial port (default: the only one there is)")
            command.add_argument("--patience", type=float, default=PATIENCE_SECONDS,
                                 help="seconds for an answer beside its time on the line (default: %(default)s)")
            command.add_argument("--baud", type=int, default=BAUD, help="as in the bitstream (default: %(default)s)")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    try:
        options = parser().parse_args(arguments)
        options.run(options)
    except (ConfigError, ImageError, OSError) as error:
        return refuse(error, BAD_INPUT)
    except (LinkError, DeviceError) as error:
        return refuse(error, FAILED)
    except KeyboardInterrupt:
        return refuse("interrupted; the board goes on with what it was told", FAILED)
    return 0


def refuse(reason: object, status: int) -> int:
    """Say in one line what went wrong."""
    print(f"boards.host.tool: {' '.join(str(reason).split())}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
