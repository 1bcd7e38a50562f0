package io.runnel.fault;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.LockSupport;

/**
 * The network between one service and its database, which can fail. A fault lasts until {@link #heal}; what it has done to
 * connections lasts longer: those that were cut stay cut, and those that were in a black hole never say anything again, as
 * when a firewall has forgotten them.
 */
public final class FaultProxy implements AutoCloseable {

    /** After so long a server that the service has told to look finds out that nobody answers; see {@code Connections}. */
    static final Duration SERVER_NOTICES = Duration.ofSeconds(11);

    private static final InetAddress HERE = InetAddress.getLoopbackAddress();
    private static final int BACKLOG = 100;
    private static final int CHUNK_BYTES = 16_384;

    private final InetSocketAddress target;
    private final int port;
    private final ExecutorService threads = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work, "fault-proxy");
        thread.setDaemon(true);
        return thread;
    });
    private final Set<Connection> connections = ConcurrentHashMap.newKeySet();

    private ServerSocket listening;
    private volatile Duration delay = Duration.ZERO;
    private volatile boolean blackhole;
    private volatile boolean refusing;

    public FaultProxy(String host, int targetPort) throws IOException {
        this.target = new InetSocketAddress(host, targetPort);
        this.listening = listen(0);
        this.port = listening.getLocalPort();
    }

    public int port() {
        return port;
    }

    /** Ends all connections. */
    void cut() {
        connections.forEach(Connection::reset);
    }

    /** Ends all connections, and refuses new ones. */
    synchronized void refuse() throws IOException {
        refusing = true;
        listening.close();
        cut();
    }

    /** What is sent, in either direction, arrives so much later. */
    void delay(Duration by) {
        delay = by;
    }

    /** Takes whatever is sent, in either direction, and new connections as well, and answers nothing. */
    public void blackhole() {
        blackhole = true;
        connections.forEach(Connection::swallow);
    }

    public synchronized void heal() throws IOException {
        delay = Duration.ZERO;
        blackhole = false;
        refusing = false;
        if (listening.isClosed()) {
            listening = listen(port);
        }
    }

    @Override
    public synchronized void close() throws IOException {
        refuse();
        threads.shutdownNow();
    }

    private ServerSocket listen(int wanted) throws IOException {
        ServerSocket socket = new ServerSocket();
        socket.setReuseAddress(true);
        socket.bind(new InetSocketAddress(HERE, wanted), BACKLOG);
        threads.execute(() -> accept(socket));
        return socket;
    }

    private void accept(ServerSocket socket) {
        while (!socket.isClosed()) {
            try {
                Socket client = socket.accept();
                threads.execute(() -> connect(client));
            } catch (IOException refused) {
                // It was closed; or the client has gone already.
            }
        }
    }

    private void connect(Socket client) {
        Socket server = new Socket();
        Connection connection = new Connection(client, server);
        connections.add(connection);
        try {
            if (refusing) {
                connection.reset();
                return;
            } else if (blackhole) {
                connection.swallow();
            } else {
                server.connect(target);
                server.setTcpNoDelay(true);
                threads.execute(() -> connection.pump(server, client));
            }
            client.setTcpNoDelay(true);
            connection.pump(client, server);
        } catch (IOException unreachable) {
            connection.reset();
        }
    }

    private final class Connection {

        private final Socket client;
        private final Socket server;
        private volatile boolean swallowed;

        Connection(Socket client, Socket server) {
            this.client = client;
            this.server = server;
        }

        /** The end of one side is not told to the other either; the server's keepalives do find out. */
        void swallow() {
            swallowed = true;
            threads.execute(() -> {
                LockSupport.parkNanos(SERVER_NOTICES.toNanos());
                end(server);
            });
        }

        void reset() {
            end(client);
            end(server);
            connections.remove(this);
        }

        void pump(Socket from, Socket to) {
            byte[] chunk = new byte[CHUNK_BYTES];
            try {
                InputStream in = from.getInputStream();
                for (int read = in.read(chunk); read >= 0; read = in.read(chunk)) {
                    if (!delay.isZero()) {
                        LockSupport.parkNanos(delay.toNanos());
                    }
                    if (!swallowed) {
                        OutputStream out = to.getOutputStream();
                        out.write(chunk, 0, read);
                    }
                }
            } catch (IOException gone) {
                // As its end.
            }
            if (!swallowed) {
                reset();
            } else if (from == client) {
                connections.remove(this);
                end(client);
            }
        }

        /** By a reset, so that what has been sent and not read is lost as well. */
        private void end(Socket socket) {
            try {
                socket.setSoLinger(true, 0);
            } catch (SocketException closed) {
                // Then there is nothing to lose.
            }
            try {
                socket.close();
            } catch (IOException closed) {
                // It was what was wanted.
            }
        }
    }
}
