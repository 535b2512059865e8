"""What the fuzz test sends: statements that are nearly right, specifications that are not, values of every kind."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from typing import Any, Final

import yaml
from hypothesis import strategies as st

from airflow_provider_raydp_spcs.local.sql import registry, statements

for _module in pkgutil.iter_modules(statements.__path__, f"{statements.__name__}."):
    importlib.import_module(_module.name)

STARTS: Final = sorted(" ".join(words) for words in registry._PARSERS)
"""How every statement begins that the local Snowflake reads itself; a new one is fuzzed as soon as it is there."""
_IMAGE: Final = "/raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/nothing:1"
_SPEC: Final = f"spec: {{containers: [{{name: a, image: {_IMAGE}}}], endpoints: [{{name: web, port: 80}}]}}"
VALID: Final = (
    f"CREATE SERVICE X IN COMPUTE POOL P FROM SPECIFICATION $${_SPEC}$$ MIN_INSTANCES = 1 MAX_INSTANCES = 1 COMMENT = 'c'",
    f"EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = J ASYNC = TRUE REPLICAS = 1 FROM SPECIFICATION '{_SPEC}'",
    "CREATE SERVICE Y IN COMPUTE POOL P FROM SPECIFICATION_TEMPLATE $$spec: {{ a | default('x') }}$$ USING (a => 1)",
    "CREATE SERVICE Z IN COMPUTE POOL P FROM @ST/dir SPECIFICATION_FILE = '../a.yaml' AUTO_SUSPEND_SECS = 300",
    "ALTER SERVICE X SET MIN_INSTANCES = 1 MAX_INSTANCES = 2 QUERY_WAREHOUSE = W",
    "ALTER SERVICE X SUSPEND",
    "ALTER SERVICE X RESUME",
    "DROP SERVICE IF EXISTS X FORCE",
    "SHOW SERVICES LIKE 'a%' IN SCHEMA RAYDP_SIS_CORE_SCHEMA STARTS WITH 'x' LIMIT 5 FROM 'y'",
    "SHOW SERVICE CONTAINERS IN SERVICE X",
    "SHOW ENDPOINTS IN SERVICE X",
    "CREATE COMPUTE POOL IF NOT EXISTS P MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_S AUTO_RESUME = TRUE",
    "ALTER COMPUTE POOL P SET MAX_NODES = 2 AUTO_SUSPEND_SECS = 60 COMMENT = 'it''s'",
    "ALTER COMPUTE POOL P STOP ALL",
    "DROP COMPUTE POOL IF EXISTS P",
    "DESCRIBE COMPUTE POOL P",
    "SELECT SYSTEM$GET_SERVICE_LOGS('X', 0, 'a', 10)",
    "SELECT SYSTEM$GET_SERVICE_STATUS('X', 0)",
    "CALL SYSTEM$GET_COMPUTE_POOL_STATUS('P')",
    "SELECT * FROM TABLE(X!SPCS_GET_EVENTS())",
    "CREATE OR REPLACE TEMPORARY STAGE ST ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE') DIRECTORY = (ENABLE = TRUE)",
    "PUT 'file:///nowhere/*.csv' '@ST/a b/' OVERWRITE = TRUE PARALLEL = 4",
    "GET @ST/a file:///nowhere/ PATTERN = '.*'",
    "LIST @ST PATTERN = '.*[a-z'",
    "REMOVE @ST/../x",
    "COPY FILES INTO @ST/b FROM @ST/a FILES = ('x')",
    "COPY INTO T FROM @ST FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1) ON_ERROR = CONTINUE",
    "COPY INTO @ST/out FROM (SELECT 1 AS A) FILE_FORMAT = (TYPE = PARQUET) PARTITION BY ('x')",
    "CREATE OR REPLACE TABLE T (A NUMBER(9, 2), B VARCHAR, C VARIANT, D TIMESTAMP_NTZ)",
    "INSERT INTO T SELECT 1, 'b', PARSE_JSON('{}'), CURRENT_TIMESTAMP()",
    "SELECT A, COUNT(*) OVER (PARTITION BY B) FROM T WHERE A IN (1, 2) ORDER BY 1 LIMIT 3",
    "WITH X AS (SELECT 1 AS A) SELECT * FROM X JOIN T USING (A)",
    "SELECT $1, METADATA$FILENAME FROM @ST (FILE_FORMAT => 'F')",
    "CREATE USER IF NOT EXISTS U PASSWORD = 'x' DEFAULT_ROLE = R RSA_PUBLIC_KEY = 'MIIB' DAYS_TO_EXPIRY = 3",
    "ALTER USER U ADD PROGRAMMATIC ACCESS TOKEN T ROLE_RESTRICTION = 'R' DAYS_TO_EXPIRY = 1",
    "ALTER USER U ROTATE PAT T EXPIRE_ROTATED_TOKEN_AFTER_HOURS = 0",
    "GRANT USAGE, MONITOR ON ALL STAGES IN SCHEMA RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA TO ROLE R WITH GRANT OPTION",
    "REVOKE GRANT OPTION FOR READ ON FUTURE STAGES IN DATABASE RAYDP_SIS_DB FROM ROLE R CASCADE",
    "GRANT SERVICE ROLE X!ALL_ENDPOINTS_USAGE TO ROLE R",
    "SHOW GRANTS ON STAGE ST",
    "SHOW FUTURE GRANTS IN SCHEMA RAYDP_SIS_CORE_SCHEMA",
    "CREATE NETWORK RULE N TYPE = HOST_PORT MODE = EGRESS VALUE_LIST = ('a:443')",
    "CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION E ALLOWED_NETWORK_RULES = (N) ENABLED = TRUE",
    "CREATE IMAGE REPOSITORY IF NOT EXISTS I",
    "SHOW IMAGES IN IMAGE REPOSITORY RAYDP_SIS_IMAGE_REPO",
    "ALTER SESSION SET QUERY_TAG = 'x', TIMEZONE = 'UTC'",
    "EXECUTE IMMEDIATE $$BEGIN LET x := 1; RETURN x; END$$",
)
_PIECE: Final = re.compile(r"\$\$.*?\$\$|'(?:[^']|'')*'|\w+|\s+|.", re.DOTALL)
_WORDS: Final = sorted({piece for text in (*VALID, *STARTS) for piece in _PIECE.findall(text) if piece.strip()})
_ODD: Final = (
    "'", '"', "$$", ";", "--", "//", "/*", "*/", "(", ")", ",", ".", "!", "?", ":1", "%s", "@", "@~", "@%T", "\\", "\x00",
    "\ud7ff", "😀", "ﬀ", "0", "-1", "1e400", "9" * 40, "NULL", "IDENTIFIER(?)", "IDENTIFIER('')", "{{", "}}", "=>", "''",
    '""', '"a"".b"', "'\\", "a" * 300, "x'", "..", "file://", "$1", "::", "[", "{",
)  # fmt: skip
# No long waits, no heaps of instances: what is looked for is confusion, not load.
_NUMBERS: Final = st.sampled_from(["0", "1", "2", "-1", "3.5", "1000000000000", "'1'", "TRUE"])
_words = st.one_of(st.sampled_from(_WORDS), st.sampled_from(_ODD), _NUMBERS, st.text(max_size=8))
_TYPES: Final = ("TEXT", "FIXED", "REAL", "BOOLEAN", "DATE", "TIME", "TIMESTAMP_NTZ", "BINARY", "VARIANT", "NONSENSE")


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid statement with a few pieces gone, doubled, exchanged or replaced."""
    pieces = _PIECE.findall(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2, 4)))):
        if not pieces:
            break
        at = draw(st.integers(0, len(pieces) - 1))
        how = draw(st.sampled_from(("drop", "double", "replace", "insert", "swap", "cut")))
        if how == "drop":
            del pieces[at]
        elif how == "cut":
            pieces = pieces[:at]
        elif how == "swap":
            other = draw(st.integers(0, len(pieces) - 1))
            pieces[at], pieces[other] = pieces[other], pieces[at]
        elif how == "double":
            pieces.insert(at, pieces[at])
        else:
            pieces[at : at + (how == "replace")] = [draw(_words)]
    return "".join(pieces)


