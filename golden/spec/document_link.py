"""The serial link's part of the contract's page; ``golden.spec.document`` puts it into its place."""

from __future__ import annotations

from collections.abc import Callable

from golden.spec import link

Table = Callable[[object, object], list[str]]
FIELD_MEANINGS = {
    "sequence": "number of the request, which its answer repeats",
    "code": "a command in a request, an answer in an answer",
    "address": "the register, which the answer repeats",
}


def link_part(table: Table) -> list[str]:
    """Frames, commands, answers, the link's registers and its limits; ``table`` makes a Markdown table."""
    paragraphs = link.__doc__.split("\n\n")[1:]
    lines = ["## Serial link", "", *(part for text in paragraphs for part in (" ".join(text.split()), ""))]
    lines += frame_part(table)
    lines += table(["command", "name", "payload", "meaning"],
                   ((command.value, f"`{command.name}`", *link.COMMANDS[command]) for command in link.Command))
    lines += table(["answer", "name", "meaning"],
                   ((f"{answer.value:#04x}", f"`{answer.name}`", link.ANSWERS[answer]) for answer in link.Answer))
    lines += [f"Addresses from {link.LINK_BASE:#06x} on are the link's own. They can only be read; writes there do "
              "nothing.", ""]
    lines += table(["address", "name", "meaning"],
                   ((f"{link.LINK_ADDRESSES[name]:#06x}", f"`{name}`", text)
                    for name, text in link.LINK_REGISTERS.items()))
    return lines


def frame_part(table: Table) -> list[str]:
    """Header and numbers of a frame."""
    rows, position = [], 0
    for name, bits in link.HEADER_BITS.items():
        rows.append((f"{position} to {position + bits - 1}", f"`{name}`", FIELD_MEANINGS[name]))
        position += bits
    assert position == 8 * link.WORD_BYTES
    return [*table(["bits of the header", "field", "meaning"], rows), *table(["number", "value", "meaning"], [
        ("`FLAG`", f"{link.FLAG:#04x}", "byte before and behind a frame"),
        ("`ESCAPE`", f"{link.ESCAPE:#04x}", "byte before an inverted one"),
        ("`ESCAPE_FLIP`", f"{link.ESCAPE_FLIP:#04x}", "bits of that byte that are inverted"),
        ("`MAX_WORDS`", link.MAX_WORDS, "payload words of the longest frame"),
        ("`BYTE_TIMEOUT_BITS`", link.BYTE_TIMEOUT_BITS,
         "bit times without a byte after which the board forgets a frame that has begun"),
        ("`LEAST_BIT_CYCLES`", link.LEAST_BIT_CYCLES, "clock cycles of the shortest bit"),
        ("`LARGEST_BAUD_ERROR`", link.LARGEST_BAUD_ERROR, "share by which the board's bit may miss the baud rate"),
    ])]
