"""New topics are told once all of them are there, and none because Kafka was away."""

from collections.abc import Iterable

from kafka.errors import KafkaConnectionError

from change_stream.topic_watch import LOOK_SECONDS, Partitions, TopicWatch

USERS = ("cdc.public.created_users", 2)
ORDERS = ("cdc.sales.orders", 2)
ITEMS = ("cdc.sales.items", 2)
AWAY = None


class Watched:
    """A watch to whose looks Kafka gives these answers, one each; then the last again."""

    def __init__(self, *answers: Iterable[tuple[str, int]] | None) -> None:
        self._answers = list(answers)
        self.looks = 0
        self.now = 0.0
        self.watch = TopicWatch(self._look, lambda: self.now)

    def _look(self) -> Partitions:
        self.looks += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            raise KafkaConnectionError
        return frozenset(answer)

    def new(self) -> list[str]:
        self.now += LOOK_SECONDS
        return self.watch.new()


def test_what_was_there_at_the_start_is_not_new() -> None:
    watched = Watched([USERS])
    watched.watch.begin()

    assert [watched.new(), watched.new()] == [[], []]


def test_a_topic_is_told_once_no_more_come() -> None:
    watched = Watched([USERS], [USERS, ORDERS], [USERS, ORDERS, ITEMS], [USERS, ORDERS, ITEMS])
    watched.watch.begin()

    assert [watched.new(), watched.new()] == [[], []]
    assert watched.new() == [ITEMS[0], ORDERS[0]]


def test_partitions_that_were_added_are_new_and_a_topic_that_was_deleted_is_not() -> None:
    more = (USERS[0], 4)
    watched = Watched([USERS, ORDERS], [more], [more])
    watched.watch.begin()

    assert [watched.new(), watched.new()] == [[], [USERS[0]]]


def test_nothing_is_new_to_a_query_that_was_started_after_it_came() -> None:
    watched = Watched([USERS], [USERS, ORDERS])
    watched.watch.begin()
    watched.watch.begin()

    assert [watched.new(), watched.new()] == [[], []]


def test_while_kafka_is_away_nothing_is_new_and_what_came_meanwhile_is_told_afterwards() -> None:
    watched = Watched([USERS], AWAY, [USERS, ORDERS])
    watched.watch.begin()

    assert [watched.new(), watched.new(), watched.new()] == [[], [], [ORDERS[0]]]


def test_without_an_answer_at_the_start_the_first_one_tells_what_is_read() -> None:
    watched = Watched(AWAY, [USERS])
    watched.watch.begin()

    assert [watched.new(), watched.new(), watched.new()] == [[], [], []]


def test_kafka_is_asked_once_in_a_while() -> None:
    watched = Watched([USERS])
    watched.watch.begin()

    watched.now += LOOK_SECONDS / 2
    watched.watch.new()

    assert watched.looks == 1
