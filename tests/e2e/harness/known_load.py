"""Requests for known domains without a pause, while a test breaks something. Runs
as a process of its own:

    with KnownLoad(proxy, hosts) as load:
        ...
    assert not load.failed; load.p99

Open loop: a request's time counts from when it was due. Keep-alive connections
without TLS ask for the hosts in turn; every tenth request is a new connection
over TLS (`secure`), whose certificate must be the host's. At least `least` requests are made."""
import asyncio
import json
import ssl
import subprocess
import sys
import time


def live(proxy):
    return proxy.admin.metrics().sum("marquee_directory_feed_live") == 1


def answer(proxy, host):
    with proxy.plain() as client:
        return client.get("/", host)


def status(proxy, host):
    return answer(proxy, host).status


class KnownLoad:
    def __init__(self, proxy, hosts, *, rate=200, connections=8, secure=True, least=200):
        self._command = [sys.executable, __file__, json.dumps({
            "plain": proxy.address(protocol="http"), "rate": rate, "connections": connections, "hosts": list(hosts), "least": least,
            "tls": proxy.address(protocol="https") if secure else None, "ca": proxy.ca_file if secure else None})]

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "running\n", "the load did not start"
        return self

    def __exit__(self, *_):
        out, _ = self._process.communicate("", timeout=60)  # the end of its input is its end
        assert self._process.returncode == 0, "the load broke"
        result = json.loads(out)
        self.failed = result["failed"]
        times = sorted(result["times"])
        self.count = len(times)
        self.p50, self.p99, self.most = (times[int((self.count - 1) * share)] for share in (0.5, 0.99, 1))

    def __str__(self):
        return (f"{self.count} requests, {len(self.failed)} failed, p50 {self.p50 * 1e3:.1f} ms, "
                f"p99 {self.p99 * 1e3:.1f} ms, most {self.most * 1e3:.1f} ms")


async def _exchange(connection, host, close=False):
    reader, writer = connection
    writer.write(f"GET /known HTTP/1.1\r\nHost: {host}\r\n{'Connection: close' + chr(13) + chr(10) if close else ''}"
                 "\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head.split(b"\r\n")[0]
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            await reader.readexactly(int(line.split(b":")[1]))


async def _main(o):
    context = ssl.create_default_context(cafile=o["ca"]) if o["tls"] else None
    free = asyncio.Queue()
    for _ in range(o["connections"]):
        free.put_nowait(await asyncio.open_connection(*o["plain"]))
    times, failed, tasks = [], [], set()

    async def plain(host):
        connection = await free.get()
        try:
            await _exchange(connection, host)
        except BaseException:
            connection[1].close()
            connection = await asyncio.open_connection(*o["plain"])
            raise
        finally:
            free.put_nowait(connection)

    async def secure(host):
        connection = await asyncio.open_connection(*o["tls"], ssl=context, server_hostname=host)
        try:
            await _exchange(connection, host, close=True)
        finally:
            connection[1].close()

    async def one(due, number):
        host = o["hosts"][number // 10 % len(o["hosts"]) if number % 10 == 0 else number % len(o["hosts"])]
        try:
            await asyncio.wait_for(secure(host) if context and number % 10 == 0 else plain(host), 10)
            times.append(time.monotonic() - due)
        except Exception as error:  # noqa: BLE001 - counted, and shown by the test
            failed.append(f"{host}: {error!r}")
    stop = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print("running", flush=True)
    start, number = time.monotonic(), 0
    while number < o["least"] or not stop.done():
        due = start + number / o["rate"]
        await asyncio.sleep(max(0, due - time.monotonic()))
        task = asyncio.create_task(one(due, number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
    await asyncio.gather(*tasks)
    print(json.dumps({"failed": failed, "times": times}))


if __name__ == "__main__":
    asyncio.run(_main(json.loads(sys.argv[1])))
