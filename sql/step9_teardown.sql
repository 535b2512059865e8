-- Step 9, by an account administrator: takes back everything that step 0 and step 1 made, and every RayDP cluster.
-- It DESTROYS, and nothing brings it back:
--   * every compute pool that RAYDP_SIS_ROLE owns, with all services on it: the clusters, whatever runs on them;
--   * the database RAYDP_SIS_DB: stages with code, logs and results, pushed images, leases, the Streamlit app,
--     and every other table and object that somebody put there;
--   * the integration, the warehouse and the role.
-- Safe to run again. To keep logs, fetch them before: GET @RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.RAYDPLOGS file:///…/

USE ROLE ACCOUNTADMIN;

-- The clusters first: services keep their pools, and pools cost credits.
EXECUTE IMMEDIATE $$
BEGIN
  LET pools RESULTSET := (SHOW COMPUTE POOLS);
  FOR pool IN pools DO
    IF (pool."owner" = 'RAYDP_SIS_ROLE') THEN
      LET name STRING := pool."name";
      ALTER COMPUTE POOL IDENTIFIER(:name) STOP ALL;
      FOR attempt IN 1 TO 40 DO
        BEGIN
          DROP COMPUTE POOL IF EXISTS IDENTIFIER(:name);
          BREAK;
        EXCEPTION
          WHEN OTHER THEN
            CALL SYSTEM$WAIT(3);
        END;
      END FOR;
      DROP COMPUTE POOL IF EXISTS IDENTIFIER(:name);
    END IF;
  END FOR;
  RETURN 'no compute pool of RAYDP_SIS_ROLE is left';
END;
$$;

-- Before the network rule in the database, which the integration holds.
DROP INTEGRATION IF EXISTS RAYDP_ACCESS_INTEGRATION;
DROP DATABASE IF EXISTS RAYDP_SIS_DB;
DROP WAREHOUSE IF EXISTS RAYDP_SIS_XSW;
DROP ROLE IF EXISTS RAYDP_SIS_ROLE;
