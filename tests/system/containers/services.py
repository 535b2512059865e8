"""Services for the tests of the container runtime: a small web server that tells what it finds in its container."""

from __future__ import annotations

REPOSITORY = "raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo"
SERVER = """
import http.server, json, os, signal, socket, ssl, sys, threading
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
def look(path):
    kind, _, rest = path.strip("/").partition("/")
    if kind == "names":
        return sorted({each[4][0] for each in socket.getaddrinfo(rest, 80, socket.AF_INET)})
    if kind == "read":
        return open("/" + rest).read()
    if kind == "size":
        found = os.statvfs("/" + rest); return found.f_blocks * found.f_frsize
    if kind == "mode":
        return oct(os.stat("/" + rest).st_mode)
    if kind == "write":
        open("/" + rest, "w").write("from inside"); return "written"
    if kind == "try":
        attempt, _, place = rest.partition("/"); os.chdir("/" + place)
        try:
            with open("old", "w") as file: file.write("old")
            exec({"append": "open('old', 'a')", "inplace": "open('old', 'r+')", "anew": "open('old', 'w').write('x')",
                  "position": "os.pwrite(os.open('new', os.O_WRONLY | os.O_CREAT | os.O_TRUNC), b'x', 7)",
                  "cut": "os.truncate('old', 1)", "link": "os.symlink('/etc/passwd', 'linked')",
                  "byway": "(os.symlink(os.getcwd(), '/tmp/way'), open('/tmp/way/old', 'a'))",
                  "pieces": "os.pwrite(os.open('new', os.O_WRONLY | os.O_CREAT | os.O_TRUNC), b'x', 0)",
                  "rename": "os.replace('old', 'newer')"}[attempt])
        except OSError as error:
            return error.strerror
        finally:
            if os.path.lexists("/tmp/way"): os.remove("/tmp/way")
        return "done"
    if kind == "connect":
        host, port = rest.split(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close(); return "connected"
        except OSError as error:
            return str(error)
    if kind == "trust":
        link = socket.create_connection((os.environ["SNOWFLAKE_HOST"], int(os.environ["SNOWFLAKE_PORT"])), timeout=5)
        with ssl.create_default_context().wrap_socket(link, server_hostname=os.environ["SNOWFLAKE_HOST"]) as secure:
            return dict(part[0] for part in secure.getpeercert()["subject"]).get("organizationName", "trusted")
    if kind == "exit":
        threading.Timer(0.2, os._exit, [int(rest)]).start(); return "going"
    return {"env": dict(os.environ), "address": socket.gethostbyname(socket.gethostname()), "uid": os.getuid(),
            "capabilities": [line for line in open("/proc/self/status") if line.startswith("CapEff")][0].split()[1]}
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(look(self.path)).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): print("asked for", self.path, flush=True)
print("listening", flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), H).serve_forever()
"""
DOCKERFILE = """
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
ENV GREETING=hello
COPY server.py /srv/server.py
ENTRYPOINT ["python3", "/srv/server.py"]
CMD ["8000"]
"""
SPEC = f"""
spec:
  containers:
  - name: main
    image: /{REPOSITORY}/web:1
    env: {{TWO: "words, and a comma"}}
    readinessProbe: {{port: 8000, path: /ready}}
    volumeMounts:
    - {{name: st, mountPath: /mnt/stage}}
    - {{name: shm, mountPath: /dev/shm}}
    - {{name: ram, mountPath: /mnt/ram}}
    - {{name: own, mountPath: /mnt/own}}
    sessionTokenConfig: {{path: /mnt/token, permission: "0440", mountConnectionConfig: true}}
    resources: {{limits: {{memory: 512Mi}}}}
  endpoints: [{{name: web, port: 8000, public: true}}]
  volumes:
  - {{name: st, source: stage, stageConfig: {{name: "@RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.RAYDP_ARTIFACTS"}}}}
  - {{name: shm, source: memory, size: 200Mi}}
  - {{name: ram, source: memory, size: 100Mi}}
  - {{name: own, source: local}}
"""
TWO_CONTAINERS = f"""
spec:
  containers:
  - {{name: first, image: /{REPOSITORY}/web:1, readinessProbe: {{port: 8000, path: /ready}}}}
  - {{name: second, image: /{REPOSITORY}/web:1, args: ["8001"], readinessProbe: {{port: 8001, path: /ready}}}}
  endpoints: [{{name: web, port: 8000, public: true}}]
"""
