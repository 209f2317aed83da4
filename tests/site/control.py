"""control: the API of a coordinator on its control socket."""

import socket


def get(socket_path, path):
    """The body of GET path. AssertionError: another status, or the coordinator closed the connection."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(5)
        link.connect(str(socket_path))
        link.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        data = b""
        while part := link.recv(65536):
            data += part
    head, _, body = data.partition(b"\r\n\r\n")
    assert b" 200 " in head.partition(b"\r\n")[0], f"GET {path}: {data[:300]}"
    return body.decode()
