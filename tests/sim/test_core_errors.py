"""The whole core under bad images and programs."""

import pytest

from golden.compile.compiler import compile_checkpoint
from golden.integer.evaluate import sample
from golden.model import checkpoint, zoo
from golden.spec.hardware import load_hardware
from sim import runner
from sim.core import build_core
from sim.job import JOB_VARIABLE, Job
from sim.recorder import TOP
from sim.units import config_file

SEED, LABEL = 11, "boot"


@pytest.fixture(scope="module", params=["small", "small_sdram"])
def config(request):
    """Weights in block RAM, and in an SDRAM."""
    return request.param


@pytest.fixture(scope="module")
def job(tmp_path_factory, config):
    """One step of tiny on the configuration, with the reference's pixels beside it."""
    folder = tmp_path_factory.mktemp("errors")
    source = checkpoint.load(zoo.checkpoint_path("tiny"))
    compiled = compile_checkpoint(source, load_hardware(config_file(config)), steps=1, guidance=1.0)
    compiled.write(folder / "image.htn")
    *_, last = sample(compiled.model, compiled.contexts(LABEL), compiled.plan, SEED)
    (folder / "expected.txt").write_text(" ".join(str(value) for value in last.clean.ravel()), encoding="utf-8")
    return Job(str(folder / "image.htn"), LABEL, SEED, last.image.size, str(folder), rest_cycles=2000, polls=100)


def run(job, config, testcase):
    """One bench on the core."""
    build = build_core(config_file(config))
    runner.run("sim.bench_core_errors", TOP, build, testcase=testcase, name=f"core-errors-{testcase}",
               env={JOB_VARIABLE: str(job.write()), "HALFTONE_BENCH_CONFIG": config})


@pytest.mark.parametrize("testcase", ["damaged_segments", "bad_programs", "hung_programs"])
def test_a_fault_ends_in_its_error_code_and_no_image(job, config, testcase):
    run(job, config, testcase)


def test_images_of_a_segment_reach_their_memories(job, config):
    run(job, config, "loaded_images")
