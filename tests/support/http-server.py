#!/usr/bin/env python3
"""Serves a directory on 127.0.0.1 for the tests of the scripts, and writes its port to a file.

    http-server.py DIRECTORY PORT-FILE

Beneath /stall/ a file stops after its first half and the connection stays open; beneath /cut/ it is closed there.
"""
import functools
import http.server
import os
import sys
import time


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        for way in ("/stall/", "/cut/"):
            if self.path.startswith(way):
                return self.send_half(self.translate_path(self.path[len(way) - 1 :]), way == "/stall/")
        return super().do_GET()

    def send_half(self, path, stall):
        with open(path, "rb") as file:
            content = file.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()
        if stall:
            time.sleep(60)
        self.close_connection = True

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=sys.argv[1]))
server.daemon_threads = True
with open(sys.argv[2] + ".new", "w") as port_file:
    port_file.write(str(server.server_port))
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
