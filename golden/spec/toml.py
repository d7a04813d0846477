"""Configuration tables of TOML files."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from golden.spec.validation import ConfigError, excerpt, require, require_file_name


def read_table(path: Path, name: str, kind: type) -> Any:
    """``kind`` (a configuration dataclass) from table ``name`` of a file; without a name of its own, the file's.

    Raises ``ConfigError`` with one sentence for a file that cannot be read, a missing table, an unknown key or a
    missing one; ``kind`` itself checks the values.
    """
    path = Path(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"configuration {path} cannot be read: {error.strerror}; "
                          "give the path of a TOML file") from None
    except (ValueError, RecursionError) as error:      # also an integer of too many digits, and tables too deep
        raise ConfigError(f"configuration {path} is not TOML: {error}") from None
    section = document.get(name)
    require(isinstance(section, dict), f"configuration {path} has no [{name}] table; add one")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(section) - set(fields))
    require(not unknown, f"configuration {path} sets {name}.{excerpt(''.join(unknown[:1]))}, which does not exist; "
                         f"expected one of {', '.join(sorted(fields))}")
    values = {"name": path.stem, **section}
    missing = [key for key, field in fields.items() if key not in values
               and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING]
    require(not missing, f"configuration {path} does not set {name}.{missing[0] if missing else ''}; add it")
    require_file_name(f"{name}.name", values["name"])
    return kind(**values)