@st.composite
def begun(draw: st.DrawFn) -> str:
    """The beginning of any statement there is, and any words behind it."""
    return " ".join([draw(st.sampled_from(STARTS)), *draw(st.lists(_words, max_size=8))])


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 70000),
    st.floats(allow_nan=True),
    st.text(max_size=12),
    st.sampled_from([_IMAGE, "a", "web", "1Gi", "500m", "0.5", "@ST", "@ST/..", "../..", "/etc", "/", "memory", "stage", "block",
                     "local", "TCP", "HTTP", "1-2", "2-1", "0600", "0777", "INFO", "system", "${A}", "{{ a }}"]),
)  # fmt: skip
_KEYS: Final = (
    "spec", "serviceRoles", "capabilities", "containers", "container", "endpoints", "volumes", "logExporters", "platformMonitor",
    "name", "image", "command", "args", "env", "readinessProbe", "port", "path", "volumeMounts", "mountPath", "resources",
    "requests", "limits", "cpu", "memory", "nvidia.com/gpu", "sessionTokenConfig", "mountSessionToken", "permission", "secrets",
    "portRange", "public", "protocol", "source", "size", "stageConfig", "uid", "gid", "blockConfig", "eventTableConfig", "logLevel",
    "metricConfig", "groups", "corsSettings", "Access-Control-Allow-Origin", "x",
)  # fmt: skip
_trees = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=12,
)
_HOW: Final = (
    "CREATE SERVICE F IN COMPUTE POOL P FROM SPECIFICATION $${}$$",
    "EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = G ASYNC = TRUE FROM SPECIFICATION $${}$$",
    "ALTER SERVICE X FROM SPECIFICATION $${}$$",
    "CREATE SERVICE F IN COMPUTE POOL P FROM SPECIFICATION_TEMPLATE $${}$$ USING (a => 'b')",
)


