"""Sequencer against a small interpreter of programs: what is issued, in which order, and how it ends."""

from __future__ import annotations

import cocotb

from golden.spec.descriptors import REGISTER_BITS, WIDTHS, Engine, Opcode, encode
from golden.spec.latency import EARLY_END, FETCH_CYCLES
from sim import seed as seeds
from sim.bench_engine import bench_config, load
from sim.clock import Clock
from sim.coverage.marks import mark_decoded
from sim.sequencer_programs import LEAST_EVENTS, Writer, extreme_programs, failing_programs, interpret

PROGRAMS = 14
LOOP_COUNTS = (1, (1 << WIDTHS[Opcode.LOOP]["count"]) - 1)
PROGRAM_PERIOD = 2           # cycles that a word of the program's memory takes to write
PERIOD = FETCH_CYCLES + 1    # cycles of a descriptor that waits for nothing


class Bench:
    """Runs programs one after another; each begins with a reset."""

    def __init__(self, dut, name):
        self.dut = dut
        self.random = seeds.generator(name)
        self.config = bench_config()
        self.clock = Clock(dut)
        for signal in ("begin_run", "resume", "pause_each_step", "stop", "all_idle", "settled", "load_program__enable"):
            getattr(dut, signal).value = 0
        for engine in Engine:
            getattr(dut, f"issue_{engine.name.lower()}__ready").value = 0

    def events(self):
        """What happens in this cycle."""
        dut = self.dut
        happened = []
        for engine in Engine:
            name = f"issue_{engine.name.lower()}"
            if int(getattr(dut, f"{name}__valid").value) and int(getattr(dut, f"{name}__ready").value):
                happened.append(("issue", int(engine), int(getattr(dut, f"{name}__payload").value)))
        if int(dut.credit.value):
            happened.append(("credit", int(dut.credit_giver.value), int(dut.credit_taker.value),
                             int(dut.credit_count.value)))
        if int(dut.step_end.value):
            happened.append(("step",))
        if int(dut.done.value):
            happened.append(("done",))
        if int(dut.error.value):
            happened.append(("error", int(dut.error_code.value), int(dut.program_counter.value)))
        return happened

    async def load(self, program):
        await load(self.dut, self.clock, "load_program", program, period=PROGRAM_PERIOD)

    async def restart(self):
        self.dut.rst.value = 1
        await self.clock.next_edge()
        self.dut.rst.value = 0
        await self.clock.next_edge()
        self.dut.begin_run.value = 1
        await self.clock.next_edge()
        self.dut.begin_run.value = 0
        return self.clock.cycle

    async def run(self, program, expected, executed, *, ready, pause=False, last_step=None):
        """Compare a run; with everything always ready, every cycle of it too. A wait is bounded.

        ``settled`` is high in the cycle that counts after the last step, and at random where it does not count: it is
        low from the end of every other step to the first cycle after it, pauses included.
        """
        dut, random = self.dut, self.random
        await self.load(program)
        dut.pause_each_step.value = int(pause)
        begun = await self.restart()
        got = []
        finished = []
        paused = 0
        asked = waited = False
        steps, judged = 0, False      # the coming cycle follows the end of a step, or a pause after it
        limit = int((executed + 2) * (PERIOD + 2 / ready + 10 * pause)) + 200
        for _ in range(limit):
            for engine in Engine:
                getattr(dut, f"issue_{engine.name.lower()}__ready").value = int(random.random() < ready)
            dut.all_idle.value = int(random.random() < ready)
            asked = waited and random.random() < 0.2
            dut.resume.value = int(asked)
            dut.settled.value = int(steps == last_step) if judged else random.randrange(2)
            await self.clock.next_edge()
            cycle = self.clock.cycle
            assert not int(dut.fault.value), f"sequencer: cycle {cycle}: fetched past the end"
            happened = self.events()
            got += [(cycle, event) for event in happened]
            if int(dut.progress.value):
                finished.append(cycle)
            steps += ("step",) in happened
            judged = ("step",) in happened or bool(int(dut.paused.value))
            waited = bool(int(dut.paused.value)) and not asked
            if int(dut.paused.value):
                paused += 1
                assert not happened and not int(dut.running.value), f"sequencer: cycle {cycle}: {happened} while paused"
            if happened and happened[-1][0] in ("done", "error"):
                break
        self.compare(expected, [event for _, event in got])
        assert len(finished) == executed, f"sequencer: expected {executed} descriptors executed, got {len(finished)}"
        if ready == 1.0 and not pause:
            early = EARLY_END if last_step is not None else 0
            want = [begun + PERIOD * (number + 1) + (early if event == ("done",) else 0) for number, event in expected]
            assert [cycle for cycle, _ in got] == want, "sequencer: events are not in their cycles"
            assert finished == [begun + PERIOD * (number + 1) for number in range(executed)], "sequencer: gaps"
        steps = sum(event[0] == "step" for _, event in expected)
        assert (paused >= steps) if pause else not paused, "sequencer: pauses"
        interpret(program, last_step, words := [])
        mark_decoded(self.config, words)
        await self.quiet()
        return len(got)

    def compare(self, expected, got):
        for number, ((_, want), have) in enumerate(zip(expected, got, strict=False)):
            assert want == have, f"sequencer: event {number}: expected {want}, got {have}"
        assert len(expected) == len(got), f"sequencer: expected {len(expected)} events, got {len(got)}"

    async def quiet(self):
        """Nothing more happens, whatever is asked."""
        dut = self.dut
        for _ in range(20):
            dut.begin_run.value = self.random.randrange(2)
            dut.resume.value = self.random.randrange(2)
            await self.clock.next_edge()
            assert not self.events() and not int(dut.running.value) and not int(dut.paused.value), \
                f"sequencer: cycle {self.clock.cycle}: goes on after its end"
        dut.begin_run.value = 0
        dut.resume.value = 0


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("ready", "pause"), [(1.0, False), (0.3, False), (0.6, True)]))
async def matches_interpreter(dut, ready, pause):
    """Random programs: every payload, credit and step in order, 4 cycles a descriptor where nothing waits."""
    bench = Bench(dut, f"sequencer {ready} {pause}")
    await bench.clock.start()
    events = 0
    for _ in range(PROGRAMS):
        program, expected, executed = Writer(bench.random, bench.config.program_words).write()
        events += await bench.run(program, expected, executed, ready=ready, pause=pause)
    assert events >= LEAST_EVENTS * PROGRAMS
    dut._log.info(f"sequencer: {events} events equal")


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("ready", "pause"), [(1.0, False), (0.3, False), (0.6, True)]))
async def ends_where_the_image_has_settled(dut, ready, pause):
    """Random programs end after each of their steps, EARLY_END cycles later, whatever would have followed."""
    bench = Bench(dut, f"sequencer settled {ready} {pause}")
    await bench.clock.start()
    ended = 0
    while ended < PROGRAMS:
        program, expected, _ = Writer(bench.random, bench.config.program_words).write()
        steps = sum(event == ("step",) for _, event in expected)
        if not steps:
            continue
        last_step = bench.random.randint(1, steps)
        expected, executed = interpret(program, last_step)
        await bench.run(program, expected, executed, ready=ready, pause=pause, last_step=last_step)
        ended += 1
    dut._log.info(f"sequencer: {ended} programs ended early")


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def illegal_programs_stop(dut):
    """Each ends with its code at its address, and issues nothing of the descriptor that failed."""
    bench = Bench(dut, "sequencer errors")
    await bench.clock.start()
    for program, code in failing_programs(bench.random):
        expected, executed = interpret(program)
        last = expected[-1][1]
        assert last[:2] == (("error", int(code)) if code else ("done",)), f"{last}, {code}"
        await bench.run(program, expected, executed, ready=1.0)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def takes_the_extremes_of_every_field(dut):
    """Every field of every descriptor at its least and at its greatest."""
    bench = Bench(dut, "sequencer extremes")
    await bench.clock.start()
    for program in extreme_programs(bench.config):
        expected, executed = interpret(program)
        assert expected[-1][1] == ("done",), f"{expected[-1]}"
        await bench.run(program, expected, executed, ready=1.0)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(count=LOOP_COUNTS)
