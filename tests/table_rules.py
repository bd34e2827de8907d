"""Sections of pipeline.toml for tables of the tests: the stream reads them when it starts."""

import json

TABLE_RULES = {
    "types.instants": {"timestamps": "micros"},
    "public.E2E_People": {
        "target": "People_Of_E2E",
        "clustering_key": ["no"],
        "exclude": ["secret"],
        "rename": {"joined": "Joined At", "full name": "Full Name"},
        "mask": {
            "email": "hash",
            "salary": "hash",
            "photo": "hash",
            "phone": "redact",
            "post_code": "truncate:3",
        },
    },
    "public.e2e_moving": {
        "target": "e2e_by_city",
        "partition_key": ["city"],
        "clustering_key": ["at", "id"],
        "columns": ["id", "city", "at", "note", "document"],
        "timestamps": "micros",
    },
    "public.e2e_traced": {
        "target": "e2e_traced_by_name",
        "exclude": ["secret"],
        "rename": {"amount": "Amount due"},
        "mask": {"name": "hash", "email": "hash", "phone": "redact", "post_code": "truncate:2"},
    },
    "public.e2e_counted": {"mask": {"owner": "redact"}},
}
AGGREGATES = {
    "e2e_by_area_and_kind": {
        "table": "public.e2e_counted",
        "group_by": {"area": "first(city, 2)", "kind": "kind"},
    },
    "e2e_by_owner": {"table": "public.e2e_counted", "group_by": {"owner": "owner"}},
}
ENVIRONMENT = {
    "WALFLOW_TABLES": json.dumps(TABLE_RULES),
    "WALFLOW_AGGREGATES": json.dumps(AGGREGATES),
}
"""Overrides of a stack whose stream is to have them."""