@st.composite
def specified(draw: st.DrawFn) -> str:
    """A statement with a specification of known keys in places where they belong, and where they do not."""
    container = {"name": "a", "image": _IMAGE} | draw(st.dictionaries(st.sampled_from(_KEYS), _trees, max_size=2))
    spec: dict[str, Any] = {"containers": [container]}
    spec |= draw(st.dictionaries(st.sampled_from(_KEYS), _trees, max_size=2))
    whole = draw(
        st.sampled_from(
            ({"spec": spec}, {"spec": spec} | draw(st.dictionaries(st.sampled_from(_KEYS), _trees, max_size=1)))
        )
    )
    text = json.dumps(whole) if draw(st.booleans()) else yaml.safe_dump(whole, allow_unicode=draw(st.booleans()))
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(_words) + text[at:]
    return draw(st.sampled_from(_HOW)).replace("{}", text.replace("$$", "$"))


texts = st.one_of(mutated(), mutated(), begun(), specified(), st.text(max_size=60))
_values = st.one_of(
    st.none(), st.text(max_size=12), st.integers(), st.lists(st.text(max_size=4), max_size=3), st.booleans()
)
_bound = st.fixed_dictionaries({"type": st.sampled_from(_TYPES), "value": _values})


@st.composite
def bindings(draw: st.DrawFn) -> dict[str, Any]:
    """Mostly none; else values of ``?`` marks, now and then of no form that any client has."""
    kind = draw(st.integers(0, 19))
    names = st.sampled_from(["1", "2", "3"] if kind < 18 else ["1", "0", "a", ""])
    values = _bound if kind < 19 else st.one_of(_bound, _values)
    return {} if kind < 16 else draw(st.dictionaries(names, values, max_size=3))


ROUTES: Final = (
    "/session/v1/login-request", "/session/token-request", "/session/heartbeat", "/queries/v1/query-request",
    "/queries/v1/abort-request", "/oauth/token", "/api/v2/statements", "/telemetry/send", "/api/v2/statements/x/cancel",
)  # fmt: skip
_json = st.recursive(
    _values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
)
_logins = st.fixed_dictionaries(
    {"data": st.one_of(_json, st.dictionaries(
        st.sampled_from(["LOGIN_NAME", "PASSWORD", "AUTHENTICATOR", "TOKEN", "SESSION_PARAMETERS", "ACCOUNT_NAME"]),
        st.one_of(_json, st.sampled_from(["OAUTH", "SNOWFLAKE_JWT", "PROGRAMMATIC_ACCESS_TOKEN", "RAYDP"])), max_size=4))}
)  # fmt: skip
_requests = st.dictionaries(
    st.sampled_from(["sqlText", "bindings", "parameters", "asyncExec", "describeOnly", "oldSessionToken", "requestType", "statement",
                     "timeout", "role", "database"]), _json, max_size=4)  # fmt: skip
bodies = st.one_of(
    st.binary(max_size=40), st.one_of(_json, _logins, _requests).map(lambda found: json.dumps(found).encode())
)
