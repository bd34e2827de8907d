"""What is asked of a users API, cut into pages, and what a page is."""

from dataclasses import dataclass, field
from functools import cached_property

from yarl import URL

# randomuser.me's own limits: a larger page or page number is silently taken for 1.
MOST_USERS_A_PAGE = 5000
LAST_PAGE = 10_000


@dataclass(frozen=True)
class Request:
    """What to fetch: ``users`` users of the population that ``seed`` names.

    A page of a seed always holds the same users, so a repeated request fetches the same ones.
    Raises ValueError for a page size or number of users that the API cannot serve.
    """

    url: str
    users: int
    seed: str
    page_size: int = 1000

    def __post_init__(self) -> None:
        if not 1 <= self.page_size <= MOST_USERS_A_PAGE:
            raise ValueError(f"A page holds 1 to {MOST_USERS_A_PAGE} users, not {self.page_size}.")
        if not 1 <= self.users <= self.page_size * LAST_PAGE:
            raise ValueError(
                f"{LAST_PAGE} pages of {self.page_size} users cannot give {self.users} users."
            )

    @property
    def pages(self) -> int:
        """The number of pages; the last one may be a short one."""
        return -(-self.users // self.page_size)

    def users_on(self, page: int) -> int:
        """How many users are asked for on a page, counted from 1."""
        return min(self.page_size, self.users - (page - 1) * self.page_size)

    def url_of(self, page: int) -> str:
        """The address of a page, counted from 1."""
        return f"{self._address}&results={self.users_on(page)}&page={page}"

    @cached_property
    def _address(self) -> str:
        """What all pages have in common; to make it anew takes longer than to send the request."""
        own = URL(self.url).with_fragment(None).without_query_params("results", "page")
        return str(own.update_query({"seed": self.seed}))


@dataclass(frozen=True)
class Page:
    """One page of raw users, as the API sent them."""

    number: int
    users: list[object] = field(repr=False)
