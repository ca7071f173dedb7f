"""A workflow of steps of DBOS over SQLite, each result written before the next step begins."""

import importlib.metadata
import json
import os
import sys
import time

from dbos import DBOS

folder, steps, result = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
database = os.path.join(folder, "dbos.sqlite")
DBOS(config={"name": "bench", "system_database_url": f"sqlite:///{database}", "log_level": "ERROR", "run_admin_server": False})


@DBOS.step()
def step(at):
    return "7" * result


@DBOS.workflow()
def chain(count):
    for at in range(count):
        step(at)


DBOS.launch()
begun = time.perf_counter()
chain(steps)
took = time.perf_counter() - begun
DBOS.destroy()
size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
version = importlib.metadata.version("dbos")
print(json.dumps({"step_us": took / steps * 1e6, "step_bytes": size / steps, "version": version}))
