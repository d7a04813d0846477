"""Names of the ports of a Verilog module, in either style of declaration."""

from __future__ import annotations

import re

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|\(\*.*?\*\)", re.DOTALL)
_PORT = re.compile(
    r"\b(?:input|output|inout)\b"
    r"(?:\s+(?:wire|reg|logic|signed|unsigned))*"
    r"(?:\s*\[[^\]]*\])*"
    r"\s*([A-Za-z_][\w$]*(?:\s*,\s*(?!(?:input|output|inout)\b)[A-Za-z_][\w$]*)*)"
)


def top_level_ports(text: str, top: str) -> list[str]:
    """The ports of module ``top``, in the order of their declaration.

    Raises:
        ValueError: the text holds no such module, or it has no ports.
    """
    text = _COMMENT.sub(" ", text)
    module = re.search(rf"\bmodule\s+\\?{re.escape(top)}(?=[\s(#;])(.*?)\bendmodule\b", text, re.DOTALL)
    if module is None:
        raise ValueError(f"no module {top} in the Verilog")
    names = [name.strip() for match in _PORT.finditer(module[1]) for name in match[1].split(",")]
    if not names:
        raise ValueError(f"module {top} has no ports")
    return list(dict.fromkeys(names))
