"""Warm sessions: jobs of a cluster share a running Spark application, and each still is a process of its own.

Three kinds of process, all on the head::

    Ray job's process ──(its three files, environment, words)──▶ nursery ──fork──▶ the job, which talks to Spark's JVM
                                                                   │                   ▲        │ a lease: one connection
                                                                   └─────fork─────▶ keeper ─────┘ that ends with the job
                                                                                  (driver JVM, RayDP, executors)

- The *nursery* (:mod:`.nursery`) has imported everything that jobs import, and forks: so a job starts in milliseconds. The
  Ray job's own process (:mod:`.handing_over`) imports nothing of all that; it hands over what it has and waits.
- A *keeper* (:mod:`.keeper`) holds one Spark application: one for each size that jobs ask for.
- A job gets a *door* (:mod:`.sharing`) into the keeper's JVM: a Py4J server of its own with a secret of its own, and a Spark
  session of its own (``newSession``). It is opened and closed with the job's lease (:mod:`.attaching`).

Why processes, and not threads of the one that holds Spark: a thread cannot be stopped, and shares memory, environment,
working directory, modules, standard output and exit with the others. Whatever a process does to itself (crash, exit,
leak, fill its log) the kernel keeps to it, and however it ends, the kernel ends its lease: then its Spark jobs are
cancelled and everything that it held in the JVM is let go.

What is shared all the same, as Spark has it once per application: the driver's and the executors' memory, what is cached,
global temporary views, tables of the built-in catalogue, files of ``addFile``, and the executors' Python workers.
"""
