-- Step 0, once per account, by an account administrator.
-- Makes the role RAYDP_SIS_ROLE and gives it what RayDP clusters need, and nothing more: whatever the role makes it owns,
-- so no other grant is needed. Safe to run again; step9_teardown.sql takes all of it back. Afterwards: GRANT ROLE RAYDP_SIS_ROLE TO USER <you>; then step1_user_setup.sql.

USE ROLE ACCOUNTADMIN;

CREATE ROLE IF NOT EXISTS RAYDP_SIS_ROLE
  COMMENT = 'Creates and runs RayDP clusters in Snowpark Container Services';
GRANT ROLE RAYDP_SIS_ROLE TO ROLE SYSADMIN;

-- The warehouse that loads tables and serves the services' own queries.
CREATE WAREHOUSE IF NOT EXISTS RAYDP_SIS_XSW
  WAREHOUSE_SIZE = 'XSMALL'
  AUTO_SUSPEND = 60
  AUTO_RESUME = TRUE
  INITIALLY_SUSPENDED = TRUE
  COMMENT = 'RayDP clusters: loading and queries of the services';
GRANT USAGE ON WAREHOUSE RAYDP_SIS_XSW TO ROLE RAYDP_SIS_ROLE;

-- One database and one schema. The role works inside the schema and creates nothing elsewhere.
CREATE DATABASE IF NOT EXISTS RAYDP_SIS_DB
  COMMENT = 'RayDP clusters: specifications, artifacts, logs, images';
CREATE SCHEMA IF NOT EXISTS RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA;
GRANT USAGE ON DATABASE RAYDP_SIS_DB TO ROLE RAYDP_SIS_ROLE;
GRANT USAGE, CREATE SERVICE, CREATE IMAGE REPOSITORY, CREATE STAGE, CREATE TABLE, CREATE NETWORK RULE, CREATE STREAMLIT
  ON SCHEMA RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA TO ROLE RAYDP_SIS_ROLE;

-- Rights on the account: compute pools for the clusters, public endpoints for their dashboards,
-- and the integration through which containers may reach hosts outside (step 1 makes it).
GRANT CREATE COMPUTE POOL ON ACCOUNT TO ROLE RAYDP_SIS_ROLE;
GRANT BIND SERVICE ENDPOINT ON ACCOUNT TO ROLE RAYDP_SIS_ROLE;
GRANT CREATE EXTERNAL ACCESS INTEGRATION ON ACCOUNT TO ROLE RAYDP_SIS_ROLE;
