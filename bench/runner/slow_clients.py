"""PORT PATH COUNT: holds so many connections, each sending a byte of a request's head every second, until killed."""

import select
import socket
import sys
import time

_OPENED_AT_ONCE = 100
_SECONDS_PER_BYTE = 1


class Client:
    def __init__(self, port, head):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.head = head
        self.sent = 0

    def send_a_byte(self):
        try:
            self.sent += self.socket.send(self.head[self.sent:self.sent + 1])
        except BlockingIOError:
            pass


def main(port, path, count):
    # Never comes to its end: the last field is as long as the server lets it be.
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX: ".encode() + b"x" * 10_000
    hung_up = select.epoll()
    clients = {}
    turn = 0
    while True:
        for _ in range(min(_OPENED_AT_ONCE, count - len(clients))):
            client = Client(port, head)
            clients[client.socket.fileno()] = client
            hung_up.register(client.socket, select.EPOLLRDHUP)
        # A hundredth of them at a time, so that the bytes do not all come at once.
        for number, client in clients.items():
            if number % 100 == turn % 100:
                try:
                    client.send_a_byte()
                except OSError:
                    pass
        turn += 1
        for number, _ in hung_up.poll(0):
            clients.pop(number).socket.close()
        time.sleep(_SECONDS_PER_BYTE / 100)


main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
