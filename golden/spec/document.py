"""The contract as a page for people: ``python -m golden.spec.document > docs/contract.md``.

Everything comes from the modules of ``golden.spec``: their values, docstrings and comments. Only the meaning of
descriptor fields without a comment is told here.
"""

from __future__ import annotations

import argparse
import ast
import enum
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from golden.spec import descriptors, hardware, image, latency, numbers, registers, step
from golden.spec.descriptors import DESCRIPTOR_BITS, FIELDS, OPCODE_BITS, RELOCATABLE, Engine, Opcode
from golden.spec.document_check import check_part
from golden.spec.document_link import link_part
from golden.spec.document_sdram import sdram_part
from golden.spec.hardware import FORMAT_VERSION, HardwareConfig, load_hardware
from golden.spec.registers import ADDRESSES, MEANINGS, REGISTERS, ErrorCode

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG = "configs/default.toml"
CHOICES: dict[tuple[Opcode, str], type[enum.IntEnum]] = {
    (Opcode.LOAD, "source"): descriptors.LoadSource,
    (Opcode.ARRAY, "left_memory"): descriptors.LeftMemory,
    (Opcode.ARRAY, "multiplier_source"): descriptors.MultiplierSource,
    (Opcode.ARRAY, "format"): numbers.Format,
    (Opcode.ARRAY, "destination"): descriptors.Destination,
    (Opcode.NORM, "format"): descriptors.NormFormat,
    (Opcode.PIXEL, "operation"): descriptors.PixelOperation,
    (Opcode.CREDIT, "giver"): Engine,
    (Opcode.CREDIT, "taker"): Engine,
}
"""Fields whose values have names."""

FIELD_MEANINGS: dict[Opcode, dict[str, str]] = {
    Opcode.LOAD: {
        "source": "memory to copy from", "base": "first word in the source", "slot": "slot of the weight tile to fill",
        "rows": "words for the slot, without the parameters; 0 with `parameters` 0 is an empty load",
        "parameters": f"1: the first {numbers.PARAMETER_ROWS} words are the slot's multipliers and biases",
    },
    Opcode.ARRAY: {
        "fence": "1: wait until no group is in flight and every result is written",
        "skip": "1: channels that are zero take no cycle",
        "count": "iterations (groups of `lanes` tokens, or tiles of one group); 0 only passes signals on",
        "words": "words of a dot product, in one nibble plane",
        "nibble_passes": "1: int8 times 8-bit weights, in four passes",
        "left_memory": "memory of the left operand", "left_signed": "1: the left operand is int4, 0: uint4",
        "left_base": "first word of the first iteration's first token",
        "left_step": "words from one iteration to the next",
        "lane_stride": "words from one token to the next", "slot": "slot of the weight tile that is used",
        "tile_step": "rows of the slot from one iteration to the next",
        "multiplier_source": "what the sums are multiplied with", "multiplier": "the multiplier for CONSTANT",
        "shift": "right shift after the multiplication; for ROW the row's exponent is added",
        "row_slot": "half of the score memory and of the row scales", "format": "what the result saturates to",
        "destination": "where the result goes", "destination_base": "word of the first iteration's first token",
        "destination_step": "words from one iteration to the next; for keys from one `width` tokens to the next",
        "vector_stride": "words from one token's result to the next",
        "split": "1: the split table says which channels the dense lanes multiply; 0: none",
        "split_base": "split table's entry of the first line of a token",
        "detect": "1: count the non-zero channels of the first token of every group; where `left_step` is 0, of the "
                  "first group alone",
        "decide": "1, with `count` 0: renew the `words` entries of the split table from `split_base` on by what was "
                  "counted",
        "decide_fixed": "1: by a fixed share of zeros; 0: so that sparse and dense lanes end together",
    },
    Opcode.SOFTMAX: {
        "slot": "half of the score and probability memories", "words": "words of a row of scores",
        "multiplier": "what the reciprocal of each row's sum is multiplied with",
    },
    Opcode.NORM: {
        "count": "groups of `lanes` tokens", "words": "words of a token",
        "residual_base": "first word of the first group in the residual memory",
        "table_base": "first word of gains and biases", "table_groups": "groups that share a table",
        "table_step": "words from one table to the next", "shift": "right shift after the gain",
        "bias_shift": "left shift of the bias", "format": "what the result saturates to",
        "destination_base": "first word in the normalised memory",
    },
    Opcode.PIXEL: {
        "operation": "what is done", "step": "word of the step memory", "grid": "tokens along a side of the image",
        "stride": "pixels along a side of a token", "channels": "channels of the image",
        "coordinates": "coordinate channels of a patch", "words": "words of one plane of a patch",
        "draw_noise": "1: draw a value for each pixel, 0: the noise is 0",
        "guided_base": "first word of the guided velocity in the residual memory",
        "unguided_base": "first word of the unguided velocity", "token_stride": "words from one token to the next",
        "destination_base": "first word of the patches in the normalised memory",
    },
    Opcode.SET: {"mask": "bit i: set register i of the half", "upper": "0: registers 0 to 7, 1: registers 8 to 15",
                 "value": "new value of the half's register"},
    Opcode.LOOP: {"count": "how often the body runs, 1 or more"},
    Opcode.END: {"upper": "0: registers 0 to 7, 1: registers 8 to 15",
                 "value": "added to the half's register, modulo its bits"},
    Opcode.EXECUTE: {"address": "descriptor to execute in place of this one"},
    Opcode.CREDIT: {"giver": "engine that gives", "taker": "engine that takes", "count": "how many"},
    Opcode.SYNC: {"step_end": "1: a step of the sampler is over; the core pauses here if the host wants it, and then "
                              "the program ends if the last STEP's update is below its word's `stop_below`"},
}
"""By opcode and field; a number at a field's end is left out."""

