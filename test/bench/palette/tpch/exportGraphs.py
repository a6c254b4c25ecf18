"""Exports the task graphs that Dask makes for the 22 queries of TPC-H, for `npm run bench:palette`.

    pip install 'dask[dataframe]' pandas pyarrow
    python exportGraphs.py --queries dask_queries.py --out graphs.json

`dask_queries.py` is tests/tpch/dask_queries.py of https://github.com/coiled/benchmarks: the queries as Dask's own
benchmark has them. The tables are generated here at two small scale factors, by the value ranges of the TPC-H
specification (chapter 4.2.3; uniform values, short comments), in files as given by FILES. Each query runs three times
for each scale factor, task by task in one thread. The export has for each task its kind, its dependencies, the size of
its result (`dask.sizeof`), and its time: the least processor time of the three runs, so that other processes and first
imports do not count. Sizes and times are a constant and a part per scale factor, fitted through the two scale factors.
"""

import argparse
import importlib.util
import json
import platform
import re
import shutil
import tempfile
import time

import dask
import numpy as np
import pandas as pd
import pyarrow
from dask.callbacks import Callback
from dask.sizeof import sizeof

FILES = {"lineitem": 24, "orders": 12, "partsupp": 8, "part": 4, "customer": 4, "supplier": 2, "nation": 1, "region": 1}
SCALES = (0.1, 0.3)
RUNS = 3
NATIONS = [
    ("ALGERIA", 0), ("ARGENTINA", 1), ("BRAZIL", 1), ("CANADA", 1), ("EGYPT", 4), ("ETHIOPIA", 0), ("FRANCE", 3),
    ("GERMANY", 3), ("INDIA", 2), ("INDONESIA", 2), ("IRAN", 4), ("IRAQ", 4), ("JAPAN", 2), ("JORDAN", 4),
    ("KENYA", 0), ("MOROCCO", 0), ("MOZAMBIQUE", 0), ("PERU", 1), ("CHINA", 2), ("ROMANIA", 3), ("SAUDI ARABIA", 4),
    ("VIETNAM", 2), ("RUSSIA", 3), ("UNITED KINGDOM", 3), ("UNITED STATES", 1),
]  # fmt: skip
REGIONS = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"]
TYPES = [
    f"{a} {b} {c}"
    for a in ("STANDARD", "SMALL", "MEDIUM", "LARGE", "ECONOMY", "PROMO")
    for b in ("ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED")
    for c in ("TIN", "NICKEL", "BRASS", "STEEL", "COPPER")
]
CONTAINERS = [
    f"{a} {b}"
    for a in ("SM", "LG", "MED", "JUMBO", "WRAP")
    for b in ("CASE", "BOX", "BAG", "JAR", "PKG", "PACK", "CAN", "DRUM")
]
COLORS = ["almond", "azure", "blue", "chocolate", "forest", "green", "ivory", "lemon", "navy", "red", "tan", "white"]
SEGMENTS = ["AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY", "HOUSEHOLD"]
PRIORITIES = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"]
INSTRUCTIONS = ["DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"]
MODES = ["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"]