async def loops_as_often_as_it_says(dut, count):
    """The shortest and the longest loop, to the cycle."""
    bench = Bench(dut, "sequencer loops")
    await bench.clock.start()
    program = [encode(Opcode.LOOP, {"count": count}), encode(Opcode.END, {}), encode(Opcode.HALT, {})]
    await bench.load(program)
    dut.all_idle.value = 1
    begun = await bench.restart()
    await bench.clock.wait_cycles(PERIOD * (2 + count) - 1)
    assert not bench.events(), f"sequencer: done before {count} rounds"
    await bench.clock.next_edge()
    assert bench.events() == [("done",)] and bench.clock.cycle == begun + PERIOD * (2 + count)
    mark_decoded(bench.config, program)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def stop_ends_it(dut):
    """Told to stop in any cycle, it issues nothing from the next one on."""
    bench = Bench(dut, "sequencer stop")
    await bench.clock.start()
    loop = [encode(Opcode.LOOP, {"count": 4000}), encode(Opcode.LOAD, {}), encode(Opcode.SYNC, {"step_end": 1}),
            encode(Opcode.END, {}), encode(Opcode.HALT, {})]
    await bench.load(loop)
    dut.all_idle.value = 1
    dut.issue_load__ready.value = 1
    for delay in range(1, 30):
        dut.pause_each_step.value = int(delay > 15)
        await bench.restart()
        for _ in range(delay):
            await bench.clock.next_edge()
        dut.stop.value = 1
        await bench.clock.next_edge()
        dut.stop.value = 0
        await bench.quiet()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def faults_past_the_end(dut):
    """An address beyond the program's memory never wraps."""
    bench = Bench(dut, "sequencer bounds")
    await bench.clock.start()
    depth = bench.config.program_words
    for address in (depth, 2 * depth, 4 * depth, (1 << REGISTER_BITS) - 1):
        await bench.load([encode(Opcode.EXECUTE, {"address": address}), encode(Opcode.HALT, {})])
        begun = await bench.restart()
        for _ in range(PERIOD):
            await bench.clock.next_edge()
            assert not int(dut.fault.value)
        await bench.clock.next_edge()
        assert int(dut.fault.value), f"sequencer: no fault for address {address}"
        assert bench.clock.cycle == begun + PERIOD + 1
