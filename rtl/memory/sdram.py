"""SDRAM controller for weights: words written one by one, and fetched in order."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec import sdram
from golden.spec.hardware import REGISTER_BITS, HardwareConfig

COUNT_BITS = 13
"""Bits of the number of words of a fetch."""
CLOSE_ALL = 1 << 10
"""Address pin 10 with PRECHARGE: all banks."""


class Command(enum.Enum, shape=3):
    """What the pins /RAS, /CAS and /WE say, the first highest."""

    MODE = 0b000
    REFRESH = 0b001
    PRECHARGE = 0b010
    ACTIVATE = 0b011
    WRITE = 0b100
    READ = 0b101
    NOTHING = 0b111


class SdramPins(wiring.Signature):
    """A chip's pins, from the controller's side; the chip is always selected, its clock on and no byte masked.

    The chip's clock is the controller's, inverted: it takes what the controller set half a cycle before, and what it
    reads is there in the middle of the second cycle after. ``data_out`` counts while ``drive`` is high.
    """

    def __init__(self) -> None:
        super().__init__({
            "command": Out(Command, init=Command.NOTHING),
            "bank": Out(sdram.BANK_BITS),
            "address": Out(sdram.ROW_BITS),
            "data_out": Out(sdram.DATA_PINS),
            "drive": Out(1),
            "data_in": In(sdram.DATA_PINS),
        })


def sdram_members(config: HardwareConfig) -> dict[str, wiring.Member]:
    """The port ``sdram`` of whatever has the core in it, where weights are not in block RAM."""
    return {"sdram": Out(SdramPins())} if config.sdram_weights else {}


def pass_sdram(m: Module, inner: wiring.Component, outer: wiring.Component) -> None:
    """Join that port of ``inner`` to that of ``outer``, where there is one."""
    if "sdram" in inner.signature.members:
        connect(m, inner.sdram, flipped(outer.sdram))


class State(enum.Enum):
    """What comes next, once ``rest`` cycles are over."""

    CLOSE_FIRST = 0
    REFRESH_FIRST = 1
    SET_MODE = 2
    IDLE = 3
    READ = 4
    WRITE = 5
    CLOSE = 6
    REFRESH = 7


class SdramController(wiring.Component):
    """Words of ``golden.spec.sdram`` in a chip, ``columns`` columns of it each.

    ``write``: a pulse with ``write_word`` and ``write_data`` writes a word; not while ``filling``, which is high until
    its last column is written, until a fetch has read its last column, and from reset on until the chip is ready. A
    pulse of ``fetch`` with ``first`` and ``count``, not while ``filling``, reads so many words from that one on, in the
    cycles of ``golden.spec.sdram.arrivals``, counted from the pulse: ``coming`` is high, and two cycles later ``word``
    is there for one cycle. ``abort`` ends a fetch; one that begins FETCH_LEAD - 8 (4) cycles later has its own cycles
    again. Refreshes come by themselves.
    """

    open_cycles = sdram.ACTIVATE_CYCLES

    def __init__(self, config: HardwareConfig) -> None:
        self.columns = sdram.word_columns(config)
        self.stride = sdram.word_stride(config)
        self.visit = sdram.visit_words(config)
        super().__init__({
            "write": In(1),
            "write_word": In(REGISTER_BITS),
            "write_data": In(self.columns * sdram.DATA_PINS),
            "filling": Out(1),
            "fetch": In(1),
            "first": In(REGISTER_BITS),
            "count": In(COUNT_BITS),
            "abort": In(1),
            "coming": Out(1),
            "word": Out(self.columns * sdram.DATA_PINS),
            "pins": Out(SdramPins()),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.state = Signal(State)
        self.rest = Signal(range(sdram.POWER_UP_CYCLES), init=sdram.POWER_UP_CYCLES - 1)
        self.first_refreshes = Signal(range(sdram.FIRST_REFRESHES), init=sdram.FIRST_REFRESHES - 1)
        self.age = Signal(range(sdram.IDLE_CYCLES + 1))     # cycles since the last refresh, up to IDLE_CYCLES
        self.unwritten = Signal(init=1)                     # a word waits to be written, or the chip is not ready
        self.target = Signal(REGISTER_BITS, reset_less=True)     # where to
        self.kept = Signal(len(self.write_data), reset_less=True)
        self.position = Signal(REGISTER_BITS, reset_less=True)   # word that is read next
        self.left = Signal(COUNT_BITS)                      # words of the fetch that are still to be read
        self.column = Signal(range(max(2, self.columns)), reset_less=True)
        self.lead = Signal(range(sdram.FETCH_LEAD))
        m.d.comb += self.filling.eq(self.unwritten | (self.left != 0))
        m.d.sync += [self.pins.command.eq(Command.NOTHING), self.pins.drive.eq(0), self.coming.eq(0)]
        with m.If(self.age != sdram.IDLE_CYCLES):
            m.d.sync += self.age.eq(self.age + 1)
        with m.If(self.rest != 0):
            m.d.sync += self.rest.eq(self.rest - 1)
        with m.Else(), m.Switch(self.state):
            self.start_up(m)
            self.idle(m)
            self.read(m)
            self.write_columns(m)
            self.close(m)
        self.take(m)
        self.gather(m)
        return m

    def do(self, m: Module, command: Command, cycles: int, following: State, address: Value | int = 0) -> None:
        """A command on the pins, and the state that acts so many cycles after this one."""
        m.d.sync += [self.pins.command.eq(command), self.pins.address.eq(address), self.rest.eq(cycles - 1),
                     self.state.eq(following)]

    def take(self, m: Module) -> None:
        """Stage 1: what is asked for."""
        with m.If(self.lead != 0):
            m.d.sync += self.lead.eq(self.lead - 1)
        with m.If(self.write):
            m.d.sync += [self.unwritten.eq(1), self.target.eq(self.write_word), self.kept.eq(self.write_data)]
        with m.If(self.fetch):
            m.d.sync += [self.position.eq(self.first), self.left.eq(self.count), self.lead.eq(sdram.FETCH_LEAD - 1)]
        with m.If(self.abort):
            m.d.sync += self.left.eq(0)

    def start_up(self, m: Module) -> None:
        """Once after reset."""
        with m.Case(State.CLOSE_FIRST):
            self.do(m, Command.PRECHARGE, sdram.PRECHARGE_CYCLES, State.REFRESH_FIRST, CLOSE_ALL)
        with m.Case(State.REFRESH_FIRST):
            m.d.sync += self.first_refreshes.eq(self.first_refreshes - 1)
            self.do(m, Command.REFRESH, sdram.REFRESH_CYCLES, State.REFRESH_FIRST)
            with m.If(self.first_refreshes == 0):
                m.d.sync += self.state.eq(State.SET_MODE)
        with m.Case(State.SET_MODE):
            self.do(m, Command.MODE, sdram.MODE_CYCLES, State.IDLE, sdram.MODE)
            m.d.sync += [self.pins.bank.eq(0), self.unwritten.eq(0)]

    def place(self, word: Value) -> tuple[Value, Value, Value]:
        """Bank, row and column of the column of a word that is next."""
        column = self.column[:self.stride.bit_length() - 1]
        whole = Cat(column, word, Const(0, sdram.COLUMN_BITS + sdram.BANK_BITS + sdram.ROW_BITS))
        bank = whole[sdram.COLUMN_BITS:][:sdram.BANK_BITS]
        return bank, whole[sdram.COLUMN_BITS + sdram.BANK_BITS:][:sdram.ROW_BITS], whole[:sdram.COLUMN_BITS]

    def open_row(self, m: Module, following: State, word: Value) -> None:
        """Begin a visit."""
        bank, row, _ = self.place(word)
        self.do(m, Command.ACTIVATE, self.open_cycles, following, row)
        m.d.sync += [self.pins.bank.eq(bank), self.column.eq(0)]

    def idle(self, m: Module) -> None:
        """No row is open: a visit of a fetch, a refresh, or a write."""
        with m.Case(State.IDLE):
            with m.If(self.left != 0):
                with m.If(self.lead == 0):
                    self.open_row(m, State.READ, self.position)
            with m.Elif(self.is_due()):
                self.refresh(m)
            with m.Elif(self.unwritten):
                self.open_row(m, State.WRITE, self.target)

    def is_due(self) -> Value:
        """An idle controller refreshes now."""
        return self.age == sdram.IDLE_CYCLES

    def visit_ends(self) -> Value:
        """The word that is read is its visit's last."""
        return self.position[:(self.visit - 1).bit_length()] == self.visit - 1

    def refresh(self, m: Module) -> None:
        """A refresh; all rows are closed."""
        self.do(m, Command.REFRESH, sdram.REFRESH_CYCLES, State.IDLE)
        m.d.sync += self.age.eq(0)

    def read(self, m: Module) -> None:
        """A column a cycle until the visit or the fetch ends."""
        is_last_column = self.column == self.columns - 1
        ends = (self.left == 1) | self.visit_ends()
        with m.Case(State.READ):
            with m.If(self.left == 0):                  # an abort came meanwhile: the row must stay open for its time
                m.d.sync += [self.rest.eq(sdram.LAST_COLUMN_CYCLES + 1), self.state.eq(State.CLOSE)]
            with m.Else():
                self.next_column(m, Command.READ, self.position, is_last_column)
                with m.If(is_last_column):
                    m.d.sync += [self.position.eq(self.position + 1), self.left.eq(self.left - 1), self.coming.eq(1)]
                    with m.If(ends):
                        m.d.sync += [self.rest.eq(sdram.LAST_COLUMN_CYCLES - 1), self.state.eq(State.CLOSE)]

    def next_column(self, m: Module, command: Command, word: Value, is_last_column: Value) -> None:
        """A column of the open row; the next one is that behind it, or the next word's first."""
        _, _, column = self.place(word)
        m.d.sync += [self.pins.command.eq(command), self.pins.address.eq(column),
                     self.column.eq(Mux(is_last_column, 0, self.column + 1))]

    def write_columns(self, m: Module) -> None:
        """A word's columns."""
        is_last_column = self.column == self.columns - 1
        parts = Array(self.kept.word_select(part, sdram.DATA_PINS) for part in range(self.columns))
        with m.Case(State.WRITE):
            self.next_column(m, Command.WRITE, self.target, is_last_column)
            m.d.sync += [self.pins.data_out.eq(parts[self.column]), self.pins.drive.eq(1)]
            with m.If(is_last_column):
                m.d.sync += [self.rest.eq(sdram.LAST_COLUMN_CYCLES - 1), self.state.eq(State.CLOSE)]
                m.d.sync += self.unwritten.eq(0)

    def close(self, m: Module) -> None:
        """The end of a visit, which refreshes."""
        with m.Case(State.CLOSE):
            self.do(m, Command.PRECHARGE, sdram.PRECHARGE_CYCLES, State.REFRESH, CLOSE_ALL)
        with m.Case(State.REFRESH):
            self.refresh(m)

    def gather(self, m: Module) -> None:
        """Stages 2 and 3: what the chip gives, the newest column highest."""
        columns = Signal(len(self.word), reset_less=True)
        m.d.sync += columns.eq(Cat(columns, self.pins.data_in)[sdram.DATA_PINS:])
        m.d.comb += self.word.eq(columns)
