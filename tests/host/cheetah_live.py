#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The web server over loopback, with documents in a directory: every status, framing, limits, signals, workers.

usage: cheetah_live.py [--server PROGRAM --store STORE --root DIR] [NAME]...
Without --server, the sanitized build with the directory store, over a tree made here. With it, any server and store whose
documents equal the directory DIR made by --make DIR.
"""
import concurrent.futures
import email.parser
import http.client
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BIG = 3_000_000
DEADLINE = 60  # seconds that any single wait may take


class Failed(Exception):
    pass


def check(cond, words="not true"):
    if not cond:
        raise Failed(words)


def equal(a, b, words=""):
    if a != b:
        raise Failed(f"{words}: {a!r:.200} is not {b!r:.200}")


def make_tree(root):
    os.makedirs(root + "/sub/deep")
    os.makedirs(root + "/noindex")
    os.makedirs(root + "/a dir")
    put = {
        "index.html": b"<p>top\n",
        "sub/index.html": b"<p>sub\n",
        "ten.txt": b"0123456789",
        "empty.css": b"",
        "a dir/f\xc3\xa4.png".encode("latin-1").decode("utf-8"): b"png",
        "noindex/x.js": b"1;\n",
        "big.bin": bytes((i * 31 + i // 251) & 255 for i in range(BIG)),
        "k4.bin": bytes(range(256)) * 16,
    }
    for name, data in put.items():
        with open(f"{root}/{name}", "wb") as f:
            f.write(data)
        os.utime(f"{root}/{name}", (1700000000, 1700000000))
    return put


class Server:
    def __init__(self, t, *args, store=None):
        self.t = t
        self.p = subprocess.Popen(
            [t.program, "--listen", "127.0.0.1:0", "--store", store or t.store, *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.out, self.err = [], []
        self.port = None
        ready = threading.Event()

        def reader(f, to):
            for line in f:
                to.append(line)
                m = re.search(r"listening on http://127\.0\.0\.1:(\d+)/", line)
                if m:
                    self.port = int(m[1])
                    ready.set()
            ready.set()

        self.threads = [threading.Thread(target=reader, args=a, daemon=True)
                        for a in ((self.p.stdout, self.out), (self.p.stderr, self.err))]
        for th in self.threads:
            th.start()
        ready.wait(DEADLINE)
        if not self.port:
            self.p.kill()
            raise Failed("the server does not start: " + "".join(self.err))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGTERM)
        try:
            rc = self.p.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(self.p.pid, signal.SIGKILL)
            self.p.wait()
            raise Failed("the server does not stop on SIGTERM") from None
        for th in self.threads:
            th.join(5)
        if kind is None:
            check("Sanitizer" not in "".join(self.err) and "runtime error" not in "".join(self.err), "".join(self.err))
            equal(rc, 0, "exit status; " + "".join(self.err))

    def connect(self, data=b"", timeout=DEADLINE):
        s = socket.create_connection(("127.0.0.1", self.port), timeout)
        if data:
            s.sendall(data)
        return s

    def raw(self, data, half_close=False):
        """Send, then receive until the server closes."""
        with self.connect(data) as s:
            if half_close:
                s.shutdown(socket.SHUT_WR)
            return receive(s)

    def get(self, path, headers=None, method="GET"):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            c.request(method, path, headers=headers or {})
            r = c.getresponse()
            return r, r.read()
        finally:
            c.close()

    def counters(self):
        del self.err[:]
        self.p.send_signal(signal.SIGUSR1)
        end = time.time() + DEADLINE
        while time.time() < end:
            text = "".join(self.err)
            if "syscalls-epoll-wait" in text:
                time.sleep(0.1)
                return {k: int(v) for k, v in re.findall(r"^([\w-]+) +(\d+)$", "".join(self.err), re.M)}
            time.sleep(0.02)
        raise Failed("no counters after SIGUSR1")

    def wait_for(self, name, at_least):
        end = time.time() + DEADLINE
        while time.time() < end:
            c = self.counters()
            if c.get(name, 0) >= at_least:
                return c
            time.sleep(0.1)
        raise Failed(f"counter {name} did not reach {at_least}: {c}")


def receive(s, n=None):
    out = b""
    while n is None or len(out) < n:
        try:
            k = s.recv(65536)
        except ConnectionResetError:
            return out + b"<RESET>"
        if not k:
            break
        out += k
    return out


def responses(data, heads=()):
    """Split bytes into (status, fields, body); raises if the framing does not add up."""
    out = []
    while data:
        head, sep, data = data.partition(b"\r\n\r\n")
        check(sep, f"no end of head in {head!r:.200}")
        line, _, rest = head.partition(b"\r\n")
        check(re.fullmatch(rb"HTTP/1\.1 \d{3} [\w -]+", line), f"status line {line!r:.200}")
        fields = dict(email.parser.HeaderParser().parsestr(rest.decode("latin-1")))
        status = int(line.split()[1])
        n = 0 if status in (204, 304) or len(out) in heads else int(fields["Content-Length"])
        check(len(data) >= n, f"{status}: {len(data)} of {n} body bytes")
        out.append((status, fields, data[:n]))
        data = data[n:]
    return out


HOST = b"Host: h\r\n"


class Tests:
    def __init__(self, program, store, root, own):
        self.program, self.store, self.root, self.own = program, store, root, own
        self.put = {}
        for at, _, names in os.walk(root):
            for n in names:
                with open(os.path.join(at, n), "rb") as f:
                    self.put[os.path.relpath(os.path.join(at, n), root)] = f.read()

    # ---- documents --------------------------------------------------------

    def test_documents(self):
        with Server(self) as s:
            for path, name in (("/", "index.html"), ("/sub/", "sub/index.html"), ("/ten.txt", "ten.txt"), ("/empty.css", "empty.css"),
                               ("/a%20dir/f%c3%a4.png", "a dir/f\u00e4.png"), ("/big.bin", "big.bin"), ("/k4.bin?x=y", "k4.bin"),
                               ("/sub/../ten.txt", "ten.txt"), ("//ten.txt", "ten.txt"), ("/%74en.txt", "ten.txt")):
                r, body = s.get(path)
                equal(r.status, 200, path)
                equal(body, self.put[name], path)
                equal(r.getheader("Content-Length"), str(len(body)))
                equal(r.getheader("Accept-Ranges"), "bytes")
                check(re.fullmatch(r'"[0-9a-f]+-[0-9a-f]+-[0-9a-f]+"', r.getheader("ETag")), r.getheader("ETag"))
                equal(r.getheader("Last-Modified"), "Tue, 14 Nov 2023 22:13:20 GMT")
                age = time.time() - email.utils.parsedate_to_datetime(r.getheader("Date")).timestamp()
                check(-2 < age < 3, f"Date is {age} s old")
                h, empty = s.get(path, method="HEAD")
                equal((h.status, empty, h.getheader("Content-Length"), h.getheader("ETag")),
                      (200, b"", str(len(body)), r.getheader("ETag")), "HEAD " + path)
            for path, kind in (("/", "text/html; charset=utf-8"), ("/ten.txt", "text/plain; charset=utf-8"), ("/empty.css", "text/css; charset=utf-8"),
                               ("/big.bin", "application/octet-stream"), ("/noindex/x.js", "text/javascript; charset=utf-8"),
                               ("/a%20dir/f%C3%A4.png", "image/png")):
                equal(s.get(path)[0].getheader("Content-Type"), kind)

    def test_refusals(self):
        with Server(self) as s:
            for path, status in (("/none", 404), ("/none/", 404), ("/ten.txt/", 404), ("/sub/none", 404), ("/noindex/", 403),
                                 ("/..", 400), ("/../../etc/passwd", 400), ("/%2e%2e/etc/passwd", 400), ("/sub/%2e%2e/%2e%2e/x", 400),
                                 ("/..%2fetc/passwd", 404), ("/a%00b", 400), ("/%", 400), ("/%zz", 400), ("/" + "a" * 300, 404),
                                 ("/" + "a" * 5000, 414), ("/" + "b/" * 2040 + "x", 404)):
                r, body = s.get(path)
                equal(r.status, status, path[:60])
                check(str(status).encode() in body and b"etc" not in body, path)
            for data, status in (
                    (b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n" + HOST * 2 + b"\r\n", 400),
                    (b"GET / HTTP/1.1\nHost: h\n\n", 400), (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
                    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n", 414),
                    (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 17000, 431),
                    (b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 101 + b"\r\n", 431),
                    (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505), (b"BREW / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", 501),
                    (b"GET / HTTP/1.1\r\n" + HOST + b"Expect: y\r\n\r\n", 417),
                    (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 70000\r\n\r\n", 413),
                    (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
                    (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400),
                    (b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
                    (b"GET https://h/ HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", 421),
                    (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\r\n", 400)):
                # Nothing after a refused request may be taken for a request.
                got = responses(s.raw(data + b"GET /ten.txt HTTP/1.1\r\n" + HOST + b"\r\n" if status not in (501, 421) else data))
                equal([g[0] for g in got], [status], repr(data[:60]))
                equal(got[0][1].get("Connection"), "close")
            for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE"):
                r, _ = s.get("/ten.txt", method=method)
                equal((r.status, r.getheader("Allow")), (405, "GET, HEAD, OPTIONS"), method)
            r, body = s.get("/ten.txt", method="OPTIONS")
            equal((r.status, r.getheader("Allow"), body), (204, "GET, HEAD, OPTIONS", b""))
            equal(responses(s.raw(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"))[0][0], 204)
            r, _ = s.get("/sub?q=1")
            equal((r.status, r.getheader("Location")), (301, "/sub/?q=1"))
            equal(responses(s.raw(b"GET //sub HTTP/1.0\r\n\r\n"))[0][1]["Location"], "/sub/")

    def test_outside(self):
        """What lies outside the tree or is no file stays out of reach, also by links."""
        if not self.own:
            return
        extra = tempfile.mkdtemp()
        try:
            os.makedirs(extra + "/docs")
            with open(extra + "/private", "w") as f:
                f.write("private")
            with open(extra + "/docs/in", "w") as f:
                f.write("inside")
            for name, to in (("up", "../private"), ("abs", extra + "/private"), ("ok", "in"), ("etc", "/etc"), ("loop", "loop")):
                os.symlink(to, f"{extra}/docs/{name}")
            os.mkfifo(extra + "/docs/fifo")
            os.mkfifo(extra + "/docs/dev")
            with Server(self, store="dir:" + extra + "/docs") as s:
                for path, status in (("/up", 403), ("/abs", 403), ("/etc/passwd", 403), ("/ok", 200), ("/fifo", 403), ("/loop", 404)):
                    r, body = s.get(path)
                    equal(r.status, status, path)
                    check(b"private" not in body, path)
            if os.getuid() == 0:
                os.chmod(extra, 0o755)
                os.chmod(extra + "/docs", 0o755)
                os.chmod(extra + "/docs/in", 0o600)
                with Server(self, "--user", "nobody", store="dir:" + extra + "/docs") as s:
                    equal(s.get("/in")[0].status, 403, "unreadable file")
                    check("uid 65534" in "".join(s.out), "mode line does not show the user")
        finally:
            shutil.rmtree(extra)

    def test_conditions(self):
        with Server(self) as s:
            r, _ = s.get("/ten.txt")
            tag, date = r.getheader("ETag"), r.getheader("Last-Modified")
            for headers, status in (
                    ({"If-None-Match": tag}, 304), ({"If-None-Match": '"a", W/' + tag}, 304), ({"If-None-Match": '"a"'}, 200),
                    ({"If-Modified-Since": date}, 304), ({"If-Modified-Since": "Tuesday, 14-Nov-23 22:13:20 GMT"}, 304),
                    ({"If-Modified-Since": "Tue Nov 14 22:13:19 2023"}, 200), ({"If-None-Match": '"a"', "If-Modified-Since": date}, 200),
                    ({"If-Match": tag}, 200), ({"If-Match": '"a"'}, 412), ({"If-Unmodified-Since": "Tue, 14 Nov 2023 22:13:19 GMT"}, 412)):
                r, body = s.get("/ten.txt", headers)
                equal(r.status, status, headers)
                if status == 304:
                    equal((body, r.getheader("ETag"), r.getheader("Content-Length")), (b"", tag, None))
            for headers, status in (({"If-Range": tag}, 206), ({"If-Range": date}, 206), ({"If-Range": '"a"'}, 200), ({"If-Range": "W/" + tag}, 200)):
                r, body = s.get("/ten.txt", {"Range": "bytes=3-5", **headers})
                equal((r.status, body), (status, b"345" if status == 206 else b"0123456789"), headers)

    def test_ranges(self):
        with Server(self) as s:
            big = self.put["big.bin"]
            for spec, first, last in (("0-0", 0, 0), ("-1", BIG - 1, BIG - 1), ("4095-4096", 4095, 4096), (f"{BIG-5}-", BIG - 5, BIG - 1),
                                      ("1000-2000000", 1000, 2000000), ("0-99999999999999999999", 0, BIG - 1)):
                r, body = s.get("/big.bin", {"Range": "bytes=" + spec})
                equal((r.status, r.getheader("Content-Range")), (206, f"bytes {first}-{last}/{BIG}"))
                check(body == big[first:last + 1], spec)
            r, body = s.get("/big.bin", {"Range": "bytes=5-9,100000-200000,-3"})
            equal(r.status, 206)
            kind = r.getheader("Content-Type")
            check(kind.startswith("multipart/byteranges; boundary="), kind)
            mark = b"--" + kind.split("=", 1)[1].encode()
            parts = body.split(b"\r\n" + mark)
            equal((parts[0], parts[-1], len(parts)), (b"", b"--\r\n", 5))
            for p, (a, b) in zip(parts[1:4], ((5, 9), (100000, 200000), (BIG - 3, BIG - 1))):
                head, _, data = p.partition(b"\r\n\r\n")
                check(f"Content-Range: bytes {a}-{b}/{BIG}".encode() in head, head)
                check(data == big[a:b + 1], f"part {a}")
            r, _ = s.get("/ten.txt", {"Range": "bytes=10-"})
            equal((r.status, r.getheader("Content-Range")), (416, "bytes */10"))
            for spec in ("bytes=x", "lines=1-2", "bytes=5-4", "bytes=" + ",".join(f"{i}-{i}" for i in range(0, 80, 2))):
                equal(s.get("/big.bin", {"Range": spec})[0].status, 200, spec[:30])

    # ---- connections ------------------------------------------------------

    def test_keep_alive(self):
        with Server(self, "--keepalive-requests", "50") as s:
            c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=DEADLINE)
            c.connect()
            first = c.sock
            for i in range(50):
                c.request("GET", "/ten.txt" if i % 2 else "/none")
                r = c.getresponse()
                r.read()
                check(i == 49 or c.sock is first, f"connection lost after {i} requests")
                equal(r.getheader("Connection"), "close" if i == 49 else None)
            check(c.sock is None or not receive(c.sock), "open after the last request")
            n = s.counters()
            equal((n["connections-accepted"], n["requests"], n["requests-on-reused-connection"]), (1, 50, 49))
            for data, field, stays in ((b"GET /ten.txt HTTP/1.0\r\n\r\n", "close", False), (b"GET /ten.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive", True),
                                       (b"GET /ten.txt HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", "close", False)):
                with s.connect(data) as k:
                    head = receive(k, 100)
                    while not head.endswith(b"0123456789"):
                        head += receive(k, 1)
                    equal(responses(head)[0][1]["Connection"], field)
                    k.settimeout(0.3)
                    try:
                        equal((k.recv(1), stays), (b"", False))
                    except TimeoutError:
                        check(stays, "the connection was to be closed")

    def test_syscalls(self):
        """One read and one writev a request on a connection that stays."""
        with Server(self) as s:
            with s.connect() as k:
                for _ in range(200):
                    k.sendall(b"GET /k4.bin HTTP/1.1\r\n" + HOST + b"\r\n")
                    got = b""
                    while b"\r\n\r\n" not in got or len(got) < got.index(b"\r\n\r\n") + 4 + 4096:
                        got += receive(k, 1)
                before = s.counters()
            check(before["syscalls-read"] <= 203 and before["syscalls-writev"] == 200 and before["documents-opened"] <= 2, before)

    def test_pipelining(self):
        with Server(self) as s:
            n = 300
            data = (b"GET /ten.txt HTTP/1.1\r\n" + HOST + b"\r\n") * n + b"HEAD /big.bin HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
            got = responses(s.raw(data), heads=(n,))
            equal([g[0] for g in got], [200] * (n + 1))
            check(all(g[2] == b"0123456789" for g in got[:n]), "bodies")
            # Bodies that are not wanted are stepped over, and what is in them is no request.
            data = (b"GET /ten.txt HTTP/1.1\r\n" + HOST + b"Content-Length: 38\r\n\r\nGET /none HTTP/1.1\r\nHost: h\r\nX: abc\r\n\r\n"[:38 + 99]
                    + b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nabcde"
                    + b"GET /k4.bin HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
            inner = b"GET /none HTTP/1.1\r\nHost: h\r\nX: abc\r\n\r\n"
            data = data.replace(b"Content-Length: 38", b"Content-Length: %d" % len(inner))
            got = responses(s.raw(data))
            equal([g[0] for g in got], [200, 405, 200])
            # One byte at a time.
            with s.connect() as k:
                k.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for b in b"GET /ten.txt HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n":
                    k.sendall(bytes([b]))
                equal(responses(receive(k))[0][2], b"0123456789")
            # Half-closed clients get their answers.
            got = responses(s.raw((b"GET /k4.bin HTTP/1.1\r\n" + HOST + b"\r\n") * 3, half_close=True))
            equal([g[0] for g in got], [200] * 3)

    def test_refused_bodies(self):
        """A long body that goes on being sent does not destroy the answer."""
        with Server(self) as s:
            for data, status in ((b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3000000\r\n\r\n", 405),
                                 (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 3000000\r\n\r\n", 413),
                                 (b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", 200)):
                with s.connect(data) as k:
                    for _ in range(40):
                        k.sendall(b"GET /ten.txt HTTP/1.1\r\n" * 1000)
                    k.shutdown(socket.SHUT_WR)
                    equal([g[0] for g in responses(receive(k))], [status])

    def test_concurrent(self):
        with Server(self, "--workers", "2", "--idle-timeout", "120") as s:
            def one(i):
                c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=DEADLINE)
                c.connect()
                held.wait(DEADLINE)
                for name in ("k4.bin", "big.bin", "ten.txt"):
                    c.request("GET", "/" + name)
                    if c.getresponse().read() != self.put[name]:
                        return False
                c.close()
                return True
            held = threading.Barrier(100)
            with concurrent.futures.ThreadPoolExecutor(100) as pool:
                check(all(pool.map(one, range(100))), "a body differs")
            n = s.counters()
            equal((n["requests"], n["connections-accepted"], n["status-200"]), (300, 100, 300))

    def test_truncated(self):
        """Clients that leave at any point cost nothing but themselves."""
        with Server(self) as s:
            data = b"GET /big.bin HTTP/1.1\r\n" + HOST + b"\r\n"
            for n in range(0, len(data) + 1):
                k = s.connect(data[:n])
                if n % 2:
                    k.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
                k.close()
            for n in (1, 1000, 500000):
                k = socket.socket()
                k.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                k.settimeout(DEADLINE)
                k.connect(("127.0.0.1", s.port))
                k.sendall(data * 4)  # more than any buffer takes
                receive(k, n)
                k.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                k.close()
            equal(s.get("/ten.txt")[1], b"0123456789")
            end = time.time() + DEADLINE
            while True:
                n = s.counters()
                if n["connections-closed"] == n["connections-accepted"]:
                    break
                check(time.time() < end, f"connections left open: {n}")
            check(n["responses-cut-short"] >= 3, n)

    def test_slow_clients(self):
        with Server(self, "--head-timeout", "1", "--idle-timeout", "2", "--send-timeout", "2") as s:
            start = time.time()
            silent, trickle = s.connect(), s.connect(b"GET / HT")
            idle = s.connect(b"GET /ten.txt HTTP/1.1\r\n" + HOST + b"\r\n")
            body = s.connect(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n")
            # Takes nothing: the response fills the socket's buffers and stands still.
            stuck = socket.socket()
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.settimeout(DEADLINE)
            stuck.connect(("127.0.0.1", s.port))
            stuck.sendall((b"GET /big.bin HTTP/1.1\r\n" + HOST + b"\r\n") * 3)
            # A byte now and then does not buy time.
            trickle.settimeout(0.2)
            got = b""
            while not got and time.time() - start < 5:
                try:
                    got = trickle.recv(1000)
                except TimeoutError:
                    trickle.sendall(b"x")
            check(time.time() - start < 3, "the head's time limit was stretched")
            trickle.settimeout(DEADLINE)
            equal([g[0] for g in responses(got + receive(trickle))], [408])
            equal(receive(silent), b"", "silent client")
            equal(len(responses(receive(idle))), 1, "idle client")
            equal([g[0] for g in responses(receive(body))], [405])
            check(1.5 < time.time() - start < 8, f"timeouts took {time.time() - start:.1f} s")
            equal(s.get("/ten.txt")[0].status, 200, "others are served meanwhile")
            n = s.wait_for("timeouts-send", 1)
            check(n["timeouts-head"] >= 2 and n["timeouts-idle"] >= 2, n)
            for k in (silent, trickle, idle, body, stuck):
                k.close()

    def test_slow_reader(self):
        """Slow but steady is served to the end, also while the socket's buffer has no room for longer than the time limit."""
        with Server(self, "--send-timeout", "1") as s:
            k = socket.socket()
            k.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            k.settimeout(DEADLINE)
            k.connect(("127.0.0.1", s.port))
            k.sendall(b"GET /big.bin HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
            got = b""
            for _ in range(50):
                time.sleep(0.1)
                got += k.recv(10000)
            got += receive(k)
            k.close()
            check(responses(got)[0][2] == self.put["big.bin"], "the body differs")
            check(s.counters()["syscalls-writev"] >= 2, "was to take more than one writev")

    def test_full(self):
        """More connections than places: idle ones make room, then 503."""
        with Server(self, "--max-connections", "10") as s:
            idle = [s.connect(b"GET /ten.txt HTTP/1.1\r\n" + HOST + b"\r\n") for _ in range(10)]
            for k in idle:
                check(receive(k, 10), "no answer")
            equal(s.get("/ten.txt")[1], b"0123456789", "an idle connection makes room")
            equal(s.counters()["connections-evicted"], 1)
            for k in idle:
                k.close()
            busy = [s.connect(b"GET /ten.txt HTTP/1.1\r\n") for _ in range(10)]
            s.wait_for("connections-accepted", 21)
            with s.connect() as k:
                equal(responses(receive(k))[0][0], 503)
            for k in busy:
                k.sendall(HOST + b"\r\n")
                check(b" 200 " in receive(k, 20), "a held connection is served")
                k.close()
            check(s.counters()["connections-refused"] >= 1, "not counted")

    def test_no_descriptors(self):
        """Without descriptors connections are closed rather than left hanging, and it goes on when there are some again."""
        with Server(self) as s:
            s.get("/ten.txt")
            have = [int(n) for n in os.listdir(f"/proc/{s.p.pid}/fd")]
            old = resource.prlimit(s.p.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(s.p.pid, resource.RLIMIT_NOFILE, (max(have) + 3, old[1]))
            many = [s.connect() for _ in range(20)]
            end = time.time() + DEADLINE
            closed = 0
            while closed < 10 and time.time() < end:
                closed = 0
                for k in many:
                    k.settimeout(0.02)
                    try:
                        closed += k.recv(1) == b""
                    except TimeoutError:
                        pass
                    except ConnectionError:
                        closed += 1
            check(10 <= closed < 20, f"{closed} of 20 closed")
            check("no descriptor" in "".join(s.err), "not said")
            waits = s.counters()["syscalls-epoll-wait"]
            time.sleep(0.5)
            check(s.counters()["syscalls-epoll-wait"] - waits < 100, "busy waiting")
            for k in many:
                k.close()
            resource.prlimit(s.p.pid, resource.RLIMIT_NOFILE, old)
            equal(s.get("/ten.txt")[1], b"0123456789")

    # ---- documents that change --------------------------------------------

    def test_changes(self):
        if not self.own:
            return
        extra = tempfile.mkdtemp()
        try:
            def write(data, name="f"):
                with open(extra + "/new", "wb") as f:
                    f.write(data)
                os.rename(extra + "/new", f"{extra}/{name}")
            write(b"one")
            write(b"x" * 8_000_000, "shrinks")
            with Server(self, "--recheck", "100", store="dir:" + extra) as s:
                tag = s.get("/f")[0].getheader("ETag")
                write(b"two!")
                time.sleep(0.3)
                r, body = s.get("/f", {"If-None-Match": tag})
                equal((r.status, body), (200, b"two!"))
                os.unlink(extra + "/f")
                time.sleep(0.3)
                equal(s.get("/f")[0].status, 404)
                # A file that shrinks under a response: cut short, never padded, and the server lives.
                k = socket.socket()
                k.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                k.settimeout(DEADLINE)
                k.connect(("127.0.0.1", s.port))
                k.sendall(b"GET /shrinks HTTP/1.1\r\n" + HOST + b"\r\n")
                receive(k, 1000)
                os.truncate(extra + "/shrinks", 4096)
                got = receive(k)
                k.close()
                check(len(got) < 8_000_000, f"got {len(got)}")
                write(b"alive", "f")
                equal(s.get("/f")[1], b"alive")
                check(s.counters()["responses-cut-short"] == 1, "not counted")
        finally:
            shutil.rmtree(extra)

    def test_listing(self):
        with Server(self, "--listing") as s:
            r, body = s.get("/noindex/")
            check(r.status == 200 and b'<a href="./x.js">x.js</a>' in body, body)
            check(b"top" in s.get("/")[1], "index.html comes first")

    def test_techniques(self):
        """Each can be switched off, the mode line says so, and the bytes stay the same."""
        for word, says in (("peek", "peek off"), ("open-documents", "open-documents 0"), ("ready-heads", "ready-heads off")):
            with Server(self, "--without", word) as s:
                check(says in "".join(s.out), "".join(s.out))
                for name in ("big.bin", "k4.bin", "empty.css", "big.bin"):
                    check(s.get("/" + name)[1] == self.put[name], name)
                r, body = s.get("/big.bin", {"Range": "bytes=70000-200000,5-6"})
                check(r.status == 206 and self.put["big.bin"][70000:200001] in body, "ranges without " + word)

    # ---- the process ------------------------------------------------------

    def test_log(self):
        path = tempfile.mktemp()
        try:
            with Server(self, "--access-log", path) as s:
                s.get("/ten.txt", {"User-Agent": 'a"b', "Referer": "r"})
                s.raw(b"BAD\x01\r\n")
                s.get("/ten.txt")
                time.sleep(1.5)
                with open(path, encoding="latin-1") as f:
                    equal(len(f.readlines()), 3, "lines are written each second")
                os.rename(path, path + ".1")
                s.p.send_signal(signal.SIGHUP)
                end = time.time() + DEADLINE
                while not os.path.exists(path) and time.time() < end:
                    time.sleep(0.05)
                s.get("/none")
            with open(path + ".1", encoding="latin-1") as f:
                lines = f.read().splitlines()
            equal(len(lines), 3)
            check(re.fullmatch(r'127\.0\.0\.1:\d+ - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /ten\.txt HTTP/1\.1" 200 10 "r" "a\\x22b"', lines[0]), lines[0])
            check(r'"BAD\x01" 400 ' in lines[1], lines[1])
            with open(path, encoding="latin-1") as f:
                check('"GET /none HTTP/1.1" 404 ' in f.read(), "the new file")
        finally:
            for p in (path, path + ".1"):
                if os.path.exists(p):
                    os.unlink(p)

    def test_drain(self):
        """SIGTERM: the response under way is finished, idle connections go at once, new ones are refused."""
        for workers in ("1", "2"):
            with Server(self, "--workers", workers) as s:
                k = socket.socket()
                k.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                k.settimeout(DEADLINE)
                k.connect(("127.0.0.1", s.port))
                k.sendall(b"GET /big.bin HTTP/1.1\r\n" + HOST + b"\r\n")
                got = receive(k, 1000)
                idle = s.connect(b"GET /ten.txt HTTP/1.1\r\n" + HOST + b"\r\n")
                receive(idle, 50)
                s.p.send_signal(signal.SIGTERM)
                receive(idle)
                check(s.p.poll() is None, "ended before the response")
                # Workers stop one after the other; within a moment none of them listens.
                end = time.time() + 3
                while time.time() < end:
                    try:
                        s.connect(timeout=1).close()
                    except OSError:
                        break
                    time.sleep(0.05)
                else:
                    check(False, "still accepting")
                got += receive(k)
                check(responses(got)[0][2] == self.put["big.bin"], "the body differs")
                start = time.time()
                equal(s.p.wait(DEADLINE), 0)
                check(time.time() - start < 3, "did not end with its last response")
                k.close()
                idle.close()

    def test_drain_backlog(self):
        """Who was connected when SIGTERM came is served, though not accepted yet."""
        with Server(self) as s:
            s.p.send_signal(signal.SIGSTOP)
            waiting = [s.connect(b"GET /ten.txt HTTP/1.1\r\n" + HOST + b"\r\n") for _ in range(150)]
            s.p.send_signal(signal.SIGTERM)
            s.p.send_signal(signal.SIGCONT)
            for k in waiting:
                equal([g[0] for g in responses(receive(k))], [200])
                k.close()

    def test_worker_dies(self):
        with Server(self, "--workers", "2") as s:
            equal(s.get("/ten.txt")[0].status, 200)
            with open(f"/proc/{s.p.pid}/task/{s.p.pid}/children", encoding="ascii") as f:
                child = int(f.read().split()[0])
            os.kill(child, signal.SIGKILL)
            end = time.time() + DEADLINE
            while "started again" not in "".join(s.err) and time.time() < end:
                time.sleep(0.05)
            check("ended by signal 9" in "".join(s.err), "".join(s.err))
            for _ in range(20):
                equal(s.get("/ten.txt")[0].status, 200)

    def test_command_line(self):
        def run(*args):
            p = subprocess.run([self.program, *args], capture_output=True, text=True, timeout=DEADLINE, check=False)
            return p.returncode, p.stdout + p.stderr
        for args, words in (((), "--store"), (("--store", "x"), "dir:PATH"), (("--store", "dir:/nonexistent"), "No such file"),
                            (("--store", self.store, "--listen", "localhost:1"), "numeric"), (("--store", self.store, "--workers", "0"), "1 to"),
                            (("--store", self.store, "--workers", "2", "extra"), "extra"), (("--nonsense",), "--help"),
                            (("--store", self.store, "--without", "everything"), "techniques"),
                            (("--store", self.store, "--user", "no-such-user", "--listen", "127.0.0.1:0"), "no such user"),
                            (("--store", self.store, "--access-log", "/nonexistent/x", "--listen", "127.0.0.1:0"), "access log"),
                            (("--store", "dir:/nonexistent", "--workers", "2", "--listen", "127.0.0.1:0"), "stopping")):
            rc, out = run(*args)
            check(rc == 2 and words in out, f"{args}: {rc}: {out}")
        rc, out = run("--help")
        check(rc == 0 and "--store dir:PATH" in out, out)
        with Server(self) as s:
            check(re.search(r"store \S+ \(\w+, bodies by [\w ]+\), network kernel sockets", "".join(s.out)), "".join(s.out))
            check("own-tcp off" in "".join(s.out), "the mode line is incomplete")
        # A port is never shared with another server, though workers share theirs.
        for first in ("1", "2"):
            with Server(self, "--workers", first) as s:
                for second in ("1", "2"):
                    rc, out = run("--store", self.store, "--workers", second, "--listen", f"127.0.0.1:{s.port}")
                    check(rc == 2 and "another server has this port" in out, f"{first} {second}: {rc}: {out}")

    def test_garbage(self):
        import random
        rnd = random.Random(1)
        with Server(self, "--head-timeout", "1") as s:
            for _ in range(60):
                data = bytes(rnd.randrange(256) if rnd.random() < 0.2 else rnd.choice(b"GET / HTTP/1.1\r\n:host") for _ in range(rnd.randrange(3000)))
                out = s.raw(data, half_close=True)
                check(out == b"" or out == b"<RESET>" or out.startswith(b"HTTP/1.1 "), f"{out!r:.100}")
            equal(s.get("/ten.txt")[0].status, 200)


def main():
    args = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers are stopped on the way out
    opts = {}
    while args and args[0].startswith("--"):
        opts[args[0]], args = args[1], args[2:]
    if "--make" in opts:
        make_tree(opts["--make"])
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 1024:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    program = opts.get("--server", HERE + "/cheetah/cheetah-dir-san")
    if not os.access(program, os.X_OK):
        print(f"{program} is not built")
        return 4
    root = opts.get("--root")
    made = None
    if not root:
        made = tempfile.mkdtemp()
        root = made + "/docs"
        make_tree(root)
        os.chmod(made, 0o755)
    t = Tests(program, opts.get("--store", "dir:" + root), root, made is not None)
    bad = 0
    try:
        names = args or [n for n in dir(t) if n.startswith("test_")]
        for name in names:
            start = time.time()
            try:
                getattr(t, name)()
                print(f"ok {name} ({time.time() - start:.1f} s)", flush=True)
            except (Failed, OSError, http.client.HTTPException, subprocess.SubprocessError) as e:
                bad += 1
                print(f"not ok {name}: {type(e).__name__}: {e}", flush=True)
    finally:
        if made:
            shutil.rmtree(made)
    print(f"{len(names)} tests, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
