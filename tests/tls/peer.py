#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The other side of tests/tls/test_peers.c: Python's ssl, blocking and with nothing of rondo's.

    peer.py client PORT           send a megabyte, read it back, part well; or say what is wrong
    peer.py server NAME [cut]     show NAME.pem; tell the port; echo; part well, or cut the connection
"""
import socket
import ssl
import sys
import threading

DATA = bytes(i * 7 % 251 for i in range(1 << 20))


def client(port):
    context = ssl.create_default_context(cafile="ca.pem")
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", port)) as plain:
        try:
            tls = context.wrap_socket(plain, server_hostname="localhost")
        except ssl.SSLCertVerificationError as error:
            print("refused:", error.verify_message)
            return
        sender = threading.Thread(target=tls.sendall, args=(DATA,))
        sender.start()
        got = b""
        while len(got) < len(DATA):
            got += tls.recv(100000)
        sender.join()
        agreed = tls.version(), tls.selected_alpn_protocol()
        tls.unwrap()
        print("same" if got == DATA else "different", *agreed)


def server(name, end=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{name}.pem", f"{name}.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("ACCEPT 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
        plain, _ = listener.accept()
        try:
            tls = context.wrap_socket(plain, server_side=True)
        except ssl.SSLError as error:
            print("refused:", error.reason)
            return
        while data := tls.recv(100000):
            tls.sendall(data)
        # Cut only when all was read: else the kernel resets the connection.
        if end != "cut":
            tls.unwrap()
        tls.close()


if sys.argv[1] == "client":
    client(int(sys.argv[2]))
else:
    server(*sys.argv[2:])
