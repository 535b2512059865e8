-- Step 1, by a user who has the role RAYDP_SIS_ROLE (step0_admin_setup.sql makes it).
-- Makes the image repository, the stages, the table of leases, and the way out for containers. Safe to run again.

USE ROLE RAYDP_SIS_ROLE;
USE WAREHOUSE RAYDP_SIS_XSW;
USE DATABASE RAYDP_SIS_DB;
USE SCHEMA RAYDP_SIS_CORE_SCHEMA;

CREATE IMAGE REPOSITORY IF NOT EXISTS RAYDP_SIS_IMAGE_REPO;

-- Service specifications kept as files.
CREATE STAGE IF NOT EXISTS RAYDP_YAMLSPECS
  ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')
  DIRECTORY = (ENABLE = TRUE)
  COMMENT = 'RayDP: service specifications';

-- Code and dependencies of the jobs; mounted into every container.
CREATE STAGE IF NOT EXISTS RAYDP_ARTIFACTS
  ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')
  DIRECTORY = (ENABLE = TRUE)
  COMMENT = 'RayDP: code and dependencies';

-- Logs of drivers, executors and containers.
CREATE STAGE IF NOT EXISTS RAYDPLOGS
  ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')
  DIRECTORY = (ENABLE = TRUE)
  COMMENT = 'RayDP: logs and metrics';

-- Who uses which shared cluster; the last one out deletes it. Snowflake does not enforce the key, nor need it.
CREATE TABLE IF NOT EXISTS RAYDP_LEASES (
  CLUSTER_NAME TEXT NOT NULL,
  HOLDER TEXT NOT NULL,
  OWNER TEXT,
  RUN TEXT,
  TAKEN_AT TIMESTAMP_NTZ NOT NULL,
  EXPIRES_AT TIMESTAMP_NTZ NOT NULL,
  PRIMARY KEY (CLUSTER_NAME, HOLDER)
) COMMENT = 'RayDP: leases of shared clusters; times are UTC';

-- Containers reach the outside only through an integration. This one opens HTTPS; narrow VALUE_LIST to your hosts,
-- and name the integration in a cluster's external_access_integrations where jobs fetch things at run time.
CREATE OR ALTER NETWORK RULE RAYDP_PACKAGES_RULE
  TYPE = HOST_PORT
  MODE = EGRESS
  VALUE_LIST = ('0.0.0.0:443')
  COMMENT = 'RayDP: HTTPS to the outside, for package installation';
CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION RAYDP_ACCESS_INTEGRATION
  ALLOWED_NETWORK_RULES = (RAYDP_PACKAGES_RULE)
  ENABLED = TRUE
  COMMENT = 'RayDP: HTTPS to the outside';
