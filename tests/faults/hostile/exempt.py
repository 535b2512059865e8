"""Parameters that nothing hostile is tried in, each with the reason; the patterns are of the surface's names."""

from __future__ import annotations

from typing import Final

EXEMPT: Final[dict[str, str]] = {
    # No texts.
    r".*\((session|client|clusters|spcs|hook|context|service|services|stages|pool|spark|frame|dataset|data|tokens|ray|head|status|infos|found|event|request|call|config|wanted|stage_files|restarts)\)": "an object of the package, of Spark or of Airflow; what it holds is tried where it is made",
    r".*\((progress|sleep|seen|clock|function|python_callable|is_held|told)\)": "a function",
    r".*\((if_exists|if_not_exists|force|overwrite|unless_last|roll_back|only_tell|dry_run|is_marked|files_only|finished|grafana_only|wait|wait_for_completion|deferrable|shared|notebook|auto_resume|nullable|has_default|is_live|watch|follow|yes|admin|smoke_test|teardown|local|deploy|headless|notebook_token|monitoring_only|multiple_outputs|share|log|if_there|spark_only)\)": "a truth value, which chooses between words of the package's own",
    r".*\((timeout|deadline|poll|poll_interval|poke_interval|linger_seconds|lease_seconds|wait_seconds|start_timeout|provisioning_seconds|interval|until|give_up_at|max_log_lines|position|lines|port|workers|head_cpus|executors|executor_cores|executor_memory_mib|attempt|map_index|generation|instance|day|seconds|count|num_cpus)\)": "a number or a length of time, which no statement holds unless it is looked at as a number first",
    r".*\((now|keep|max_age|modified|created_on|taken_at|expires_at)\)": "a moment or a length of time, of Python's own types",
    r"spcs\.(compute_pools:ComputePoolInfo|inspection:\w+Info|inspection:Surroundings|image_repositories:RepositoryImage|leases:Lease|streamlit_apps:StreamlitInfo|stages:StageFile|table_loads:TableColumn|table_loads:Assignment|scripts:Step).*": "made by the package of what Snowflake answers",
    r"cluster\.(lifecycle:Deleted|live_logs:LiveLogs|logs:Exported|logs:Shipped|reaper:Expired).*": "an answer of the package",
    r"jobs\.submission:(JobInfo|LogPiece|HeadAddress).*": "an answer of Ray or Snowflake; no request is made of it but to that address",
    r"streamlit\.deployment:Deployed.*": "an answer of the package",
    # Parts of others that are tried.
    r"spcs\.table_loads:.*": "names are rendered by spcs.sql; tried as runtime:read_table and runtime:write_table",
    r"spcs\.services:Services\.(create|alter_specification)\(specification\)": "tried as spcs.specification",
    r"spcs\.(services:Service|services:Services\.alter_specification)\(specification\)": "tried as spcs.specification",
    r"spcs\.compute_pools:ComputePools\.create\(.*": "tried as spcs.compute_pools:ComputePool",
    r"spcs\.streamlit_apps:StreamlitApps\.replace\(app\)": "tried as spcs.streamlit_apps:StreamlitApp",
    r"spcs\.specification:(Probe|Resources|SessionToken|ServiceRole|Container|Endpoint|Volume|ServiceSpecification).*": "goes into a specification as YAML, like spcs.specification:Container(env), and Snowflake's rules are its only readers",
    r"spcs\.scripts:(steps|SetupNames\.put_into)\(text\)": "the text of a SQL file that the package ships",
    r"spcs\.snowsight:.*": "an address for people, of which every part is quoted; nothing opens it",
    r"spcs\.stages:Stages\.get_tree\(progress\)": "a function",
    r"cluster\.config:(ClusterConfig\((head|worker_groups|notebook)\)|MonitoringConfig\.read\(value\)|.*\((grafana|notebook)\))": "parts of a configuration, each tried by itself",
    r"cluster\.comment:.*": "tried as cluster.lifecycle:Clusters.blueprint; what is read is JSON, of anybody's comments",
    r"cluster\.lifecycle:Clusters\.(create|wait_for|has_reached|overdue|state_of|wait_while_going)\(.*": "made of the parts that are tried: blueprint, find and drop_services",
    r"cluster\.lifecycle:expiry_of\(config\)": "a configuration",
    r"cluster\.reaper:(reap|held_clusters)\(.*": "what find_expired and Leases.all have answered",
    r"cluster\.leasing:(holder\(.*|leave\(.*)": "a text of two texts, and is_joined with drop_services after it; both are tried",
    r"cluster\.container_logs:(new_lines|last_lines)\(.*": "lines of a log, and a Source, which is tried",
    r"cluster\.logs:(export_logs\((target|ray)\)|LogTarget\(attempt\))": "a LogTarget, which is tried, and a client",
    r"jobs\.application:(Application\(.*|Application\.(of_call|folder|request|entrypoint|upload\(stages).*|check_session\(session\)|Application\.read\(arguments\))": "runs in a shell: tried by test_arguments_arrive_as_they_are; session is one of two words",
    r"jobs\.client:.*": "addresses: tried by test_an_id_stays_one_part_of_an_address",
    r"jobs\.(submission:.*|functions:.*)": "ids are hashed or checked, tried by test_an_id_stays_one_part_of_an_address; a call is pickled, not written as text",
    r"hooks\.spcs:is_programmatic_access_token\(parameters\)": "only compared",
    r"hooks\.ray_jobs:tokens_of\(spcs\)": "a hook",
    r"operators\.(\w+):\w+\.\w+\(.*": "what Airflow calls, with objects of its own",
    r"operators\.(delete_cluster|cluster_task):\w+\((trigger_rule|timeout|wait|deferrable|poll_interval)\)": "Airflow's own",
    r"operators\.base:poll_seconds\(.*": "numbers",
    r"operators\.export_logs:\w+\((job_task_id|trigger_rule)\)": "ids of tasks, which Airflow checks; job_task_ids is tried",
    r"sensors\.\w+:\w+\.\w+\(.*": "what Airflow calls, with objects of its own",
    r"triggers\..*": "made by operators and sensors of what they have checked; it goes through Airflow's database as JSON",
    r"decorators\.raydp:(RayDPDecoratedOperator\.\w+\(.*|raydp_task\(.*)": "what Airflow calls",
    r"task_groups:RayDPClusterTaskGroup\((group_id|cluster|snowflake|create|delete|default_args)\)": "handed on to operators that are tried; group_id is Airflow's",
    r"runtime:(to_ray|to_spark|set_result|spark_session|connection|read_dataset|write_dataset|read_query)\(.*": "no SQL, or the caller's own; the Dataset functions render as read_table and write_table do, by the same code",
    r"runtime:(read_table|write_table)\((where|wide_numbers|spark|frame)\)": "where is SQL by contract, with values bound; the others are objects and fixed words",
    r"cli:(demo|local \w+|images (build|push)|completion.*)\(.*": "starts programs of this machine with a list of words, not a shell; needs an engine or a server of its own",
    r"cli:cluster create\((config|monitoring|roll_back|wait)\)": "a file: tried by test_yaml_that_explodes",
    r"cli:.*\((head_cpus|workers|version|install_completion|show_completion|show)\)": "a number, or a flag",
}
