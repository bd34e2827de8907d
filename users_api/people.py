"""Generates people: the same seed, page and position always give the same person."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b, md5, sha1, sha256
from string import ascii_uppercase
from typing import TypeVar

from mimesis import Address, Gender, Locale, Person
from mimesis.datasets.int.person import USERNAMES
from mimesis.random import Random

from users_api.contract import FIELDS, Query
from users_api.nationalities import NATIONALITIES, TIMEZONES, Nationality

PORTRAITS = "https://randomuser.me/api/portraits"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The ranges of the real generator, in milliseconds since the epoch: it counts from a fixed instant
# and not from the clock, so that a seed means the same people for ever. Only ages follow the clock.
LATEST_MS = 1_653_344_189_000
EARLIEST_BIRTH_MS = -800_000_000_000
LATEST_BIRTH_MS = LATEST_MS - 21 * 365 * 86_400_000
EARLIEST_REGISTRATION_MS = 1_016_688_461_000

JsonObject = dict[str, object]
T = TypeVar("T")


@dataclass(frozen=True)
class _Locality:
    person: Person
    address: Address


class People:
    """A population. ``people_seed`` chooses which one: two servers with the same one agree.

    Not for use by several threads: all providers draw from one generator, which is reseeded for
    each person (6 µs, where building the providers anew would cost 2 ms).
    """

    def __init__(self, people_seed: str = "") -> None:
        self._people_seed = people_seed
        self._random = Random()
        self._localities: dict[Locale, _Locality] = {
            locale: _Locality(
                Person(locale, random=self._random), Address(locale, random=self._random)
            )
            for locale in {nationality.locale for nationality in NATIONALITIES.values()}
        }

    def of(self, query: Query, first: int, count: int, today: date) -> Iterator[JsonObject]:
        """The people at positions ``first`` … ``first + count - 1`` of the query's page."""
        for position in range(first, first + count):
            self._random.seed(self._number_of(query.seed, query.page, position))
            person = self._person(query, today)
            if query.fields != FIELDS:
                person = {field: person[field] for field in query.fields}
            yield person

    def _number_of(self, seed: str, page: int, position: int) -> int:
        # "\0" cannot come from a URL's decoded text by accident, so no two triples share a key.
        key = f"{self._people_seed}\0{seed}\0{page}\0{position}".encode(errors="surrogatepass")
        return int.from_bytes(blake2b(key, digest_size=8).digest())

    def _person(self, query: Query, today: date) -> JsonObject:
        code = self._one_of(query.nationalities)
        nationality = NATIONALITIES[code]
        locality = self._localities[nationality.locale]
        gender = query.gender or self._one_of(("male", "female"))
        of_gender = Gender.MALE if gender == "male" else Gender.FEMALE
        first = locality.person.first_name(gender=of_gender)
        last = locality.person.last_name(gender=of_gender)
        username = f"{self._one_of(USERNAMES)}{self._one_of(USERNAMES)}{self._between(100, 1000)}"
        return {
            "gender": gender,
            "name": {
                "title": "Mr" if gender == "male" else self._one_of(("Ms", "Miss", "Mrs")),
                "first": first,
                "last": last,
            },
            "location": self._location(nationality, locality.address),
            "email": f"{_mailbox(first, last) or username.lower()}@example.com",
            "login": self._login(username),
            "dob": self._moment(EARLIEST_BIRTH_MS, LATEST_BIRTH_MS, today),
            "registered": self._moment(EARLIEST_REGISTRATION_MS, LATEST_MS, today),
            "phone": self._filled(nationality.phone),
            "cell": self._filled(nationality.phone),
            "id": self._document(nationality),
            "picture": self._picture(gender),
            "nat": code,
        }

    def _location(self, nationality: Nationality, address: Address) -> JsonObject:
        rng = self._random
        offset, description = self._one_of(TIMEZONES)
        return {
            "street": {"number": self._between(1, 10_000), "name": address.street_name()},
            "city": address.city(),
            "state": address.state(),
            "country": nationality.country,
            "postcode": (
                self._between(10_000, 100_000)
                if nationality.postcode is None
                else self._filled(nationality.postcode)
            ),
            "coordinates": {
                "latitude": f"{rng.random() * 180 - 90:.4f}",
                "longitude": f"{rng.random() * 360 - 180:.4f}",
            },
            "timezone": {"offset": offset, "description": description},
        }

    def _login(self, username: str) -> JsonObject:
        rng = self._random
        password = self._one_of(USERNAMES)
        salt = f"{rng.getrandbits(32):08x}"
        secret = f"{password}{salt}".encode()
        return {
            "uuid": _uuid4(rng.getrandbits(128)),
            "username": username,
            "password": password,
            "salt": salt,
            "md5": md5(secret).hexdigest(),
            "sha1": sha1(secret).hexdigest(),
            "sha256": sha256(secret).hexdigest(),
        }

    def _moment(self, earliest_ms: int, latest_ms: int, today: date) -> JsonObject:
        moment = EPOCH + timedelta(milliseconds=self._between(earliest_ms, latest_ms))
        had_anniversary = (today.month, today.day) >= (moment.month, moment.day)
        return {
            "date": f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z",
            "age": today.year - moment.year - (not had_anniversary),
        }

    def _document(self, nationality: Nationality) -> JsonObject:
        if nationality.document is None:
            return {"name": "", "value": None}
        name, mask = nationality.document
        return {"name": name, "value": self._filled(mask)}

    def _filled(self, mask: str) -> str:
        template, digits, letters = _template(mask)
        drawn = str(self._between(10**digits, 2 * 10**digits))[1:]
        return template.format(drawn, [self._one_of(ascii_uppercase) for _ in range(letters)])

    # random.choice and randrange give every value exactly the same chance; for made-up people a
    # fraction of the range is good enough, and takes a quarter of the time.
    def _one_of(self, choices: Sequence[T]) -> T:
        return choices[int(self._random.random() * len(choices))]

    def _between(self, first: int, end: int) -> int:
        return first + int(self._random.random() * (end - first))

    def _picture(self, gender: str) -> JsonObject:
        folder, portraits = ("men", 100) if gender == "male" else ("women", 97)
        file = f"{folder}/{self._between(0, portraits)}.jpg"
        return {
            "large": f"{PORTRAITS}/{file}",
            "medium": f"{PORTRAITS}/med/{file}",
            "thumbnail": f"{PORTRAITS}/thumb/{file}",
        }


def _uuid4(bits: int) -> str:
    """A random UUID's text (RFC 9562, 5.4); uuid.UUID takes five times as long to get there."""
    digits = f"{bits:032x}"
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


@lru_cache(maxsize=256)
def _template(mask: str) -> tuple[str, int, int]:
    """A mask as a format string, with its numbers of digits and letters."""
    template, digits, letters = "", mask.count("#"), mask.count("@")
    for character in mask:
        if character in "#@":
            character = "{0[%d]}" if character == "#" else "{1[%d]}"
            character %= template.count(character[:3])
        template += character
    return template, digits, letters


@lru_cache(maxsize=65_536)
def _plain(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in decomposed if letter.isascii() and letter.isalnum()).lower()


def _mailbox(first: str, last: str) -> str:
    """``first.last`` in ASCII; empty where a name has no Latin letters."""
    plain_first, plain_last = _plain(first), _plain(last)
    return f"{plain_first}.{plain_last}" if plain_first and plain_last else ""
