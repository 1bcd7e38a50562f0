package io.runnel.fault;

import java.io.IOException;

/**
 * A service, and the network between it and its database, which no other service uses.
 *
 * @param service a role that is no superuser runs it
 */
record Site(FaultProxy proxy, ServiceProcess service) implements AutoCloseable {

    static Site launch(PostgresServer server, String user, String database) throws IOException {
        FaultProxy proxy = new FaultProxy("localhost", server.port());
        return new Site(
                proxy,
                ServiceProcess.launch("postgres://" + user + ":postgres@localhost:" + proxy.port() + "/" + database));
    }

    /** What does not wait for the database. */
    boolean live() throws Exception {
        return service.get("/q/health/live").statusCode() == 200;
    }

    boolean ready() throws Exception {
        return service.get("/q/health/ready").statusCode() == 200;
    }

    @Override
    public void close() throws Exception {
        service.close();
        proxy.close();
    }
}
