"""The mutator: every kind of fault is made, one at a time, and none while none is selected."""

import random

import pytest
from amaranth.hdl import Array, Cat, Fragment, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from golden.spec.hardware import load_hardware
from rtl.mutants.__main__ import live_of, mutants_of
from rtl.mutants.plant import Walk
from rtl.mutants.sampling import choose, group
from sim import seed as seeds
from sim.units import config_file

CYCLES = 200
KINDS = {"off by one", "comparison", "operands", "arithmetic", "logic", "condition", "constant", "dropped clear",
         "dropped assignment", "stuck bit", "handshake", "table"}


class Toy(wiring.Component):
    """Something of everything that can be mutated, and a signal on which nothing hangs."""

    a: In(4)
    b: In(4)
    clear: In(1)
    sums: Out(5)
    chosen: Out(4)
    looked_up: Out(5)
    count: Out(3)
    valid: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        dead = Signal(8)
        m.submodules.rom = rom = memory.Memory(shape=5, depth=12, init=range(8, 20))
        read = rom.read_port(domain="comb")
        m.d.comb += [
            dead.eq(self.a + self.b),
            self.sums.eq(Mux(self.a > self.b, self.a - self.b, self.a + self.b)),
            self.chosen.eq(Array([self.a, self.b, Cat(self.b[2:], self.a[:2]), ~self.a])[self.b[:2]]),
            read.addr.eq(Mux(self.a < 12, self.a, 1)),
            self.looked_up.eq(read.data),
            self.valid.eq((self.count != 2) & self.a.any()),
        ]
        m.d.sync += self.count.eq(self.count + 1)
        with m.If(self.clear):
            m.d.sync += self.count.eq(0)
        return m


@pytest.fixture(scope="module")
def stimuli():
    """Inputs of every cycle."""
    generator = random.Random(seeds.seed())
    return [(generator.randrange(16), generator.randrange(16), generator.random() < 0.1) for _ in range(CYCLES)]


def listed():
    toy = Toy()
    fragment = Fragment.get(toy, None)
    walk = Walk(Signal(name="mutant"), live_of(toy, fragment))
    walk.unit(fragment)
    return walk.found


def outputs(stimuli, select, plan):
    """What the toy shows in every cycle with this mutant awake; ``plan`` None: as it is written."""
    toy = Toy()
    fragment = Fragment.get(toy, None)
    port = Signal(range(len(plan or ()) + 1), name="mutant")
    if plan is not None:
        Walk(port, live_of(toy, fragment), plan).unit(fragment)
    seen = []

    async def drive(context):
        if plan is not None:
            context.set(port, select)
        for a, b, clear in stimuli:
            context.set(toy.a, a)
            context.set(toy.b, b)
            context.set(toy.clear, int(clear))
            await context.delay(1e-9)
            seen.append(tuple(context.get(value) for value in
                              (toy.sums, toy.chosen, toy.looked_up, toy.count, toy.valid)))
            await context.tick()

    top = Module()
    top.submodules.toy = fragment
    if plan is not None:
        keep = Signal.like(port)
        top.d.comb += keep.eq(port)
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.run()
    return seen


def test_every_kind_of_fault_is_made_and_each_has_a_name_of_its_own():
    found = listed()
    assert {mutant.operator for mutant in found} == KINDS
    assert len({mutant.key for mutant in found}) == len(found)


def test_nothing_changes_while_no_mutant_is_selected_and_each_one_changes_something(stimuli):
    plan = {number: number + 1 for number in range(len(listed()))}
    as_written = outputs(stimuli, 0, None)
    assert outputs(stimuli, 0, plan) == as_written
    found = listed()
    same = [found[number].key for number, select in plan.items() if outputs(stimuli, select, plan) == as_written]
    # The toy's valid has nothing that is redundant, nor has anything else in it.
    assert not same


def test_what_nothing_hangs_on_and_what_the_bench_adds_is_not_mutated():
    assert not any("dead" in mutant.target for mutant in listed())
    found = mutants_of("softmax", load_hardware(config_file("small")))
    assert {mutant.path.split(".")[1] for mutant in found} == {"engine"}
    assert not any(mutant.source.startswith("rtl/bench") for mutant in found)


def test_the_same_seed_chooses_the_same_and_the_choice_is_spread_evenly():
    found = listed()
    assert choose(found, 20, 5) == choose(found, 20, 5) != choose(found, 20, 6)
    groups = {group(mutant) for mutant in found}
    assert {group(found[number]) for number in choose(found, len(groups), 5)} == groups
    assert choose(found, 10_000, 5) == list(range(len(found)))
