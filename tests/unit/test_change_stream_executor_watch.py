"""When an application that has no executor begins anew."""

from change_stream.executor_watch import PATIENCE_SECONDS, ExecutorWatch


class _Application:
    def __init__(self) -> None:
        self.executors, self.seconds = 0, 0.0
        self.watch = ExecutorWatch(lambda: self.executors, lambda: self.seconds)

    def after(self, seconds: float, executors: int) -> bool:
        self.seconds, self.executors = self.seconds + seconds, executors
        return self.watch.are_lost()


def test_an_executor_that_is_replaced_in_time_is_not_lost() -> None:
    application = _Application()
    assert not application.after(0, executors=1)
    for _ in range(3):
        assert not application.after(PATIENCE_SECONDS, executors=0)
        assert not application.after(1, executors=1)


def test_without_any_for_longer_it_has_lost_them() -> None:
    application = _Application()
    application.after(0, executors=2)
    assert not application.after(PATIENCE_SECONDS, executors=0)
    assert application.after(1, executors=0)


def test_the_first_is_waited_for_as_long_as_it_takes() -> None:
    application = _Application()
    for _ in range(10):
        assert not application.after(PATIENCE_SECONDS, executors=0)
