#!/usr/bin/env python3
"""A fleet of nodes that count one limit in one Redis: how many requests they admit.

  limits.py [--nodes 4] [--seconds 30] [--modes exact,leased] [--loads 10,1,0.1] [--marquee BINARY]

Each node has one worker and its own clients, which ask at an even pace; a load of 10 is ten times what the
limit (100/s) allows, all nodes together. "admitted" is to be held against rate x time + burst.
"""
import argparse, contextlib, importlib.util, os, pathlib, sys, threading, time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
RATE = 100
CLIENTS = 2  # of each node


def harness():
    folder = ROOT / "tests/e2e/harness"
    spec = importlib.util.spec_from_file_location("marquee_e2e", folder / "__init__.py",
                                                  submodule_search_locations=[str(folder)])
    sys.modules["marquee_e2e"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ask(nodes, rate, seconds):
    """What clients were told, and how long they asked."""
    told, lock, begun = [], threading.Lock(), time.monotonic()

    def client(node, offset):
        pace, mine = len(nodes) * CLIENTS / rate, []
        with node.plain() as connection:
            due = begun + offset * pace
            while due < begun + seconds:
                time.sleep(max(0, due - time.monotonic()))
                mine.append(connection.get("/", "one.test").status)
                due += pace
        with lock:
            told.extend(mine)

    threads = [threading.Thread(target=client, args=(node, (i * CLIENTS + c) / (len(nodes) * CLIENTS)))
               for i, node in enumerate(nodes) for c in range(CLIENTS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return told, time.monotonic() - begun


def fleet(e2e, redis, mode, burst, a):
    origin = e2e.EchoOrigin()
    with contextlib.ExitStack() as stack:
        stack.enter_context(origin)
        for load in a.loads:
            with redis.Redis() as store, contextlib.ExitStack() as nodes:
                limits = {"mode": mode, "rules": [{"name": "all", "rate": "%d/s" % RATE, "burst": burst}],
                          "redis": {"address": store.address, "timeout": e2e.settings.seconds(0.3)}}
                fleet = [nodes.enter_context(e2e.Marquee(domains=[e2e.Domain("one.test")], workers=1, rate_limits=limits,
                                                         upstreams=[e2e.Upstream("main", [origin.endpoint])]))
                         for _ in range(a.nodes)]
                for node in fleet:
                    e2e.eventually(lambda: node.metrics().sum("marquee_limits_nodes") == a.nodes, 10, "all nodes counted")
                told, took = ask(fleet, RATE * load, a.seconds)
            admitted, allowed = told.count(200), RATE * took + burst
            if admitted + told.count(429) != len(told):
                raise RuntimeError("neither admitted nor refused: %s" % sorted(set(told)))
            possible = min(len(told), allowed)
            print("| %s | %d | %g | %d | %.0f | %d | %+.2f %% |" %
                  (mode, burst, load, len(told), allowed, admitted, 100 * (admitted / possible - 1)), flush=True)


def main():
    ap = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    ap.add_argument("--nodes", type=int, default=4)
    ap.add_argument("--seconds", type=float, default=30)
    ap.add_argument("--modes", default="exact,leased")
    ap.add_argument("--loads", default="10,1,0.1")
    ap.add_argument("--marquee", default=str(ROOT / "build/release/marquee"))
    a = ap.parse_args()
    a.loads = [float(x) for x in a.loads.split(",")]
    os.environ["MARQUEE_BINARY"] = a.marquee
    e2e = harness()
    from marquee_e2e import redis
    print("%d nodes, %g s each, limit %d/s; load average %.1f" % (a.nodes, a.seconds, RATE, os.getloadavg()[0]))
    print("\n| mode | burst | load | asked | rate x time + burst | admitted | to what could pass |\n|---|---|---|---|---|---|---|")
    for mode in a.modes.split(","):
        for burst in (10, 100):
            fleet(e2e, redis, mode, burst, a)


if __name__ == "__main__":
    main()
