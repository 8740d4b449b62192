"""Rate limits behind sentinels: who is master is asked of them, and a failover costs
nobody a 5xx. And a master that was made a replica, which takes nothing any more."""
import re
import socket
import threading
import time

import pytest
from harness import EchoOrigin, eventually, redis
from harness.redis_fleet import Watched, ask
from test_rate_limits_redis import HASTY, hammer, ready, serve, statuses

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(not redis.available(), reason="redis-server is not installed")]

WITHIN = 2.0  # after the new master is known
FAR_ABOVE = {"name": "all", "rate": "10000/s", "burst": 10000}


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as it:
        yield it


def behind(origin, watched, *rules, **more):
    more["redis"] = {**watched.settings(), **more.get("redis", {})}
    return serve(origin, "", *rules, **more)


def fallbacks(proxy):
    return proxy.metrics().sum("marquee_limits_fallbacks_total")


def counted(proxy):
    before = fallbacks(proxy)
    assert set(statuses(proxy, 20)) == {200}
    return fallbacks(proxy) == before


def calls(store, command):
    found = re.search(rf"_{command}:calls=(\d+)", ask(store.port, "INFO", "commandstats"))
    return int(found.group(1)) if found else 0


def during(work, proxies, rate, seconds):
    """What `proxies` answer while `work` is done."""
    out = []
    thread = threading.Thread(target=lambda: out.append(hammer(proxies, rate, seconds)))
    thread.start()
    time.sleep(0.3)
    done = work()
    thread.join()
    return out[0], done


@pytest.mark.parametrize("mode", ["exact", "leased"])
@pytest.mark.parametrize("how", ["killed", "frozen", "told"])
def test_failover(origin, mode, how):
    with Watched() as watched, behind(origin, watched, FAR_ABOVE, mode=mode, redis=HASTY) as proxy:
        ready(proxy)
        statuses(proxy, 5)

        def fail_over():
            if how == "killed":
                watched.master.kill()
            elif how == "frozen":
                watched.master.pause()
            else:
                ask(watched.sentinels[0].port, "SENTINEL", "FAILOVER", watched.name)
            known = watched.failed_over()
            eventually(lambda: counted(proxy), WITHIN, "requests that the new master counts")
            return time.monotonic() - known

        (results, times), _ = during(fail_over, [proxy], 200, 4.0)
        assert set(results) == {200}
        late = [t for t in times if t > 0.1]
        assert len(late) <= 0.01 * len(times), f"{len(late)} of {len(times)} took over 100 ms: {times[-8:]}"
        ready(proxy, within=WITHIN)
        # By what is counted there now.
        before = calls(watched.replica, "evalsha")
        statuses(proxy, 20)
        eventually(lambda: calls(watched.replica, "evalsha") > before, 2, "questions to the new master")


def test_what_is_counted_is_not_lost(origin):
    with Watched(sentinels=3) as watched, behind(origin, watched, {"name": "all", "rate": "8/h"}) as proxy:
        ready(proxy)
        assert statuses(proxy, 3) == [200] * 3
        eventually(lambda: ask(watched.replica.port, "EXISTS", "marquee:all") == 1, 5, "a replica with the key")
        ask(watched.sentinels[0].port, "SENTINEL", "FAILOVER", watched.name)
        watched.failed_over()
        ready(proxy)
        # Both workers are there.
        eventually(lambda: calls(watched.replica, "script.load") >= 2, 5, "workers at the new master")
        ready(proxy)
        before = fallbacks(proxy)
        assert statuses(proxy, 6) == [200] * 5 + [429]
        assert fallbacks(proxy) == before


def test_passwords_of_sentinels_and_of_redis(origin):
    with Watched(password="of-redis", sentinel_password="of-sentinels") as watched:
        with behind(origin, watched, {"name": "all", "rate": "2/h"}) as proxy:
            ready(proxy)
            assert statuses(proxy, 3) == [200, 200, 429]
        wrong = {"sentinel_password": "of-redis"}
        with behind(origin, watched, {"name": "all", "rate": "2/h"}, redis=wrong) as proxy:
            eventually(lambda: "WRONGPASS" in proxy.stderr(), 5, "the reason in the log")
            assert statuses(proxy, 3) == [200, 200, 429]
            assert fallbacks(proxy) == 3


class FalseSentinel:
    """Says the same to everybody."""

    def __init__(self, says):
        self.says = says
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _serve(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(5)
                try:
                    sock.recv(4096)
                    sock.sendall(self.says)
                except OSError:
                    continue


def names(port):
    return b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%d\r\n" % (len(str(port)), port)


def test_a_replica_is_not_asked_whatever_a_sentinel_says(origin):
    with Watched() as watched, FalseSentinel(names(watched.replica.port)) as behind_time:
        # Alone it leads nowhere; the other one is asked then.
        settings = {"sentinels": [behind_time.address], "master": watched.name}
        with serve(origin, "", {"name": "all", "rate": "2/h"}, redis=settings) as proxy:
            eventually(lambda: "it is no master, but slave" in proxy.stderr(), 5, "the reason in the log")
            assert statuses(proxy, 3) == [200, 200, 429]
            assert proxy.metrics().sum("marquee_limits_redis_ready_workers") == 0
        settings["sentinels"].append(watched.sentinels[0].address)
        with serve(origin, "", {"name": "all", "rate": "2/h"}, redis=settings) as proxy:
            ready(proxy, within=5)
            before = fallbacks(proxy)
            statuses(proxy, 3)
            assert fallbacks(proxy) == before


@pytest.mark.parametrize("says", [b"*-1\r\n", b"$-1\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"*1000000000\r\n",
                                  b"*2\r\n$1\r\nx\r\n$5\r\n99999\r\n", b"-ERR no\r\n", b"$90000000\r\n" + b"x" * 6_000_000],
                         ids=["none", "nil", "http", "endless", "port", "error", "long"])
def test_garbage_of_sentinels(origin, says):
    with Watched() as watched, FalseSentinel(says) as false:
        alone = {"sentinels": [false.address], "master": watched.name}
        with serve(origin, "", {"name": "all", "rate": "2/h"}, redis=alone) as proxy:
            eventually(lambda: "nobody says where Redis is" in proxy.stderr(), 5, "the reason in the log")
            assert statuses(proxy, 3) == [200, 200, 429]
            assert proxy.resident() < 200 << 20 or proxy.sanitized()
        both = {"sentinels": [false.address, watched.sentinels[0].address], "master": watched.name}
        with serve(origin, "", {"name": "all", "rate": "2/h"}, redis=both) as proxy:
            ready(proxy)


def test_a_demoted_master_is_not_available(origin):
    """One address, no sentinels: it answers READONLY, and PING as before."""
    with redis.Redis() as store, redis.Redis() as other:
        with serve(origin, store.address, FAR_ABOVE, redis=HASTY) as proxy:
            ready(proxy)
            ask(store.port, "REPLICAOF", "127.0.0.1", other.port)
            (results, _), _ = during(lambda: None, [proxy], 100, 1.5)
            assert set(results) == {200}
            assert fallbacks(proxy) > 0
            assert proxy.metrics().sum("marquee_limits_redis_failures_total", kind="error") > 0
            assert "READONLY" in proxy.stderr()
            ask(store.port, "REPLICAOF", "NO", "ONE")
            eventually(lambda: counted(proxy), WITHIN, "requests that it counts again")
