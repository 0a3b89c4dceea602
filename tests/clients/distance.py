"""What makes loopback as slow as a network: servers that let others wait, in one thread of the test with an event loop.

A client that blocks its thread is not noticed when every answer is there at once. So the servers that answer at once
are asked over a way that takes a while.
"""

import asyncio
import contextlib
import threading

DELAY = 0.2  # seconds

OK = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"


class EventLoop:
    """A thread with an event loop, for the length of a `with`. Subclasses say in open() what it serves."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.opened = []  # to be closed at the end

    async def open(self):
        raise NotImplementedError

    async def listen(self, handler):
        """Serves TCP connections on 127.0.0.1; returns the port."""
        server = await asyncio.start_server(handler, "127.0.0.1", 0, backlog=1024)
        self.opened.append(server)
        return server.sockets[0].getsockname()[1]

    def __enter__(self):
        self.thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.open(), self.loop).result(timeout=30)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(timeout=30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
        self.loop.close()

    async def _close(self):
        for one in self.opened:
            one.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@contextlib.contextmanager
def distant(server, way):
    """A server that has a way before it, DistantTcp or DistantUdp: its `port` is where the way begins."""
    with server, way(server.port) as beginning:
        server.port = beginning.port
        yield server


class SlowPermission(EventLoop):
    """An HTTP server that says yes after a while: nginx asks it before it serves a file (auth_request)."""

    port = 0

    async def open(self):
        self.port = await self.listen(self._answer)

    async def _answer(self, reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(DELAY)
            writer.write(OK)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # nginx has been stopped, or its client has gone
        finally:
            writer.close()


class DistantTcp(EventLoop):
    """Passes TCP connections on to a port of 127.0.0.1; what comes back arrives later."""

    port = 0

    def __init__(self, target):
        super().__init__()
        self.target = target

    async def open(self):
        self.port = await self.listen(self._pass_on)

    async def _pass_on(self, reader, writer):
        try:
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pump(reader, target_writer, 0), self._pump(target_reader, writer, DELAY))

    @staticmethod
    async def _pump(reader, writer, delay):
        """Every piece waits for itself: enough for protocols of short questions and answers."""
        try:
            while piece := await reader.read(65536):
                await asyncio.sleep(delay)
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass  # one side has gone; the other learns it by the close
        finally:
            writer.close()


class DistantUdp(EventLoop):
    """Passes datagrams on to a port of 127.0.0.1, and the answers back, later."""

    port = 0

    def __init__(self, target):
        super().__init__()
        self.target = ("127.0.0.1", target)

    async def open(self):
        transport, _ = await self.loop.create_datagram_endpoint(lambda: _FromClients(self), ("127.0.0.1", 0))
        self.opened.append(transport)
        self.port = transport.get_extra_info("sockname")[1]


class _FromClients(asyncio.DatagramProtocol):
    """Each question gets a socket of its own towards the server, so that its answer finds back."""

    def __init__(self, way):
        self.way = way
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.way.loop.create_task(self._ask(data, addr))

    async def _ask(self, question, client):
        answer = self.way.loop.create_future()
        socket, _ = await self.way.loop.create_datagram_endpoint(
            lambda: _FromServer(answer), remote_addr=self.way.target
        )
        try:
            socket.sendto(question)
            data = await answer
            await asyncio.sleep(DELAY)
            self.transport.sendto(data, client)
        finally:
            socket.close()


class _FromServer(asyncio.DatagramProtocol):
    def __init__(self, answer):
        self.answer = answer

    def datagram_received(self, data, addr):
        if not self.answer.done():
            self.answer.set_result(data)