STREAM = ("segment's magic, the bytes `HTN1`", "format version", "kind of segment", "fingerprint of the hardware",
          "number of sections")
SECTION = ("memory", "first address", "number of memory words")


def source_of(module: object) -> str:
    """The source of a module."""
    return inspect.getsource(module)


def comments(source: str) -> dict[str, str]:
    """Comment behind each ``Field("name"``, ``name: type = value`` or ``NAME = value`` of a source."""
    found = {}
    for line in source.splitlines():
        match = re.match(r'\s+(?:Field\("(\w+)"[^#]*|(\w+)(?:: int)? = [^#"]+)#\s*(.+)$', line)
        if match:
            found[match[1] or match[2]] = match[3].strip()
    return found


def constants(source: str) -> Iterator[tuple[str, str]]:
    """Name and docstring of each constant and function of a module that has one, in order."""
    body = ast.parse(source).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.FunctionDef):
            yield node.name, one_line(ast.get_docstring(node) or "")
        elif isinstance(node, ast.Assign) and isinstance(following, ast.Expr) \
                and isinstance(following.value, ast.Constant):
            yield node.targets[0].id, one_line(following.value.value)


def one_line(text: str) -> str:
    """The first paragraph on one line, as Markdown code."""
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`")


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """A Markdown table."""
    lines = [list(header), *(list(row) for row in rows)]
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    ruled = [cells[0], ["---"] * len(cells[0]), *cells[1:]]
    return ["| " + " | ".join(line) + " |" for line in ruled] + [""]


def values_of(choice: type[enum.IntEnum]) -> str:
    """Names and values of an enumeration."""
    return ", ".join(f"{member.value} {member.name}" for member in choice)


def field_rows(opcode: Opcode) -> Iterator[tuple[str, str, int, str]]:
    """Bits, name, width and meaning of each field of a descriptor."""
    handshake = comments(source_of(descriptors))
    position = OPCODE_BITS
    for field in FIELDS[opcode]:
        span = f"{position}" if field.bits == 1 else f"{position} to {position + field.bits - 1}"
        position += field.bits
        owner = field.name.removesuffix("_register")
        if owner != field.name and owner in RELOCATABLE[opcode]:
            meaning = f"register r - 1 is added to `{owner}`; 0 adds nothing"
        elif field in descriptors.HANDSHAKE:
            meaning = handshake[field.name]
        else:
            meaning = FIELD_MEANINGS[opcode][field.name.rstrip("0123456789")]
        choice = CHOICES.get((opcode, field.name))
        meaning += f": {values_of(choice)}" if choice else ""
        yield span, f"`{field.name}`", field.bits, meaning + (" (signed)" if field.signed else "")


def descriptor_part() -> list[str]:
    """The descriptor set."""
    told = {opcode.name: f"engine {opcode.name}" for opcode in Opcode} | comments(inspect.getsource(Opcode))
    lines = ["## Descriptors", "", f"A descriptor has {DESCRIPTOR_BITS} bits; bits 0 to {OPCODE_BITS - 1} are its "
             "opcode, and bits that no field names are 0. There are "
             f"{descriptors.REGISTERS} registers of {hardware.REGISTER_BITS} bits and {descriptors.LOOP_LEVELS} levels "
             f"of loops. A mask of engines has a bit for each: {values_of(Engine)}. A sum of field and register that "
             "does not fit the field stops the core.", ""]
    lines += table(["opcode", "name", "what it does"],
                   ((opcode.value, f"`{opcode.name}`", told[opcode.name]) for opcode in Opcode))
    for opcode in Opcode:
        if FIELDS[opcode]:
            lines += [f"### {opcode.name}", "", *table(["bits", "field", "width", "meaning"], field_rows(opcode))]
    lines += ["### Values", ""]
    choices = dict.fromkeys(CHOICES.values())
    rows = []
    for choice in choices:
        if choice is not Engine:
            told = comments(inspect.getsource(choice))
            rows += [(f"`{choice.__name__}`", member.value, f"`{member.name}`", told.get(member.name, ""))
                     for member in choice]
    return [*lines, *table(["kind", "value", "name", "meaning"], rows)]


def step_part() -> list[str]:
    """The word of the step memory."""
    first, formulas, last = step.__doc__.split("\n\n")
    slots = ((f"{step.STEP_SLOT_BITS * place} to {step.STEP_SLOT_BITS * place + field.bits - 1}", f"`{field.name}`",
              field.bits, field.meaning + (" (signed)" if field.signed else ""))
             for place, field in enumerate(step.STEP_FIELDS))
    return ["## Step word", "", one_line(first), "", *formulas.splitlines(), "", one_line(last), "",
            f"A coefficient has {numbers.STEP_FRACTION_BITS} fraction bits. The update is the sum over pixels of "
            f"|clean' - clean|, and saturates at {step.UPDATE_BITS} bits. Bits that no field names do not count.", "",
            *table(["bits", "field", "width", "meaning"], slots)]


def register_part() -> list[str]:
    """Register map and error codes."""
    lines = ["## Registers", "", f"An address is the number of a register and has {registers.ADDRESS_BITS} "
             f"bits; a register has {registers.DATA_BITS}. A counter counts with {registers.COUNTER_BITS} bits.", ""]
    lines += table(["address", "name", "access", "meaning"],
                   ((ADDRESSES[r.name], f"`{r.name}`", r.access.value, r.description) for r in REGISTERS))
    lines += ["## Errors", "", "`ERROR` holds the code of the first error since the last start or clear.", ""]
    return lines + table(["code", "name", "meaning", "what to do"],
                         ((code.value, f"`{code.name}`", *MEANINGS[code]) for code in ErrorCode))


def image_part(config: HardwareConfig) -> list[str]:
    """Program image."""
    lines = ["## Program image", "", *(" ".join(paragraph.split()) for paragraph in image.__doc__.split("\n\n")[1:]),
             "", "### Segment", ""]
    rows = [(number, meaning) for number, meaning in enumerate(STREAM)]
    rows += [(f"+{number}", f"of each section: {meaning}") for number, meaning in enumerate(SECTION)]
    rows += [(f"+{len(SECTION)} on", "the section's memory words, low 32 bits first"),
             ("last", "CRC-32 (ISO-HDLC) of every word before")]
    assert (len(STREAM), len(SECTION)) == (image.HEADER_WORDS, image.SECTION_HEADER_WORDS)
    lines += table(["word", "meaning"], rows)
    lines += [f"Format version: {FORMAT_VERSION}. Kinds: {values_of(image.Kind)}.", ""]
    shapes = config.memory_shapes
    lines += table(["memory", "name", "bits of a word", "32-bit words for it"],
                   ((memory.value, f"`{memory.name}`", shapes[memory.name.lower()][1],
                     image.stream_words(shapes[memory.name.lower()][1])) for memory in image.Memory))
    return [*lines, "### File", "", *table(["bytes", "meaning"], [
        (f"0 to {len(image.FILE_MAGIC) - 1}", f"`{image.FILE_MAGIC.decode()}`"),
        (f"{len(image.FILE_MAGIC)} to {len(image.FILE_MAGIC) + image.WORD_BYTES - 1}",
         "bytes of the manifest, little-endian"),
        ("next", "manifest in JSON; its `segments` list role, name, offset, size and SHA-256 of each segment"),
        ("rest", "the segments, one behind the other"),
    ])]


def memory_part(config: HardwareConfig) -> list[str]:
    """Memories of a configuration."""
    told = comments(inspect.getsource(HardwareConfig))
    names = {"tile": "slots", "probability": "score_words", "split": "split_lines", "clean": "pixel_words"}
    rows = []
    for name, (depth, bits) in config.memory_shapes.items():
        rows.append((f"`{name}`", depth, bits, depth * bits, told[names.get(name, f"{name}_words")]))
    lines = [f"## Memories of `{CONFIG}`", "", f"{config.lanes} lanes, {config.width} channels a word, "
             f"{config.multipliers} multipliers, accumulators of {config.accumulator_bits} bits, fingerprint "
             f"`{config.fingerprint:08x}`. The tile memory is built once for each lane, the residual memory twice, and "
             f"the left operands' memories have {config.line_words} banks.", ""]
    lines += table(["memory", "words", "bits of a word", "bits", "holds"], rows)
    total = f"Together {sum(row[3] for row in rows):,} bits, check bits left out."
    return [*lines, total, "", *check_part(), *sdram_part()]


def latency_part(config: HardwareConfig) -> list[str]:
    """Latencies that RTL and timing model share."""
    rows = []
    for name, told in constants(source_of(latency)):
        value = getattr(latency, name)
        if callable(value):
            alone = list(inspect.signature(value).parameters) == ["config"]
            shown, name = (value(config) if alone else ""), f"{name}()"
        else:
            shown = value
        rows.append((f"`{name}`", shown, told))
    return ["## Latencies", "", f"In cycles; a function of the configuration alone is given for `{CONFIG}`, and one "
            "of more has no value here. They are defined in `golden/spec/latency.py`.", "",
            *table(["name", "value", "meaning"], rows)]


def document() -> str:
    """The whole page."""
    config = load_hardware(REPOSITORY / CONFIG)
    lines = ["# The contract", "", "Generated by `python -m golden.spec.document > docs/contract.md`; change "
             "`golden/spec/`, not this page.", "", *descriptor_part(), *step_part(), *register_part(),
             *link_part(table), *image_part(config), *memory_part(config), *latency_part(config)]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Print the page."""
    argparse.ArgumentParser(prog="python -m golden.spec.document", description=__doc__).parse_args()
    sys.stdout.write(document())


if __name__ == "__main__":
    main()