def tables(scale, rng):
    """The eight tables at a scale factor."""

    def pick(values, count):
        return np.array(values, dtype=object)[rng.integers(0, len(values), count)]

    def text(count, rare, share):
        words = pick(["carefully", "quickly", "furiously", "slyly"], count) + " final deposits"
        return np.where(rng.random(count) < share, rare, words)

    def names(prefix, keys):
        return np.array([f"{prefix}#{key:09d}" for key in keys], dtype=object)

    parts, suppliers = int(200_000 * scale), max(10, int(10_000 * scale))
    customers, orders = int(150_000 * scale), int(1_500_000 * scale)
    nation = pd.DataFrame(
        {
            "n_nationkey": np.arange(25),
            "n_name": [name for name, _ in NATIONS],
            "n_regionkey": [region for _, region in NATIONS],
            "n_comment": text(25, "", 0),
        }
    )
    region = pd.DataFrame({"r_regionkey": np.arange(5), "r_name": REGIONS, "r_comment": text(5, "", 0)})
    suppkey = np.arange(1, suppliers + 1)
    supplier_nation = rng.integers(0, 25, suppliers)
    supplier = pd.DataFrame(
        {
            "s_suppkey": suppkey,
            "s_name": names("Supplier", suppkey),
            "s_address": names("Street", suppkey),
            "s_nationkey": supplier_nation,
            "s_phone": [f"{10 + n}-{k % 1000:03d}-555-0000" for n, k in zip(supplier_nation, suppkey)],
            "s_acctbal": rng.uniform(-999, 9999, suppliers).round(2),
            "s_comment": text(suppliers, "Customer some Complaints", 0.01),
        }
    )
    partkey = np.arange(1, parts + 1)
    part = pd.DataFrame(
        {
            "p_partkey": partkey,
            "p_name": pick(COLORS, parts) + " " + pick(COLORS, parts) + " " + pick(COLORS, parts),
            "p_mfgr": pick([f"Manufacturer#{m}" for m in range(1, 6)], parts),
            "p_brand": pick([f"Brand#{m}{n}" for m in range(1, 6) for n in range(1, 6)], parts),
            "p_type": pick(TYPES, parts),
            "p_size": rng.integers(1, 51, parts),
            "p_container": pick(CONTAINERS, parts),
            "p_retailprice": (900 + partkey % 1000 / 10).round(2),
            "p_comment": text(parts, "", 0),
        }
    )
    ps_partkey = np.repeat(partkey, 4)
    supply = (ps_partkey + np.tile(np.arange(4), parts) * (suppliers // 4 + 1)) % suppliers + 1
    partsupp = pd.DataFrame(
        {
            "ps_partkey": ps_partkey,
            "ps_suppkey": supply,
            "ps_availqty": rng.integers(1, 10_000, 4 * parts),
            "ps_supplycost": rng.uniform(1, 1000, 4 * parts).round(2),
            "ps_comment": text(4 * parts, "", 0),
        }
    )
    custkey = np.arange(1, customers + 1)
    customer_nation = rng.integers(0, 25, customers)
    customer = pd.DataFrame(
        {
            "c_custkey": custkey,
            "c_name": names("Customer", custkey),
            "c_address": names("Street", custkey),
            "c_nationkey": customer_nation,
            "c_phone": [f"{10 + n}-{k % 1000:03d}-555-0000" for n, k in zip(customer_nation, custkey)],
            "c_acctbal": rng.uniform(-999, 9999, customers).round(2),
            "c_mktsegment": pick(SEGMENTS, customers),
            "c_comment": text(customers, "", 0),
        }
    )
    orderkey = np.arange(1, orders + 1)
    orderday = rng.integers(0, 2406, orders)
    start = np.datetime64("1992-01-01")
    # A third of the customers has no orders.
    order_customer = rng.integers(0, max(1, customers // 3), orders) * 3 + rng.integers(1, 3, orders)
    lines = rng.integers(1, 8, orders)
    count = int(lines.sum())
    order_of_line = np.repeat(np.arange(orders), lines)
    l_partkey = rng.integers(1, parts + 1, count)
    l_suppkey = (l_partkey + rng.integers(0, 4, count) * (suppliers // 4 + 1)) % suppliers + 1
    quantity = rng.integers(1, 51, count).astype(float)
    shipday = orderday[order_of_line] + rng.integers(1, 122, count)
    receiptday = shipday + rng.integers(1, 31, count)
    today = (np.datetime64("1995-06-17") - start).astype(int)
    price = (quantity * (900 + l_partkey % 1000 / 10)).round(2)
    lineitem = pd.DataFrame(
        {
            "l_orderkey": orderkey[order_of_line],
            "l_partkey": l_partkey,
            "l_suppkey": l_suppkey,
            "l_linenumber": np.arange(count) % 7 + 1,
            "l_quantity": quantity,
            "l_extendedprice": price,
            "l_discount": rng.integers(0, 11, count) / 100,
            "l_tax": rng.integers(0, 9, count) / 100,
            "l_returnflag": np.where(receiptday > today, "N", pick(["R", "A"], count)),
            "l_linestatus": np.where(shipday > today, "O", "F"),
            "l_shipdate": start + shipday,
            "l_commitdate": start + orderday[order_of_line] + rng.integers(30, 91, count),
            "l_receiptdate": start + receiptday,
            "l_shipinstruct": pick(INSTRUCTIONS, count),
            "l_shipmode": pick(MODES, count),
            "l_comment": text(count, "", 0),
        }
    )
    order = pd.DataFrame(
        {
            "o_orderkey": orderkey,
            "o_custkey": order_customer,
            "o_orderstatus": pick(["F", "O", "P"], orders),
            "o_totalprice": np.bincount(order_of_line, price, orders).round(2),
            "o_orderdate": start + orderday,
            "o_orderpriority": pick(PRIORITIES, orders),
            "o_clerk": names("Clerk", orderkey % 1000),
            "o_shippriority": np.zeros(orders, dtype=int),
            "o_comment": text(orders, "special packages requests", 0.01),
        }
    )
    return {
        "region": region, "nation": nation, "supplier": supplier, "part": part, "partsupp": partsupp,
        "customer": customer, "orders": order, "lineitem": lineitem,
    }  # fmt: skip


def write(folder, scale):
    for name, table in tables(scale, np.random.default_rng(7)).items():
        for column in table.columns:
            if table[column].dtype.kind == "M":
                table[column] = table[column].astype("datetime64[us]")
        bounds = np.linspace(0, len(table), FILES[name] + 1).astype(int)
        import os

        os.makedirs(f"{folder}/{name}")
        for i, (begin, end) in enumerate(zip(bounds, bounds[1:])):
            table.iloc[begin:end].to_parquet(f"{folder}/{name}/{i:03d}.parquet", index=False)


class Recorder(Callback):
    """Records the size of each result and the least processor time of each task, in ms."""

    def __init__(self):
        self.sizes, self.times = {}, {}
        self.began = 0.0
        super().__init__(pretask=self.begin, posttask=self.end)

    def begin(self, key, dsk, state):
        self.began = time.process_time()

    def end(self, key, value, dsk, state, worker):
        self.times[key] = min(self.times.get(key, np.inf), 1000 * (time.process_time() - self.began))
        self.sizes[key] = sizeof(value)


def kind(key):
    """The name of a task without hashes: ('sum-chunk-0123abcd…', 3) is sum-chunk."""
    text = key[0] if isinstance(key, tuple) else key
    return re.sub(r"-?[0-9a-f]{16,}", "", text).strip("-")[:40] or "task"


def signature(key):
    """A task's place: its kind, and its numbers. The same for each scale factor."""
    rest = key[1:] if isinstance(key, tuple) else ()
    return (kind(key), *(re.sub(r"[0-9a-f]{16,}", "", str(part)) for part in rest))


def run(query, folder, scale):
    graph = query(f"file://{folder}/", None, scale).optimize().__dask_graph__()
    from dask._task_spec import convert_legacy_graph, fuse_linear_task_spec  # noqa: F401
    from dask.order import order

    tasks = convert_legacy_graph(dict(graph))
    aliases = {key: task.target for key, task in tasks.items() if type(task).__name__ == "Alias"}
    recorder = Recorder()
    outputs = [key for key in tasks if not any(key in other.dependencies for other in tasks.values())]
    with recorder:
        for _ in range(RUNS):
            dask.get(dict(graph), outputs)
    placed = order(dict(graph))

    def real(key):
        while key in aliases and aliases[key] != key:
            key = aliases[key]
        return key

    keys = sorted((key for key in tasks if key not in aliases), key=lambda key: placed.get(key, 0))
    number = {key: i for i, key in enumerate(keys)}
    dependencies = [sorted({number[real(d)] for d in tasks[key].dependencies if real(d) in number}) for key in keys]
    return {
        "kinds": [kind(key) for key in keys],
        "dependencies": dependencies,
        "bytes": [recorder.sizes.get(key, 0) for key in keys],
        "ms": [recorder.times.get(key, 0.0) for key in keys],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", required=True, help="tests/tpch/dask_queries.py of coiled/benchmarks")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    spec = importlib.util.spec_from_file_location("queries", arguments.queries)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dask.config.set(scheduler="sync")
    pyarrow.set_cpu_count(1)
    pyarrow.set_io_thread_count(1)
    folders = [tempfile.mkdtemp() for _ in SCALES]
    exported, failed = {}, {}
    try:
        for folder, scale in zip(folders, SCALES):
            write(folder, scale)
        for number in range(1, 23):
            try:
                query = getattr(module, f"query_{number:02d}")
                small, large = (run(query, folder, scale) for folder, scale in zip(folders, SCALES))
            except Exception as error:  # the other queries are still worth exporting
                failed[str(number)] = f"{type(error).__name__}: {error}"[:300]
                print(f"query {number}: failed, {failed[str(number)]}", flush=True)
                continue
            same = small["dependencies"] == large["dependencies"] and small["kinds"] == large["kinds"]
            spread = SCALES[1] - SCALES[0]
            kinds = sorted(set(large["kinds"]))

            def fitted(field, digits):
                if not same:
                    return [[0, round(value / SCALES[1], digits)] for value in large[field]]
                return [
                    [round(max(0, a - (b - a) / spread * SCALES[0]), digits), round(max(0, (b - a) / spread), digits)]
                    for a, b in zip(small[field], large[field])
                ]

            exported[str(number)] = {
                "kinds": kinds,
                "tasks": [
                    [kinds.index(name), dependencies, *size, *spent]
                    for name, dependencies, size, spent in zip(
                        large["kinds"], large["dependencies"], fitted("bytes", 0), fitted("ms", 2)
                    )
                ],
            }
            print(f"query {number}: {len(large['kinds'])} tasks{'' if same else ' (its shape depends on the scale)'}", flush=True)
    finally:
        for folder in folders:
            shutil.rmtree(folder)
    versions = {
        "python": platform.python_version(), "dask": dask.__version__,
        "pandas": pd.__version__, "pyarrow": pyarrow.__version__,
    }  # fmt: skip
    with open(arguments.out, "w") as out:
        json.dump({"versions": versions, "files": FILES, "scales": SCALES, "failed": failed, "queries": exported}, out, separators=(",", ":"))
        out.write("\n")


main()
