"""A steady load, and what its answers took. Runs as a process of its own, so
that a test's threads do not stand in its way:

    load = SteadyLoad(proxy, rate=200, seconds=10).run()
    load.p99, load.failed
"""
import asyncio
import json
import ssl
import subprocess
import sys
import time


class SteadyLoad:
    """Open loop: a request's time counts from when it was due, so that a stall is
    felt by all that were due meanwhile. Keep-alive connections over TLS, opened
    before the clock starts."""

    def __init__(self, proxy, *, rate=200, seconds=10.0, connections=16, host="bakery.test", target="/bytes/1000"):
        address, port = proxy.address(protocol="https")
        self._command = [sys.executable, __file__, json.dumps({
            "address": address, "port": port, "ca": proxy.ca_file, "host": host, "target": target,
            "rate": rate, "seconds": seconds, "connections": connections})]
        self._limit = seconds + 60

    def run(self):
        done = subprocess.run(self._command, capture_output=True, text=True, timeout=self._limit)
        assert done.returncode == 0, done.stderr[-2000:]
        result = json.loads(done.stdout)
        times = sorted(result["times"])
        assert times, "no request was answered"
        self.sent = result["sent"]
        self.failed = result["failed"]
        self.p50 = times[len(times) // 2]
        self.p99 = times[int(len(times) * 0.99)]
        return self


async def _connect(o, context):
    reader, writer = await asyncio.open_connection(o["address"], o["port"], ssl=context, server_hostname=o["host"])
    return reader, writer


async def _request(connection, raw):
    reader, writer = connection
    writer.write(raw)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            await reader.readexactly(int(line.split(b":")[1]))


async def _main(o):
    context = ssl.create_default_context(cafile=o["ca"])
    context.set_alpn_protocols(["http/1.1"])
    raw = f"GET {o['target']} HTTP/1.1\r\nHost: {o['host']}\r\n\r\n".encode()
    free = asyncio.Queue()
    for _ in range(o["connections"]):
        connection = await _connect(o, context)
        await _request(connection, raw)
        free.put_nowait(connection)
    times, failed, tasks = [], [], []

    async def one(due):
        connection = await free.get()
        try:
            await asyncio.wait_for(_request(connection, raw), 10)
            times.append(time.monotonic() - due)
        except Exception as error:  # noqa: BLE001 - counted, and shown by the test
            failed.append(repr(error))
            connection[1].close()
            connection = await _connect(o, context)
        free.put_nowait(connection)
    start = time.monotonic() + 0.05
    count = int(o["rate"] * o["seconds"])
    for i in range(count):
        due = start + i / o["rate"]
        await asyncio.sleep(max(0, due - time.monotonic()))
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    print(json.dumps({"sent": count, "failed": failed, "times": times}))


if __name__ == "__main__":
    asyncio.run(_main(json.loads(sys.argv[1])))
