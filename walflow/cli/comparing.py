"""The options that verify and repair have in common."""

from typing import Annotated

import typer

Tables = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TABLE",
        help="Tables of PostgreSQL, as schema.table or, in public, table; all captured ones"
        " without any.",
    ),
]
Keys = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY",
        help='Only the row with this key, once for each row; a composite key as ["DE", 17].',
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="How long to wait, each time, until the stream has applied what was committed.",
    ),
]
MAX_VALUE = 60
"""Characters of a key or value in a table; JSON has all of them."""
