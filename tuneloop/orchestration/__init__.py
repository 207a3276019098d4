"""All that touches Prefect: blocks, tasks, stages of a run, suspending and resuming, deploying."""
