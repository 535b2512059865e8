"""Mutations of valid statements, with a fixed seed; nothing but faults may come of them."""

from __future__ import annotations

import random
from pathlib import Path

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.interruption import interruptible
from tests.unit.local.played import Account, spec

ROUNDS = 5000
VALID = [
    f"CREATE SERVICE X IN COMPUTE POOL P FROM SPECIFICATION $$ {spec()} $$ MIN_INSTANCES = 1",
    f"EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = J ASYNC = TRUE REPLICAS = 2 FROM SPECIFICATION '{spec()}'",
    "EXECUTE JOB SERVICE IN COMPUTE POOL P FROM @specs SPEC = 'a.yaml' COMMENT = 'c'",
    "CREATE SERVICE Y IN COMPUTE POOL P FROM SPECIFICATION_TEMPLATE $${{ x | default('y') }}$$ USING (x => '[1]', y => -1.5)",
    "ALTER SERVICE A SET MIN_INSTANCES = 2 MAX_INSTANCES = 3 AUTO_RESUME = TRUE COMMENT = 'x'",
    "ALTER SERVICE IF EXISTS A UNSET COMMENT, MAX_INSTANCES",
    "ALTER COMPUTE POOL P STOP ALL OF TYPE USER, 'notebook'",
    "ALTER COMPUTE POOL P SET BACKUP_INSTANCE_FAMILIES = ('CPU_X64_L') PLACEMENT_GROUP = 'A'",
    "SHOW JOB SERVICES LIKE 'a%' IN COMPUTE POOL p STARTS WITH 'x' LIMIT 5 FROM 'y' OF TYPE USER",
    "SHOW NODES IN COMPUTE POOL P LIKE '%' LIMIT 1",
    "CALL A!SPCS_WAIT_FOR('RUNNING', 1)",
    "SELECT SYSTEM$WAIT_FOR_SERVICES(1, 'A')",
    "SELECT PARSE_JSON(SYSTEM$GET_SERVICE_STATUS('A'))[0], X FROM T WHERE Y = ?",
    "SELECT * FROM TABLE(A!SPCS_GET_LOGS(START_TIME => DATEADD('day', -3, CURRENT_TIMESTAMP()))) WHERE INSTANCE_ID = 0",
    "SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY(RESULT_LIMIT => 5))",
    "CREATE COMPUTE POOL IF NOT EXISTS Q MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_S COMMENT='c'",
    "SHOW SERVICES LIKE 'a%' IN SCHEMA DB.S STARTS WITH 'x' LIMIT 5 FROM 'y'",
    "SELECT SYSTEM$GET_SERVICE_LOGS('A', 0, 'main', 10)",
    "PUT file:///tmp/*.csv @st/a OVERWRITE = TRUE",
    "GRANT USAGE, CREATE SERVICE ON SCHEMA DB.S TO ROLE ACCOUNTADMIN",
    "SELECT * FROM SNOWFLAKE.TELEMETRY.EVENTS WHERE RECORD_TYPE = 'LOG'",
]
PIECES = [
    "'",
    '"',
    "$$",
    ";",
    "--",
    "/*",
    "(",
    ")",
    "=",
    "=>",
    "!",
    "@",
    "\\",
    "?",
    ".",
    ",",
    "é",
    "\n",
    "\0",
    "NULL",
    "IDENTIFIER(",
    "{{",
    "9" * 30,
]


def test_broken_statements_end_in_an_answer_or_a_fault(tmp_path: Path) -> None:
    interruptible("").set()  # nothing waits
    account = Account(tmp_path)
    account.rows("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = CPU_X64_S")
    account.rows(f"CREATE SERVICE A IN COMPUTE POOL P FROM SPECIFICATION $${spec()}$$")
    chance = random.Random(2013)
    answers = faults = 0
    for number in range(ROUNDS):
        text = chance.choice(VALID)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(text) + 1)
            text = text[:at] + chance.choice(PIECES) + text[at + chance.randint(0, 6) :]
        try:
            account.dispatcher.answer(text, ("1",), account.session)
            answers += 1
        except SnowflakeFault:
            faults += 1
        if number % 100 == 0:
            account.step()
    account.store.close()
    interruptible("")
    assert faults > ROUNDS / 4
    assert answers > ROUNDS / 10
