-- Step 2, by a user who has the role RAYDP_SIS_ROLE: does the account run the images that were pushed?
-- One small node runs one container of raydp_head for a few minutes, then everything that was made here is dropped:
-- a few hundredths of a credit. Safe to run again; where it stops in the middle, run it again or run its last block,
-- for a service that is left keeps its node.

USE ROLE RAYDP_SIS_ROLE;
USE WAREHOUSE RAYDP_SIS_XSW;
USE DATABASE RAYDP_SIS_DB;
USE SCHEMA RAYDP_SIS_CORE_SCHEMA;

SHOW IMAGES IN IMAGE REPOSITORY RAYDP_SIS_IMAGE_REPO;

CREATE COMPUTE POOL IF NOT EXISTS RAYDP_SMOKE_TEST_POOL
  MIN_NODES = 1
  MAX_NODES = 1
  INSTANCE_FAMILY = CPU_X64_XS
  AUTO_SUSPEND_SECS = 60
  COMMENT = 'RayDP: smoke test, dropped at its end';

-- The container tells its version and answers the readiness probe; its endpoint is public, behind Snowflake's sign-in.
CREATE SERVICE IF NOT EXISTS RAYDP_SMOKE_TEST
  IN COMPUTE POOL RAYDP_SMOKE_TEST_POOL
  FROM SPECIFICATION $$
spec:
  containers:
  - name: main
    image: /raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/raydp_head:0.1.0
    command:
    - python
    - -c
    - |
      import threading
      from airflow_provider_raydp_spcs import __version__
      from airflow_provider_raydp_spcs.node.address import own_address
      from airflow_provider_raydp_spcs.node.health import serve
      serve(own_address(), lambda: True)
      print("the image of version", __version__, "works", flush=True)
      threading.Event().wait()
    readinessProbe:
      port: 8090
      path: /ready
    volumeMounts:
    - name: artifacts
      mountPath: /raydp/artifacts
    resources:
      requests:
        cpu: 0.5
        memory: 1Gi
  endpoints:
  - name: ready
    port: 8090
    public: true
  volumes:
  - name: artifacts
    source: stage
    stageConfig:
      name: "@RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.RAYDP_ARTIFACTS"
$$
  MIN_INSTANCES = 1
  MAX_INSTANCES = 1
  COMMENT = 'RayDP: smoke test, dropped at its end';

-- A node takes minutes to come. OK, or an error after 15 minutes; the statements after it say where it hangs.
SELECT SYSTEM$WAIT_FOR_SERVICES(900, 'RAYDP_SMOKE_TEST');

DESCRIBE COMPUTE POOL RAYDP_SMOKE_TEST_POOL;
DESCRIBE SERVICE RAYDP_SMOKE_TEST;
SHOW SERVICE CONTAINERS IN SERVICE RAYDP_SMOKE_TEST;
SHOW ENDPOINTS IN SERVICE RAYDP_SMOKE_TEST;
SELECT SYSTEM$GET_SERVICE_LOGS('RAYDP_SMOKE_TEST', 0, 'main', 20);

-- Drop it all. Snowflake refuses to drop a pool until the last container on it has ended.
DROP SERVICE IF EXISTS RAYDP_SMOKE_TEST;
EXECUTE IMMEDIATE $$
BEGIN
  FOR attempt IN 1 TO 40 DO
    BEGIN
      DROP COMPUTE POOL IF EXISTS RAYDP_SMOKE_TEST_POOL;
      BREAK;
    EXCEPTION
      WHEN OTHER THEN
        CALL SYSTEM$WAIT(3);
    END;
  END FOR;
  DROP COMPUTE POOL IF EXISTS RAYDP_SMOKE_TEST_POOL;
  RETURN 'the smoke test left nothing behind';
END;
$$;
