"""What the micro benchmark measures is the stream's own work, the same by both ways."""

from bench.worker_path import _Path, made, streamed


def test_both_ways_bind_the_same_bytes() -> None:
    path = _Path()
    taken = path.read(streamed(made(50), 7))
    interpreted = path.interpret(zip(taken, path.change(taken), strict=True))

    general = [list(statement.values) for statement in path.bind(interpreted)]

    assert [list(statement.values) for statement in path.short(taken)] == general
