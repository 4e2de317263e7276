"""A program, after what a first HTTPS call needs as well: the trust store. Arguments: program, its own."""

import ssl
import sys

ssl.create_default_context()
del sys.argv[0]
with open(sys.argv[0], encoding="utf-8") as file:  # noqa: PTH123 - pathlib's import would be measured
    exec(compile(file.read(), sys.argv[0], "exec"))
