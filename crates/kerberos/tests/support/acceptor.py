"""MIT's acceptor behind the frames of Acceptor.java: SASL GSSAPI, or bare Wrap and MIC tokens.

The first byte of a connection chooses: S for SASL, G for an echo of wrapped messages.
"""
import socket
import struct
import sys
import threading

import gssapi

CHALLENGE, DONE, REFUSED = 0, 1, 2


def read(conn, count):
    data = b""
    while len(data) < count:
        more = conn.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def receive(conn):
    return read(conn, struct.unpack(">I", read(conn, 4))[0])


def send(conn, status, data):
    conn.sendall(struct.pack(">BI", status, len(data)) + data)


def sasl(conn, context):
    challenge = context.step(receive(conn))
    if challenge:
        send(conn, CHALLENGE, challenge)
        if receive(conn) != b"":
            raise ValueError("expected an empty response")
    send(conn, CHALLENGE, context.wrap(b"\x01\x00\x00\x00", False).message)
    answer = context.unwrap(receive(conn))
    if answer.encrypted or answer.message[:4] != b"\x01\x00\x00\x00":
        raise ValueError(f"answer {answer}")
    authorization = answer.message[4:].decode()
    send(conn, DONE, (authorization or str(context.initiator_name)).encode())


def echo(conn, context):
    send(conn, CHALLENGE, context.step(receive(conn)) or b"")
    while True:
        message = context.unwrap(receive(conn)).message
        send(conn, CHALLENGE, context.wrap(message, False).message)
        context.verify_signature(message, receive(conn))
        send(conn, CHALLENGE, context.get_signature(message))


def serve(conn, credentials):
    try:
        with conn:
            conn.settimeout(30)
            mode = read(conn, 1)
            context = gssapi.SecurityContext(creds=credentials, usage="accept")
            (sasl if mode == b"S" else echo)(conn, context)
    except EOFError:
        pass
    except Exception as error:
        try:
            send(conn, REFUSED, str(error).encode())
        except OSError:
            pass


def main(service, host):
    name = gssapi.Name(f"{service}@{host}", gssapi.NameType.hostbased_service)
    credentials = gssapi.Credentials(name=name, usage="accept")
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=serve, args=(conn, credentials), daemon=True).start()


main(sys.argv[1], sys.argv[2])
