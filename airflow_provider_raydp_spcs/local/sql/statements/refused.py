"""What is refused whatever follows: by the real Snowflake as well (SPCS reference 1.1, 2.1), or by this one alone."""

from __future__ import annotations

from typing import Final

from airflow_provider_raydp_spcs.local.errors import syntax_error, unsupported
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Statement, reads

_KINDS: Final = {
    "AGENT": "AGENTS",
    "ALERT": "ALERTS",
    "API INTEGRATION": "API INTEGRATIONS",
    "APPLICATION": "APPLICATIONS",
    "APPLICATION PACKAGE": "APPLICATION PACKAGES",
    "APPLICATION ROLE": "APPLICATION ROLES",
    "AUTHENTICATION POLICY": "AUTHENTICATION POLICIES",
    "CATALOG INTEGRATION": "CATALOG INTEGRATIONS",
    "CONNECTION": "CONNECTIONS",
    "CORTEX SEARCH SERVICE": "CORTEX SEARCH SERVICES",
    "DATABASE ROLE": "DATABASE ROLES",
    "DATASET": "DATASETS",
    "DBT PROJECT": "DBT PROJECTS",
    "DYNAMIC TABLE": "DYNAMIC TABLES",
    "EVENT TABLE": "EVENT TABLES",
    "EXTERNAL FUNCTION": "EXTERNAL FUNCTIONS",
    "EXTERNAL TABLE": "EXTERNAL TABLES",
    "EXTERNAL VOLUME": "EXTERNAL VOLUMES",
    "FAILOVER GROUP": "FAILOVER GROUPS",
    "GATEWAY": "GATEWAYS",
    "GIT REPOSITORY": "GIT REPOSITORIES",
    "HYBRID TABLE": "HYBRID TABLES",
    "ICEBERG TABLE": "ICEBERG TABLES",
    "LISTING": "LISTINGS",
    "MASKING POLICY": "MASKING POLICIES",
    "MATERIALIZED VIEW": "MATERIALIZED VIEWS",
    "MODEL": "MODELS",
    "NETWORK POLICY": "NETWORK POLICIES",
    "NOTEBOOK": "NOTEBOOKS",
    "NOTIFICATION INTEGRATION": "NOTIFICATION INTEGRATIONS",
    "PASSWORD POLICY": "PASSWORD POLICIES",
    "PIPE": "PIPES",
    "PROCEDURE": "",
    "REPLICATION GROUP": "REPLICATION GROUPS",
    "RESOURCE MONITOR": "RESOURCE MONITORS",
    "ROW ACCESS POLICY": "ROW ACCESS POLICIES",
    "SECURITY INTEGRATION": "SECURITY INTEGRATIONS",
    "SEMANTIC VIEW": "SEMANTIC VIEWS",
    "SESSION POLICY": "SESSION POLICIES",
    "SHARE": "SHARES",
    "STORAGE INTEGRATION": "STORAGE INTEGRATIONS",
    "STREAM": "STREAMS",
    "TASK": "TASKS",
}
"""Objects that are not here, and how SHOW names them; empty where it shows that there are none."""
_OTHERS: Final = (
    "ALTER ACCOUNT",
    "CREATE OR REPLACE ROLE",
    "ALTER DATABASE",
    "ALTER FILE FORMAT",
    "ALTER ROLE",
    "ALTER SCHEMA",
    "DESC DATABASE",
    "DESCRIBE DATABASE",
    "DESC EXTERNAL ACCESS INTEGRATION",
    "DESCRIBE EXTERNAL ACCESS INTEGRATION",
    "DESC IMAGE REPOSITORY",
    "DESCRIBE IMAGE REPOSITORY",
    "DESC INTEGRATION",
    "DESCRIBE INTEGRATION",
    "DESC NETWORK RULE",
    "DESCRIBE NETWORK RULE",
    "DESC RESULT",
    "DESCRIBE RESULT",
    "DESC SCHEMA",
    "DESCRIBE SCHEMA",
    "DESC WAREHOUSE",
    "DESCRIBE WAREHOUSE",
    "DROP FUNCTION",
    "EXECUTE ALERT",
    "EXECUTE NOTEBOOK",
    "EXECUTE TASK",
    "SHOW TAGS",
    "SHOW TERSE SERVICES",
    "UNDROP",
)


@reads("CREATE OR REPLACE COMPUTE POOL", "CREATE OR REPLACE SERVICE")
def no_replacing(cursor: Cursor) -> Statement:
    kind = cursor.tokens[3]
    raise syntax_error(kind.start, kind.text)


def _refuse(what: str) -> None:
    @reads(what)
    def refused(cursor: Cursor) -> Statement:
        del cursor
        raise unsupported(what)


for _one, _many in _KINDS.items():
    for _verb in ("CREATE", "CREATE OR REPLACE", "CREATE OR ALTER", "ALTER", "DROP", "DESC", "DESCRIBE"):
        _refuse(f"{_verb} {_one}")
    if _many:
        _refuse(f"SHOW {_many}")
for _form in _OTHERS:
    _refuse(_form)
