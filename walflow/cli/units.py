"""Sizes, durations and rates as a person reads them; - where there is no figure."""

NONE = "-"


def size(count: float | None) -> str:
    """Bytes."""
    if count is None:
        return NONE
    value, units = float(count), ["B", "KiB", "MiB", "GiB"]
    while abs(value) >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def duration(ms: float | None) -> str:
    """Milliseconds, in the unit that fits."""
    if ms is None:
        return NONE
    if ms < 1000:
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    for limit, divisor, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.1f} {unit}"
    return f"{seconds / 86_400:.1f} days"


def rate(per_second: float | None) -> str:
    """Of something counted."""
    if per_second is None:
        return NONE
    return f"{per_second:.0f}/s" if per_second >= 10 or per_second == 0 else f"{per_second:.1f}/s"


def size_rate(bytes_per_second: float | None) -> str:
    return NONE if bytes_per_second is None else f"{size(bytes_per_second)}/s"


def count(number: int | None) -> str:
    return NONE if number is None else f"{number:,}"
